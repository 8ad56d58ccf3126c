# SPDX-License-Identifier: Apache-2.0
"""Times in documents."""

from datetime import datetime

TIME = "%Y-%m-%dT%H:%M:%SZ"


def show_time(time: datetime) -> str:
    """Return a time in UTC, whole seconds."""
    return time.strftime(TIME)
