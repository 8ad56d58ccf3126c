# SPDX-License-Identifier: Apache-2.0
"""Which devices may be touched."""

from oslo_config import cfg

from irqaffinity.conf.types import DeviceSpecs

GROUP = "pci"
OPTS = [
    cfg.MultiOpt(
        "device_spec",
        item_type=DeviceSpecs(),
        help="Devices whose interrupts may be moved, in the syntax of Nova's option of the same name and group; the "
        "lines of nova.conf can be copied. Can be given more than once; the first that matches a device counts. "
        "Without any, every device of a guest is meant.",
        sample_default='{"vendor_id": "8086", "product_id": "154c"}',
    ),
]
