# SPDX-License-Identifier: Apache-2.0
"""How long the agent waits for the interrupts of a guest that starts."""

from oslo_config import cfg

from irqaffinity.conf.types import Seconds

GROUP = "settle"
OPTS = [
    cfg.Opt(
        "boot",
        type=Seconds(),
        default=300,
        help="For how many seconds to watch a guest that starts while one of its devices has no interrupt yet: the "
        "time that its operating system may take to load the drivers.",
    ),
]
