# SPDX-License-Identifier: Apache-2.0
"""Where libvirt is."""

from oslo_config import cfg

from irqaffinity.conf.types import LibvirtUri

GROUP = "libvirt"
OPTS = [
    cfg.Opt(
        "uri",
        type=LibvirtUri("a libvirt URI such as qemu:///system: write one, or remove the option"),
        default="qemu:///system",
        help="The libvirt that runs the guests. The program connects to it read-only.",
    ),
]
