# SPDX-License-Identifier: Apache-2.0
"""Guesses which known word a user meant by an unknown one."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def guess(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean audit?` for `audti` or `aud`, and nothing where no known word is like it.

    `-v` may mean a long option that begins with that letter.
    """
    import difflib  # noqa: PLC0415  only a mistake needs it

    begun = word[:40].lower()
    names = list(known)
    begun = f"-{begun}" if len(begun) == 2 and begun[0] == "-" else begun
    longer = [name for name in names if name.lower().startswith(begun)] if len(begun) > 1 else []
    alike = longer if len(longer) == 1 else difflib.get_close_matches(begun, names, n=1)
    return f"; did you mean {alike[0]}?" if alike else ""


def name_choices(action: "argparse.Action", kind: str) -> None:
    """Set what the choices of an argument are called (`a column`) in the line that refuses a value."""
    vars(action)["kind"] = kind


def kind_of_choices(action: "argparse.Action") -> str:
    """Return what the choices of an argument are called."""
    return str(vars(action).get("kind", "one of its values"))


def refuse(kind: str, word: str, known: Iterable[str]) -> str:
    """Return the line for an unknown word of this kind (`a column`), with a guess and with all known words."""
    from irqaffinity.model.text import clean  # noqa: PLC0415

    names = list(known)
    return f"'{clean(word[:40])}' is not {kind}{guess(word, names)} ({', '.join(names)})"
