# SPDX-License-Identifier: Apache-2.0
"""The screen that shows a report for people."""

import enum
from collections.abc import Iterable
from typing import NamedTuple

from irqaffinity.model.only import Only
from irqaffinity.model.verdict import Verdict
from irqaffinity.report.select import verdicts_of


class Tone(enum.Enum):
    """The meaning of a colour; its value is the parameter of the terminal's SGR sequence (ECMA-48, 8.3.117).

    The worst comes first. A colour is never the only sign: what it stands for is always written too.
    """

    ERROR = "1;31"
    PENDING = "36"
    CHANGED = "33"
    REMOTE = "35"
    HEAD = "1"


class Screen(NamedTuple):
    """Its width in columns, None where lines may have any length, and whether it has colours."""

    width: int | None = None
    is_coloured: bool = False

    def paint(self, text: str, tone: Tone | None) -> str:
        """Return `text` in a colour, where there are colours."""
        return f"\x1b[{tone.value}m{text}\x1b[0m" if tone is not None and text and self.is_coloured else text


ANY_SCREEN = Screen()
"""Lines of any length without colours: for text that may be shown anywhere, or that a program reads."""

_TONES = {
    verdict: tone
    for word, tone in (
        (Only.ERROR, Tone.ERROR),
        (Only.PENDING, Tone.PENDING),
        (Only.HELD, Tone.PENDING),
        (Only.CHANGED, Tone.CHANGED),
    )
    for verdict in verdicts_of([word])
}


def tone_of(verdicts: Iterable[Verdict]) -> Tone | None:
    """Return the tone of the worst of some verdicts."""
    found = {_TONES.get(verdict) for verdict in verdicts}
    return next((tone for tone in Tone if tone in found), None)
