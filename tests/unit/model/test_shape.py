# SPDX-License-Identifier: Apache-2.0
"""JSON that may be anybody's."""

import re
from typing import Any

import pytest

from irqaffinity.model.shape import check_shape, parse_json


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (1, int),
        (1.5, float),
        (1, float),
        (True, bool),
        ("x", str),
        (None, (str, None)),
        ("x", (str, None)),
        ([{"a": 1, "more": []}], [{"a": int}]),
        ({"x": "1", "y": "2"}, {...: str}),
        ({}, {"a?": int}),
        (None, ({...: str}, None)),
    ],
)
def test_a_value_of_this_shape(value: Any, shape: Any) -> None:
    check_shape(value, shape)


@pytest.mark.parametrize(
    ("value", "shape", "told"),
    [
        (True, int, "it is not a whole number"),
        (1, bool, "it is not a truth value"),
        ("1", float, "it is not a number"),
        (1 << 62, int, "it is not a whole number"),
        ({"a": 1}, {"a": str}, '"a" is not a text'),
        ({}, {"a": str}, 'it has no "a"'),
        ({"a": [None]}, {"a?": [str]}, 'an item of "a" is not a text'),
        ([], {"a": str}, "it is not an object"),
        ({}, [str], "it is not a list"),
    ],
)
def test_a_value_of_another_shape_is_named(value: Any, shape: Any, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        check_shape(value, shape)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "it is not JSON, beginning with its character 1"),
        (b'{"a": 1', "it is not JSON, beginning with its character 8"),
        (b"[" * 200_000, "it is nested too deep"),
        (b"9" * 20, "it has a number of more than 19 digits"),
        (b"1e999", "it has a number that is none"),
        (b"NaN", "it has a number that is none"),
        (b'"\xff"', "invalid start byte"),
    ],
)
def test_what_is_no_json_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_json(data)


def test_json() -> None:
    assert parse_json(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
