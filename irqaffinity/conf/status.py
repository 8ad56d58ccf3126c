# SPDX-License-Identifier: Apache-2.0
"""Where the agent writes its status for the other commands."""

from oslo_config import cfg

from irqaffinity.conf.status_path import DEFAULT
from irqaffinity.conf.types import FolderPath

GROUP = "status"
OPTS = [
    cfg.Opt(
        "path",
        type=FolderPath(),
        default=DEFAULT,
        help="The file to which the agent writes its status, for irqaffinity status and check. Every user may read "
        "it; it holds no secret.",
    ),
]
