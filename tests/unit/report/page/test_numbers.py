# SPDX-License-Identifier: Apache-2.0
"""Numbers as a person reads them."""

import pytest

from irqaffinity.report.page.numbers import show_rate, show_share


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (0, "0/s"),
        (0.5, "0.5/s"),
        (9.96, "10/s"),
        (999.4, "999/s"),
        (999.6, "1.0k/s"),
        (1250, "1.2k/s"),
        (99_960, "100k/s"),
        (999_600, "1.0M/s"),
        (3e9, "3.0G/s"),
    ],
)
def test_rates(rate: float, shown: str) -> None:
    assert show_rate(rate) == shown


@pytest.mark.parametrize(("share", "shown"), [(1.0, "100 %"), (0.234, "23 %"), (0.004, "under 1 %")])
def test_a_small_share_is_not_none(share: float, shown: str) -> None:
    assert show_share(share) == shown
