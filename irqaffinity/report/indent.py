# SPDX-License-Identifier: Apache-2.0
"""JSON over several lines, as `json.dumps` with `indent=1` makes it, but most of it with the encoder in C.

`json` has that encoder for one line alone. So a row of plain values is made as one line whose commas end in a new line.
"""

import functools
import json
from collections.abc import Callable, Iterable
from typing import Any

_PLAIN = frozenset({str, int, float, bool, type(None)})


def indented(value: Any, depth: int = 0) -> str:
    """Return a value as `json.dumps(value, indent=1)` does, where it stands in `depth` other ones."""
    if not value or not isinstance(value, dict | list | tuple):
        return json.dumps(value)
    first, last = "{}" if isinstance(value, dict) else "[]"
    inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
    if _PLAIN.issuperset(map(type, value.values() if isinstance(value, dict) else value)):
        rows = _encoder(inner)(value)[1:-1]
    else:
        rows = f",{inner}".join(_parts(value, depth + 1))
    return f"{first}{inner}{rows}{outer}{last}"


def _parts(value: Any, depth: int) -> Iterable[str]:
    if not isinstance(value, dict):
        return (indented(item, depth) for item in value)
    return (f"{json.dumps({key: 0})[1:-2]}{indented(item, depth)}" for key, item in value.items())


@functools.cache
def _encoder(inner: str) -> Callable[[Any], str]:
    return json.JSONEncoder(separators=(f",{inner}", ": ")).encode
