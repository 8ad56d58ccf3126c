# SPDX-License-Identifier: Apache-2.0
"""Which devices may be touched."""

from oslo_config import cfg

from irqaffinity.conf.types import DeviceSpecs

GROUP = "pci"
OPTS = [
    cfg.MultiOpt(
        "device_spec",
        item_type=DeviceSpecs(),
        help="Devices whose interrupts may be moved, in the syntax of Nova's option of the same name and group; you "
        "can copy the lines of nova.conf. The option can stand more than once; the first value that matches a device "
        "counts. Without this option, the interrupts of every device of a guest may be moved.",
        sample_default='{"vendor_id": "8086", "product_id": "154c"}',
    ),
]
