# SPDX-License-Identifier: Apache-2.0
"""Holds in lines for people."""

import pytest

from irqaffinity.model.verdict import Verdict
from irqaffinity.report.holds import show_span
from irqaffinity.report.places import GRAVEST
from irqaffinity.report.screen import Tone, tone_of


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1.0, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (3605, "1 h"),
        (90_000, "1 d 1 h"),
        (864_000, "10 d"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, told: str) -> None:
    assert show_span(seconds) == told


def test_what_is_held_has_its_place_among_the_verdicts_and_its_colour() -> None:
    """As the verdict of a device in `top`, it is below what the next pass moves."""
    assert set(GRAVEST) == set(Verdict)
    assert GRAVEST.index(Verdict.WOULD_SET) < GRAVEST.index(Verdict.HELD) < GRAVEST.index(Verdict.PENDING)
    assert tone_of([Verdict.HELD, Verdict.SET]) is Tone.PENDING
