# SPDX-License-Identifier: Apache-2.0
"""The order of rows, and their forms for other programs."""

import csv
import io
import json
import random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.model.text import printable
from irqaffinity.report.rows import pick, render_csv, render_plain, render_values, render_yaml, sort_rows
from irqaffinity.report.screen import Screen
from irqaffinity.report.width import display_width

PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" \"',;"), max_size=12)
VALUE = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | PRINTABLE.map(printable)
VALUES = VALUE | st.dictionaries(st.sampled_from(["ok", "set"]), st.integers(1, 9))
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(("address", "name", "cpus"), VALUES)), max_size=6)


def ordered(values: list[Any], *, down: bool = False) -> list[Any]:
    """Sort values that come in another order."""
    shuffled = random.Random(1).sample(values, len(values))
    return [row["a"] for row in sort_rows([{"a": value} for value in shuffled], [("a", down)])]


@pytest.mark.parametrize(
    "values",
    [
        [-1, 0, 2.5, 10],
        ["instance-2", "instance-10", "web"],
        ["2,4", "2-3", "10-11", "128"],
        ["0000:02:00.0", "0000:1a:00.0", "0000:81:00.1", "10000:01:00.0"],
        ["1f000000-0000-4000-8000-000000000000", "2e000000-0000-4000-8000-000000000000"],
        ["9", "9" * 19, "9" * 5000],
        ["2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z"],
        ["a-1", "B-1", "c-1"],
    ],
)
def test_values_go_in_the_order_of_people_and_nothing_comes_last(values: list[Any]) -> None:
    assert ordered([*values, None]) == [*values, None]
    assert ordered([*values[::-1], None], down=True) == [*values[::-1], None]


@given(st.lists(VALUES, max_size=8))
def test_any_values_can_be_ordered(values: list[Any]) -> None:
    found = ordered(values)
    assert sorted(map(repr, found)) == sorted(map(repr, values))


def test_the_second_column_decides_where_the_first_is_the_same() -> None:
    rows = [{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}]
    found = sort_rows(rows, [("a", True), ("b", False)])
    assert [(row["a"], row["b"]) for row in found] == [(2, 1), (1, 1), (1, 2)]


def as_cell(value: Any) -> str:
    """Return what a program that reads CSV has to find for a value, once it has taken off the sign of a text."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@given(ROWS)
def test_csv_read_back_is_the_list(rows: list[dict[str, Any]]) -> None:
    columns = ["address", "name", "cpus"]
    text = render_csv(rows, columns)
    assert "\r" not in text
    head, *found = csv.reader(io.StringIO(text))
    assert head == columns
    assert [[cell.removeprefix("'") for cell in line] for line in found] == [
        [as_cell(row[column]) for column in columns] for row in rows
    ]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", "'=1"])
def test_a_name_is_no_formula_of_a_spreadsheet(name: str) -> None:
    row = {"name": name, "offset": -1}
    assert list(csv.reader(io.StringIO(render_csv([row], ["name", "offset"]))))[1] == [f"'{name}", "-1"]
    assert render_values([row], ["name"]) == name
    assert yaml.safe_load(render_yaml([row])) == [row]


@given(st.lists(st.dictionaries(PRINTABLE, VALUES | st.floats(allow_nan=False), max_size=4), max_size=4))
def test_yaml_read_back_is_the_document(document: list[dict[str, Any]]) -> None:
    assert yaml.safe_load(render_yaml(document)) == document


def test_yaml_of_half_a_character_can_be_read_back() -> None:
    document = {"name": "\ud800 \u6d4b", "rows": [{"\udc80": "\udc80"}]}
    text = render_yaml(document)
    assert yaml.safe_load(text) == document
    assert text.encode()


def test_csv_leaves_the_sign_of_nothing_as_it_is() -> None:
    assert render_csv([{"cpus": "-"}], ["cpus"]) == "cpus\n-"


def test_yaml_says_cpu_sets_and_addresses_as_text() -> None:
    document = {"cpus": "14", "list": "0-7,9", "address": "0000:41:02.0", "yes": "no", "null": None, "mask": "1_0"}
    assert yaml.safe_load(render_yaml(document)) == document
    assert list(yaml.safe_load(render_yaml(document))) == list(document)


def test_a_row_without_a_column_has_nothing_there() -> None:
    rows = [{"a": "x"}, {"b": {"ok": 2}, "a": ""}]
    assert pick(rows, ["b"]) == [{"b": None}, {"b": {"ok": 2}}]
    assert render_values(rows, ["a", "b"]) == 'x None\nNone {"ok":2}'
    assert render_plain(rows, ["a", "b"]) == 'A  B\nx  -\n-  {"ok":2}'
    assert render_csv([], ["a", "b"]) == "a,b"


def test_no_row_of_a_hostile_document_breaks_a_line() -> None:
    rows = [{"a": "x\n\x1b[31m", "b": {"\u202e": 1}}]
    for text in (render_plain(rows, ["a", "b"]), render_values(rows, ["a", "b"]), render_csv(rows, ["a", "b"])):
        assert text.splitlines()[-1].isprintable()
        assert r"x\x0a\x1b[31m" in text


def test_a_plain_table_breaks_sentences_and_no_name() -> None:
    message = "no chosen CPU is on its NUMA node"
    rows = [{"address": "0000:81:00.1", "name": "测试", "message": message}]
    lines = render_plain(rows, ["address", "name", "message"], Screen(36)).splitlines()
    assert lines == [
        "ADDRESS       NAME  MESSAGE",
        "0000:81:00.1  测试  no chosen CPU is",
        "                    on its NUMA node",
    ]
    assert max(map(display_width, lines)) <= 36
    wide = render_plain(rows, ["address", "name", "message"])
    assert render_plain(rows, ["address", "name", "message"], Screen(12)) == wide


def test_a_plain_table_leaves_spare_columns_out_until_it_fits() -> None:
    rows = [{"a": "a" * 10, "b": "b" * 10, "c": "c" * 10, "d": "some words"}]
    columns, spare = ["a", "b", "c", "d"], ["b", "x", "d", "a"]

    def head(width: int | None) -> list[str]:
        return render_plain(rows, columns, Screen(width), spare).splitlines()[0].split()

    assert head(None) == head(41) == ["A", "B", "C", "D"]
    assert head(40) == head(29) == ["A", "C", "D"]
    assert head(28) == ["A", "C"]
    assert head(21) == head(1) == ["C"]
