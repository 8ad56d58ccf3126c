# SPDX-License-Identifier: Apache-2.0
"""The grammar of `hw:pci_irq_affinity_mask`: which vCPUs of a guest serve its interrupts.

It is the language of Nova's `parse_cpu_spec` (nova/virt/hardware.py) for ASCII decimal digits: elements `N`, `N-M`,
`^N` and `^N-M`, separated by commas; spaces around tokens and empty elements are allowed; exclusions apply wherever
they stand.
"""

from collections.abc import Iterable
from typing import NamedTuple

from irqaffinity.grammar.mask_slips import has_exclusions_alone, mend
from irqaffinity.model.cpuset import LIMIT, CpuSet
from irqaffinity.model.text import clean, name_cpus
from irqaffinity.model.verdict import Status

EXTRA_SPEC = "hw:pci_irq_affinity_mask"

_DIGITS = frozenset("0123456789")
_LONGEST_NUMBER = 4300
"""Digits that int() converts (sys.int_info.default_max_str_digits), and so the longest number that Nova accepts."""


class MaskError(ValueError):
    """A mask is refused: `status` names the rule that it breaks, `position` (from 0) the place; str() says why."""

    def __init__(self, status: Status, text: str, position: int, sentence: str) -> None:
        super().__init__(f"{sentence} (at character {position + 1})" if text.strip() else sentence)
        self.status = status
        self.sentence = sentence
        self.text = text
        self.position = position

    def pointed(self) -> str:
        """Return two lines: the mask, and a caret under the place."""
        return f"{clean(self.text)}\n{' ' * len(clean(self.text[: self.position]))}^"


class _Element(NamedTuple):
    """`first` to `last`, and where each stands in the text; a single number is a range of one."""

    excludes: bool
    first: int
    first_at: int
    last: int
    last_at: int


def parse_mask(text: str, vcpus: int) -> CpuSet:
    """Return the vCPU indexes that `text` chooses in a guest of `vcpus` vCPUs.

    `vcpus` is at most 65536. Raises MaskError, in this order: for bad grammar anywhere, for an index that the guest
    does not have (in an exclusion too, and before any range is expanded), for an empty result. Where only one other
    mask can be meant, the error suggests it.
    """
    try:
        return _parse(text, vcpus)
    except MaskError as error:
        raise MaskError(error.status, text, error.position, f"{error.sentence}{_guess(text, vcpus)}") from None


def _guess(text: str, vcpus: int) -> str:
    """Return `; did you mean 0-7,^3?` where `text` is surely a slip for a valid mask of this guest, else nothing."""
    meant = mend(text)
    lacks_all = has_exclusions_alone(meant)
    try:
        _parse(f"0-{vcpus - 1},{meant}" if lacks_all else meant, vcpus)
    except MaskError:
        return ""
    if not lacks_all:
        return f"; did you mean {meant}?"
    if vcpus < LIMIT:
        return f"; did you mean 0-{vcpus - 1},{meant}?"
    return f"; did you mean 0-N,{meant} with the guest's last vCPU for N?"


def _parse(text: str, vcpus: int) -> CpuSet:
    elements = _read_elements(text)
    for element in elements:
        for index, position in ((element.first, element.first_at), (element.last, element.last_at)):
            if index >= vcpus:
                number = clean(_number_at(text, position))
                guest = "the guest has" if vcpus < LIMIT else "no guest has more than"
                known = name_cpus("vCPU", CpuSet.from_mask((1 << vcpus) - 1))
                sentence = f"vCPU {number} does not exist: {guest} {known}"
                raise MaskError(Status.MASK_OUT_OF_RANGE, text, position, sentence)
    included = _union(element for element in elements if not element.excludes)
    chosen = included - _union(element for element in elements if element.excludes)
    if not chosen:
        raise MaskError(Status.MASK_EMPTY, text, 0, "the mask leaves no vCPU" if elements else "the mask is empty")
    return chosen


def parse_nova_mask(text: str, vcpus: int) -> CpuSet:
    """Return the vCPUs of one of Nova's own masks, in which a leading `^` means all but; raise MaskError.

    These are hw:cpu_dedicated_mask and hw:cpu_realtime_mask (nova/virt/hardware.py, get_dedicated_cpu_constraint and
    get_realtime_cpu_constraint).
    """
    if not text.strip().startswith("^"):
        return parse_mask(text, vcpus)
    all_but = f"0-{vcpus - 1},"
    try:
        return _parse(all_but + text, vcpus)
    except MaskError as error:
        raise MaskError(error.status, text, max(0, error.position - len(all_but)), error.sentence) from None


def check_mask(text: str) -> None:
    """Raise MaskError if no guest could have this mask: none has more than 65536 vCPUs."""
    parse_mask(text, LIMIT)


def _union(elements: Iterable[_Element]) -> CpuSet:
    bits = 0
    for element in elements:
        bits |= (2 << element.last) - (1 << element.first)
    return CpuSet.from_mask(bits)


def _read_elements(text: str) -> list[_Element]:
    reader = _Reader(text)
    elements = []
    while not reader.at_end():
        if not reader.take(","):
            elements.append(_read_element(reader))
            if not reader.at_end() and not reader.take(","):
                raise reader.error(f"{reader.here()} is not expected here: elements are separated by commas")
    return elements


def _read_element(reader: "_Reader") -> _Element:
    excludes = reader.take("^")
    first, first_at = reader.number()
    if not reader.take("-"):
        return _Element(excludes, first, first_at, first, first_at)
    last, last_at = reader.number()
    if last < first:
        raise reader.error(clean(f"the range {first}-{last} runs backwards"), first_at)
    return _Element(excludes, first, first_at, last, last_at)


class _Reader:
    """Walks over a text from token to token, passing over space."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def at_end(self) -> bool:
        while self._position < len(self._text) and self._text[self._position].isspace():
            self._position += 1
        return self._position == len(self._text)

    def here(self) -> str:
        return "the end of the mask" if self.at_end() else f"'{clean(self._text[self._position])}'"

    def take(self, token: str) -> bool:
        if self.at_end() or self._text[self._position] != token:
            return False
        self._position += 1
        return True

    def number(self) -> tuple[int, int]:
        """Return the number that stands here and its position."""
        if self.at_end() or self._text[self._position] not in _DIGITS:
            raise self.error(f"{self.here()} stands where a vCPU number is expected")
        start = self._position
        digits = _number_at(self._text, start)
        if len(digits) > _LONGEST_NUMBER:
            raise self.error(f"a number of {len(digits)} digits is no vCPU number")
        self._position += len(digits)
        return int(digits), start

    def error(self, sentence: str, position: int | None = None) -> MaskError:
        at = self._position if position is None else position
        return MaskError(Status.MASK_INVALID, self._text, at, sentence)


def _number_at(text: str, start: int) -> str:
    end = start
    while end < len(text) and text[end] in _DIGITS:
        end += 1
    return text[start:end]
