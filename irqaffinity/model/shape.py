# SPDX-License-Identifier: Apache-2.0
"""Checks that a JSON document has what its reader needs: the file may be damaged, or another program's.

A shape is a type, a tuple of a shape and None where null is allowed, a list of one shape for its items, or a dict of
shapes by name: `...` stands for any other name, and one that ends in `?` may be missing. What is not named may be
anything.
"""

import json
import math
from typing import Any

_LARGEST = 1 << 62
_LONGEST = 19
"""Digits of 2^63."""
_DEEPEST = 32


def parse_json(data: bytes) -> Any:
    """Return what a JSON document says; raise ValueError, which repeats nothing of what is in it."""
    try:
        return json.loads(data, parse_float=_number, parse_int=_whole, parse_constant=_number)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON, beginning with its character {error.pos + 1}") from None


def _whole(text: str) -> int:
    """Return a whole number as long as programs write them; raise ValueError."""
    if len(text) > _LONGEST:
        raise ValueError(f"it has a number of more than {_LONGEST} digits")
    return int(text)


def _number(text: str) -> float:
    """Return a number that can be computed with; raise ValueError."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("it has a number that is none")
    return number


def check_shape(value: Any, shape: Any) -> None:
    """Raise ValueError, which names the part, where `value` has another shape or is nested too deep to be shown."""
    _check_depth(value, _DEEPEST)
    _check(value, shape, "it")


def _check(value: Any, shape: Any, where: str) -> None:
    if isinstance(shape, dict):
        _check_names(value, shape, where)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise ValueError(f"{where} is not a list")
        for item in value:
            _check(item, shape[0], f"an item of {where}")
    elif isinstance(shape, tuple):
        if value is not None:
            _check(value, shape[0], where)
    elif not _is(value, shape):
        raise ValueError(f"{where} is not a {_NAMES[shape]}")


def _check_names(value: Any, shape: dict[Any, Any], where: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not an object")
    for name, of_name in shape.items():
        if name is ...:
            for item in value.values():
                _check(item, of_name, f"an item of {where}")
        elif name.rstrip("?") in value:
            _check(value[name.rstrip("?")], of_name, f'"{name.rstrip("?")}"')
        elif not name.endswith("?"):
            raise ValueError(f'{where} has no "{name}"')


_NAMES = {int: "whole number", float: "number", str: "text", bool: "truth value"}


def _is(value: Any, kind: type) -> bool:
    """Tell whether a value is of a type that JSON has; a number has to be one that can be computed with."""
    if kind in (str, bool):
        return isinstance(value, kind)
    types = int if kind is int else int | float
    return isinstance(value, types) and not isinstance(value, bool) and abs(value) < _LARGEST


def _check_depth(value: Any, left: int) -> None:
    if not left:
        raise ValueError(f"it has more than {_DEEPEST} lists and objects within each other")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, left - 1)
