# SPDX-License-Identifier: Apache-2.0
"""How much of the history of moved interrupts to keep, for `irqaffinity history`."""

from oslo_config import cfg

from irqaffinity.conf.types import Count
from irqaffinity.model.change import Bounds

GROUP = "history"
OPTS = [
    cfg.Opt(
        "days",
        type=Count("days", 1, 3650),
        default=Bounds().days,
        help="For how many days to keep a line of the history.",
    ),
    cfg.Opt(
        "lines",
        type=Count("lines", 0, 1_000_000),
        default=Bounds().lines,
        help="How many lines of the history to keep at most; the oldest go first. A line takes some 150 bytes in "
        "history.db, in the folder of [state] path: this option limits the size of that file. With 0 no history is "
        "written.",
    ),
]
