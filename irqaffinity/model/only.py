# SPDX-License-Identifier: Apache-2.0
"""What a report may be narrowed to with --only."""

import enum


class Only(enum.Enum):
    """A word of --only; what it stands for is in doc/command-line.rst."""

    ERROR = "error"
    CHANGED = "changed"
    REMOTE = "remote"
    PENDING = "pending"
    HELD = "held"
    SKIPPED = "skipped"
    INTRUDERS = "intruders"
