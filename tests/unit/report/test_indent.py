# SPDX-License-Identifier: Apache-2.0
"""JSON over several lines: the same text as Python's own, with far fewer calls."""

import json
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.report.indent import indented

KEYS = st.text(max_size=4) | st.integers() | st.booleans() | st.none()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(VALUES)
def test_any_value_is_the_text_of_python(value: Any) -> None:
    assert indented(value) == json.dumps(value, indent=1)


def test_a_row_costs_few_calls() -> None:
    document = {"irqs": [{f"column {index}": f'"{row}", {{é' for index in range(10)} for row in range(100)]}
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        text = indented(document)
    finally:
        sys.setprofile(None)
    assert calls <= 2500  # json itself makes 22,000
    assert text == json.dumps(document, indent=1)
