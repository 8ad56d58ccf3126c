# SPDX-License-Identifier: Apache-2.0
"""How often the program looks at all guests."""

from oslo_config import cfg

from irqaffinity.conf.types import Seconds

GROUP = "audit"
OPTS = [
    cfg.Opt(
        "interval", type=Seconds(), default=60, help="Seconds from the start of one pass to the start of the next."
    ),
]
