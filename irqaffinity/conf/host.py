# SPDX-License-Identifier: Apache-2.0
"""Where the host's own file systems are."""

from oslo_config import cfg

GROUP = "host"
OPTS = [
    cfg.StrOpt(
        "proc",
        default="/proc",
        help="Where the host's /proc is. A container mounts at least the host's /proc/irq below this folder.",
    ),
    cfg.StrOpt("sys", default="/sys", help="Where the host's /sys is."),
]
