# SPDX-License-Identifier: Apache-2.0
"""Writes numbers as briefly as a person reads them."""

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def show_rate(rate: float) -> str:
    """Return interrupts a second: `0.5/s`, `80/s`, `1.2k/s`, `120k/s`."""
    for size, unit in _UNITS:
        if rate >= 0.9995 * size:
            scaled = rate / size
            return f"{scaled:.1f}{unit}/s" if scaled < 99.95 else f"{scaled:.0f}{unit}/s"
    return f"{rate:.1f}/s" if 0 < rate < 9.95 else f"{rate:.0f}/s"


def show_share(share: float) -> str:
    """Return a share as a percentage; one that is small is not shown as none."""
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 1 else "under 1 %"
