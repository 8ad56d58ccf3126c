# SPDX-License-Identifier: Apache-2.0
"""Reads the clocks that end holds."""

import time
from datetime import datetime, timezone

from irqaffinity.model.hold import Moment
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.observe.root import HostRoot


def read_moment(root: HostRoot) -> Moment:
    """Return now; the boot is that of the host whose /proc the root has.

    CLOCK_BOOTTIME goes on while the host sleeps, and nobody can set it. In a container it is the host's, unless the
    container has a time namespace.
    """
    return Moment(datetime.now(timezone.utc), read_boot_id(root), time.clock_gettime(time.CLOCK_BOOTTIME))
