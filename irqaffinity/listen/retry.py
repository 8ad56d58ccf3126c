# SPDX-License-Identifier: Apache-2.0
"""How long to wait before something that failed is tried again."""

import random
from collections.abc import Iterator

_FIRST, _LONGEST = 1.0, 30.0


def delays() -> Iterator[float]:
    """Give seconds without end: 1, 2, 4 ... 30, each up to half longer or shorter, so that hosts are not in step."""
    delay = _FIRST
    while True:
        yield delay * random.uniform(0.5, 1.5)
        delay = min(delay * 2, _LONGEST)
