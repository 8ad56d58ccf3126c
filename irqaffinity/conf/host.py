# SPDX-License-Identifier: Apache-2.0
"""Where the host's own file systems are."""

from oslo_config import cfg

from irqaffinity.conf.types import FolderPath

GROUP = "host"
OPTS = [
    cfg.Opt(
        "proc",
        type=FolderPath(),
        default="/proc",
        help="Where the host's /proc is. A container mounts at least the host's /proc/irq below this folder.",
    ),
    cfg.Opt("sys", type=FolderPath(), default="/sys", help="Where the host's /sys is."),
]
