# SPDX-License-Identifier: Apache-2.0
"""Where the state is kept."""

from oslo_config import cfg

from irqaffinity.conf.types import FolderPath

GROUP = "state"
OPTS = [
    cfg.Opt(
        "path",
        type=FolderPath(),
        default="/var/lib/irqaffinity",
        help="The folder of the state, which says after a restart which interrupts were moved and from where. It must "
        "belong to the user that irqaffinity runs as, with mode 0700, and must not be a link.",
    ),
]
