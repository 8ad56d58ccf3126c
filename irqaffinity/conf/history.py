# SPDX-License-Identifier: Apache-2.0
"""How much is kept of what was moved, for `irqaffinity history`."""

from oslo_config import cfg

from irqaffinity.conf.types import Count
from irqaffinity.model.change import Bounds

GROUP = "history"
OPTS = [
    cfg.Opt(
        "days",
        type=Count("days", 1, 3650),
        default=Bounds().days,
        help="How many days a line of the history is kept.",
    ),
    cfg.Opt(
        "lines",
        type=Count("lines", 0, 1_000_000),
        default=Bounds().lines,
        help="How many lines of the history are kept at most, the latest. One takes some 150 bytes in history.db, in "
        "the folder of [state] path, whose size this bounds. With 0 no history is written.",
    ),
]
