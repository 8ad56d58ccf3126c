# SPDX-License-Identifier: Apache-2.0
"""Where libvirt is."""

from oslo_config import cfg

GROUP = "libvirt"
OPTS = [
    cfg.StrOpt(
        "uri",
        default="qemu:///system",
        help="The libvirt that runs the guests. A read-only connection is all that is opened.",
    ),
]
