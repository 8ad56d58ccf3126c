# SPDX-License-Identifier: Apache-2.0
"""How long the interrupts of a guest that starts are waited for."""

from oslo_config import cfg

from irqaffinity.conf.types import Seconds

GROUP = "settle"
OPTS = [
    cfg.Opt(
        "boot",
        type=Seconds(),
        default=300,
        help="Seconds for which a guest is watched while one of its devices has shown no interrupt yet: the time that "
        "its operating system may take to load the drivers.",
    ),
]
