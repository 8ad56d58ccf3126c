# SPDX-License-Identifier: Apache-2.0
"""How figures are taken and printed, the same in each benchmark."""

from collections.abc import Sequence


def quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile."""
    ordered = sorted(seconds)
    half, most = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    return half, most


def verdict(value: float, goal: float) -> str:
    """Return what stands behind a value that may be `goal` at most."""
    return f"(at most {goal:g}{'' if value <= goal else ', MISSED'})"
