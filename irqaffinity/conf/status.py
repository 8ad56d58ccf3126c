# SPDX-License-Identifier: Apache-2.0
"""Where the agent tells the other commands how it is."""

from oslo_config import cfg

from irqaffinity.conf.status_path import DEFAULT
from irqaffinity.conf.types import FolderPath

GROUP = "status"
OPTS = [
    cfg.Opt(
        "path",
        type=FolderPath(),
        default=DEFAULT,
        help="The file that the agent publishes its status in, for irqaffinity status and check. Every user may read "
        "it; it holds no secret.",
    ),
]
