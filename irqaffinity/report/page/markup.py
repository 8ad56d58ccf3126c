# SPDX-License-Identifier: Apache-2.0
"""Builds HTML, and escapes every text in it that is not Markup."""

import html
from collections.abc import Iterable

_VOID = frozenset({"input", "link", "meta"})
"""Elements without an end tag (HTML Living Standard, 13.1.2); those of SVG have one here."""


class Markup(str):
    """HTML that was built here, which nothing escapes again."""

    __slots__ = ()


Content = str | int | None
"""A text or number, which is escaped unless it is Markup; None stands for no content."""


def element(name: str, *content: Content, **attributes: Content) -> Markup:
    """Return one element. `class_` is the attribute class, `data_k` is data-k; one that is None is left out."""
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{named}>") if name in _VOID else Markup(f"<{name}{named}>{join(content)}</{name}>")


def join(parts: Iterable[Content], between: str = "") -> Markup:
    """Return the parts as one piece of HTML."""
    return Markup(
        between.join(part if isinstance(part, Markup) else html.escape(str(part)) for part in parts if part is not None)
    )
