# SPDX-License-Identifier: Apache-2.0
"""PCI devices without SR-IOV, and functions with a vdpa device."""

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.plain_devices import functions_with_vdpa, read_plain_devices
from tests.fakes.host import FakeHost
from tests.fakes.tree import sriov_host

GPU = "0000:c1:00.0"


def test_devices_without_sriov_are_read_with_what_specs_look_at(host: FakeHost) -> None:
    sriov_host(host)
    host.add_device(GPU, 1, vendor="0x10de", product="0x25b6")
    physical = {PciAddress.parse(address) for address in ("0000:41:00.0", "0000:41:00.1", "0000:81:00.0")}
    (device,) = read_plain_devices(host.root, physical)
    assert (str(device.address), device.vendor, device.product, device.numa_node) == (GPU, "10de", "25b6", 1)


def test_one_that_cannot_be_read_says_so(host: FakeHost) -> None:
    folder = host.add_device(GPU, 1)
    (folder / "vendor").unlink()
    (folder / "vendor").mkdir()
    (device,) = read_plain_devices(host.root, ())
    assert (device.trouble or "").startswith(f"{host.sys}/bus/pci/devices/{GPU}/vendor: ")


def test_functions_with_a_vdpa_device_are_found(host: FakeHost) -> None:
    sriov_host(host)
    assert functions_with_vdpa(host.root) == frozenset()
    host.add_vdpa("vdpa0", "vhost-vdpa-0", "0000:41:02.2")
    assert functions_with_vdpa(host.root) == {PciAddress.parse("0000:41:02.2")}
