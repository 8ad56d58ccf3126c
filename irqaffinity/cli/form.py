# SPDX-License-Identifier: Apache-2.0
"""The form of a report: the options -f, -c, --sort and --only, and the report in that form."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from irqaffinity.cli.columns import SPARE
from irqaffinity.cli.guess import name_choices, refuse
from irqaffinity.cli.output import say
from irqaffinity.model.only import Only

_FORMS = ("table", "json", "yaml", "csv", "value")
_DIRECTIONS = {"asc": False, "desc": True}
_COLUMN = "a column"
_ONLY = tuple(word.value for word in Only)


class _Lists(NamedTuple):
    """The main list of a report with its columns; with the argument `other`, another list is the main one."""

    key: str
    columns: Sequence[str]
    other: tuple[str, str, Sequence[str]] | None

    def chosen(self, arguments: argparse.Namespace) -> tuple[str, Sequence[str]]:
        """Return the key of the main list, and its columns."""
        if self.other is not None and getattr(arguments, self.other[0]):
            return self.other[1:]
        return self.key, self.columns


def add_form(
    parser: argparse.ArgumentParser,
    key: str,
    columns: Sequence[str],
    *,
    other: tuple[str, str, Sequence[str]] | None = None,
) -> None:
    """Add -f, -c and --sort for a report whose main list is at `key` of its document: `placement.devices` is nested.

    `other` is (argument, key, columns): where that argument is given, another list is the main one.
    """
    known = ", ".join(columns) + (f"; with --{other[0]}: {', '.join(other[2])}" if other is not None else "")
    all_columns = dict.fromkeys([*columns, *(other[2] if other is not None else ())])
    parser.add_argument("-f", "--format", choices=_FORMS, default="table", help="form of the report")
    column = parser.add_argument(
        "-c",
        "--column",
        dest="columns",
        metavar="COLUMN",
        choices=tuple(all_columns),
        action="append",
        help=f"only this column; can be repeated ({known})",
    )
    name_choices(column, _COLUMN)
    parser.add_argument(
        "--sort",
        metavar="COLUMN[:desc]",
        action="append",
        help="order by this column, :desc for the largest first; can be repeated",
    )
    parser.set_defaults(lists=_Lists(key, columns, other), find_misuse=find_misuse)


def add_only(parser: argparse.ArgumentParser) -> None:
    """Add --only for a report of guests and their devices."""
    parser.add_argument(
        "--only",
        metavar="WORD",
        action="append",
        help=f"show only these ({', '.join(_ONLY)}), separated by commas; the command still works on all",
    )


def only_words(arguments: argparse.Namespace) -> tuple[Only, ...]:
    """Return the words of --only, in the order in which the program declares them."""
    asked = set(_split(arguments.only))
    return tuple(word for word in Only if word.value in asked)


def _split(given: Iterable[str] | None) -> list[str]:
    return [word for text in given or () for word in text.split(",")]


def find_misuse(arguments: argparse.Namespace) -> str | None:
    """Return what is wrong with these arguments, None where nothing is."""
    for word in _split(getattr(arguments, "only", None)):
        if word not in _ONLY:
            return _refuse("--only", "one of its words", word, _ONLY)
    known = arguments.lists.chosen(arguments)[1]
    for column in arguments.columns or ():
        if column not in known:
            return _refuse("-c/--column", _COLUMN, column, known)
    for order in arguments.sort or ():
        column, _, direction = order.partition(":")
        if column not in known:
            return _refuse("--sort", _COLUMN, column, known)
        if direction not in ("", *_DIRECTIONS):
            return _refuse("--sort", "a direction", direction, _DIRECTIONS)
    return None


def _refuse(option: str, kind: str, word: str, known: Iterable[str]) -> str:
    return f"argument {option}: {refuse(kind, word, known)}"


def needs_document(arguments: argparse.Namespace) -> bool:
    """Return whether the report is made from its document, and not by the function that makes its table."""
    return bool(arguments.format != "table" or arguments.columns or arguments.sort)


def say_report(
    arguments: argparse.Namespace,
    document: Mapping[str, Any],
    key: str,
    table: Callable[[], str],
    done: str | None = None,
) -> None:
    """Print a report in the form that the arguments ask for; raise OutputLost, as `say` does."""
    text = render_report(arguments, document, key, table)
    if text is not None:
        say(text, done=done)


def render_report(
    arguments: argparse.Namespace,
    document: Mapping[str, Any],
    key: str,
    table: Callable[[], str],
    *,
    is_line: bool = False,
) -> str | None:
    """Return a report in the form that the arguments ask for, None for one without a line.

    json and yaml show the whole `document`, or with -c a list of objects; csv and value show its main list, which is at
    `key`. A table with -c or --sort shows that list too, else `table` makes it. With `is_line` json is one line.
    """
    if not needs_document(arguments):
        return table()
    from irqaffinity.cli.screen import look_at_screen  # noqa: PLC0415
    from irqaffinity.report import rows as report  # noqa: PLC0415  a probe parses arguments, but prints no report

    columns = arguments.columns or arguments.lists.chosen(arguments)[1]
    rows = sort_as_asked(arguments, _find(document, key))
    form = arguments.format
    if form in ("json", "yaml"):
        shown = report.pick(rows, columns) if arguments.columns else _replace(document, key, rows)
        return report.render_json(shown, is_line=is_line) if form == "json" else report.render_yaml(shown)
    if form == "csv":
        return report.render_csv(rows, columns)
    if form == "value":
        return report.render_values(rows, columns) if rows else None
    orders = {_order(text)[0] for text in arguments.sort or ()}
    spare = () if arguments.columns else [name for name in SPARE if name not in orders]
    return report.render_plain(rows, columns, look_at_screen(arguments), spare)


def sort_as_asked(arguments: argparse.Namespace, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows in the order of --sort."""
    from irqaffinity.report.rows import sort_rows  # noqa: PLC0415

    return sort_rows(rows, [_order(text) for text in arguments.sort or ()])


def _order(text: str) -> tuple[str, bool]:
    column, _, direction = text.partition(":")
    return column, _DIRECTIONS.get(direction, False)


def _find(document: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    name, _, rest = key.partition(".")
    found: Any = document[name]
    return _find(found, rest) if rest else found


def _replace(document: Mapping[str, Any], key: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a document with another main list."""
    name, _, rest = key.partition(".")
    return {**document, name: _replace(document[name], rest, rows) if rest else rows}
