# SPDX-License-Identifier: Apache-2.0
"""A function of SR-IOV as the device that device_spec is matched with."""

from irqaffinity.model.host import Device
from irqaffinity.model.sriov import Function, PhysicalFunction


def as_device(function: Function | PhysicalFunction, parent: Device | None = None) -> Device:
    """Return a function as a device_spec looks at it."""
    return Device(
        function.address,
        numa_node=function.numa_node,
        vendor=function.vendor,
        product=function.product,
        netdevs=() if function.netdev is None else (function.netdev, *function.other_netdevs),
        parent=None if parent is None else parent.address,
        parent_netdevs=() if parent is None else parent.netdevs,
    )
