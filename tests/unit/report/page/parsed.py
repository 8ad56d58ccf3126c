# SPDX-License-Identifier: Apache-2.0
"""Reads HTML strictly: what is opened has to be closed, in turn."""

from collections.abc import Iterator
from html.parser import HTMLParser

_VOID = {"input", "link", "meta", "wbr"}


class Element:
    """An element with its attributes and what is in it."""

    def __init__(self, name: str, attributes: dict[str, str | None]) -> None:
        self.name = name
        self.attributes = attributes
        self.content: list[Element | str] = []

    @property
    def text(self) -> str:
        """All text in it."""
        return "".join(part if isinstance(part, str) else part.text for part in self.content)

    def find(self, name: str, **attributes: str) -> "list[Element]":
        """Return the elements in it with this name, and these classes or attributes."""
        return [found for found in self._all() if found.name == name and found._has(attributes)]

    def _has(self, attributes: dict[str, str]) -> bool:
        classes = (self.attributes.get("class") or "").split()
        return all(
            set(value.split()) <= set(classes) if name == "class_" else self.attributes.get(name) == value
            for name, value in attributes.items()
        )

    def _all(self) -> "Iterator[Element]":
        for part in self.content:
            if isinstance(part, Element):
                yield part
                yield from part._all()


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        found = Element(tag, dict(attrs))
        self._open[-1].content.append(found)
        if tag not in _VOID:
            self._open.append(found)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag, tag

    def handle_data(self, data: str) -> None:
        self._open[-1].content.append(data)

    def end(self) -> Element:
        """Return the whole."""
        self.close()
        assert self._open == [self.root]
        return self.root


def parse(text: str) -> Element:
    """Return a page, or a part of one, as a tree."""
    parser = _Parser()
    parser.feed(text)
    return parser.end()
