# SPDX-License-Identifier: Apache-2.0
"""What `irqaffinity top` shows, and how the keys change it. It knows no terminal: keys come as names, lines go as text.

A key is the character that it types, or one of `up`, `down`, `page up`, `page down`, `home`, `end`, `enter`, `escape`,
`backspace` and `tab`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irqaffinity.report.fit import Cell, Line, cut_line
from irqaffinity.report.top import Order, choose, foreign_line, head_line, wrong_lines
from irqaffinity.report.top_tables import By, table

_ORDERS = {"r": Order.RATE, "o": Order.OUTSIDE, "n": Order.NAME, "d": Order.PLACE, "v": Order.VERDICT}
_HEADS = 4
"""Lines above the table."""

HELP = """\
b, Tab     by device, by guest, by CPU, by intruder in turn
r          order by interrupts a second
o          order by the share that arrives outside the target
n          order by the guest's name
d          order by device or CPU
v          order by verdict, what is wrong first
           the same key again reverses the order
/          show only lines in which all these words stand;
           Enter keeps them, Escape takes them away
p, space   pause, and go on
l          look at the guests again, now
arrows, Page Up, Page Down, Home, End   move in the table
h, ?       this help
q, Ctrl-C  leave"""


@dataclass(frozen=True, slots=True)
class Around:
    """What the head of the view says of the view itself: the length of an interval in `seconds`, and its own cost.

    `share` is the share of one CPU that the view takes. `is_slowed` is true where the interval is longer than the user
    asked for, to keep that share small. `trouble` is why the view may show old values.
    """

    seconds: float
    share: float
    is_slowed: bool = False
    trouble: str | None = None


class View:
    """The state of the view: its table, order, filter and place."""

    def __init__(self, by: By) -> None:
        self.by = by
        self.order, self.is_turned = Order.RATE, False
        self.words = ""
        self.is_paused = self.has_ended = self.wants_look = False
        self._typed: str | None = None
        self._shows_help = False
        self._first = 0
        self._page = 1

    def press(self, key: str) -> None:
        """Do what a key means."""
        if self._typed is not None:
            self._type(key)
        elif self._shows_help:
            self._shows_help, self.has_ended = False, key == "q"
        elif key in _ORDERS:
            self.is_turned = not self.is_turned if self.order is _ORDERS[key] else False
            self.order = _ORDERS[key]
        else:
            self._press_other(key)

    def _press_other(self, key: str) -> None:
        match key:
            case "q":
                self.has_ended = True
            case "h" | "?":
                self._shows_help = True
            case "b" | "tab":
                kinds = list(By)
                self.by, self._first = kinds[(kinds.index(self.by) + 1) % len(kinds)], 0
            case "/":
                self._typed = self.words
            case "escape":
                self.words = ""
            case "p" | " ":
                self.is_paused = not self.is_paused
            case "l":
                self.wants_look = True
            case _:
                steps = {"up": -1, "down": 1, "page up": -self._page, "page down": self._page}
                self._first = {"home": 0, "end": 1 << 30}.get(key, self._first + steps.get(key, 0))

    def _type(self, key: str) -> None:
        """Change the words of the filter while the user types them."""
        typed = self._typed or ""
        if key in ("enter", "escape"):
            self.words, self._typed = typed if key == "enter" else "", None
        elif key == "backspace":
            self._typed = typed[:-1]
        elif len(key) == 1 and key.isprintable():
            self._typed = typed + key
        if self._typed is not None:
            self.words = self._typed

    def lines(self, document: Mapping[str, Any] | None, around: Around, width: int, height: int) -> list[Line]:
        """Return at most `height` lines of at most `width` columns: four heads, the table, and the keys."""
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return [cut_line((Cell(f"{LEAST_WIDTH} x {LEAST_HEIGHT} are needed"),), width)][:height]
        room = height - _HEADS - 1
        if self._shows_help:
            body: Sequence[Line] = [(Cell(text),) for text in HELP.split("\n")]
        elif document is None:
            body = [(), (Cell(f"The first interval takes {around.seconds:.0f} s."),)]
        else:
            body = self._table(document, width, room)
        heads = self._heads(document, around)
        lines = [*heads, *body[:room], *[()] * (room - len(body)), (Cell(self._keys()),)]
        return [cut_line(line, width) for line in lines]

    def _table(self, document: Mapping[str, Any], width: int, room: int) -> list[Line]:
        rows = choose(document, self.by, self.words.lower().split(), self.order, turned=self.is_turned)
        self._page = max(1, room - 1)
        self._first = max(0, min(self._first, len(rows) - self._page))
        shown = rows[self._first : self._first + self._page]
        lines = table(document, self.by, shown, width)
        return lines if rows else [*lines, (Cell("no line has these words" if self.words else "nothing is here"),)]

    def _heads(self, document: Mapping[str, Any] | None, around: Around) -> list[Line]:
        pace = f"every {around.seconds:.1f} s"
        cost = f"own cost {100 * around.share:.1f}% of a CPU{', slowed for it' if around.is_slowed else ''}"
        pause = "PAUSED  " if self.is_paused else ""
        if document is None:
            first = f"irqaffinity top  {pace}"
            return [(Cell(first),), (), (Cell(around.trouble or "", True),), ()]
        when = document["time"].partition("T")[2]
        first = f"{pause}irqaffinity top  {document['host']}  {when}  {pace}, {cost}"
        posted = document["host_facts"]["posted_interrupts"]
        wrong = wrong_lines(document)
        notes = [wrong.pop()] if posted else []
        if self.by.shows_foreign:
            notes.append(foreign_line(document))
        troubles = ([around.trouble] if around.trouble else []) + wrong
        third = (
            Cell(f"wrong: {'; '.join(troubles)}", is_wrong=True) if troubles else Cell("nothing is known to be wrong")
        )
        return [(Cell(first),), (Cell(head_line(document)),), (third,), (Cell("; ".join(notes)),)]

    def _keys(self) -> str:
        if self._typed is not None:
            return f"/{self._typed}_"
        kept = f"  only: {self.words}" if self.words else ""
        turned = " turned round" if self.is_turned else ""
        return f"q quit  h help  b by {self.by.value}{kept}  order {self.order.word}{turned}  / only  p pause"


LEAST_WIDTH = 40
LEAST_HEIGHT = 10
