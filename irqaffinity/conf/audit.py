# SPDX-License-Identifier: Apache-2.0
"""How often everything is looked at."""

from oslo_config import cfg

from irqaffinity.conf.types import Seconds

GROUP = "audit"
OPTS = [
    cfg.Opt("interval", type=Seconds(), default=60, help="Seconds from the start of one pass to that of the next."),
]
