# SPDX-License-Identifier: Apache-2.0
"""Guesses what somebody meant by a mask that is refused: known slips, each with one sure remedy."""

import re

_LONGEST = 80
"""The longest mask, in characters, for which a guess is made: a longer guess would bury the complaint."""

_SLIPS = (
    (re.compile(r"^[\s'\"\[({]+|[\s'\"\])}]+$"), ""),
    (re.compile(r"[;|]"), ","),
    (re.compile(r"\.{2,3}|[\u2010-\u2015\u2212]"), "-"),
    (re.compile(r"!"), "^"),
    (re.compile(r"(?<=[0-9])\s+(?=[0-9^])|(?<=[0-9])(?=\^)"), ","),
    (re.compile(r"\s+"), ""),
)
"""Quotes and brackets around it, other separators, other hyphens, another sign for `not`, and no separator at all."""

_RANGE = re.compile(r"([0-9]+)-([0-9]+)")


def mend(text: str) -> str:
    """Return `text` without the known slips, empty where it is too long; the result may still be no valid mask."""
    if len(text) > _LONGEST:
        return ""
    for slip, remedy in _SLIPS:
        text = slip.sub(remedy, text)
    return _RANGE.sub(_forwards, text)


def has_exclusions_alone(mask: str) -> bool:
    """Tell whether a mended mask has exclusions alone, with nothing to exclude them from."""
    return all(element.startswith("^") for element in mask.split(",") if element) and "^" in mask


def _forwards(found: re.Match[str]) -> str:
    first, last = sorted(found.groups(), key=int)
    return f"{first}-{last}"
