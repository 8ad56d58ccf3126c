# SPDX-License-Identifier: Apache-2.0
"""An argument parser with this program's own exit status, help and error messages."""

import argparse
import itertools
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from irqaffinity.cli.guess import guess, kind_of_choices, refuse
from irqaffinity.cli.output import complain, say
from irqaffinity.cli.usage.command import PROGRAM
from irqaffinity.model.text import clean

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

EXIT_USAGE = 64
"""EX_USAGE of sysexits.h: 2 means that a dry run would change something."""


_NUMBER = re.compile(r"-\d+|-\d*\.\d+")
"""Words that argparse takes as values although they begin with a hyphen."""


class _Formatter(argparse.HelpFormatter):
    """Wraps each line of a text separately, and leaves the options of all commands out of the usage."""

    def _format_usage(self, usage: Any, actions: Iterable[argparse.Action], groups: Any, prefix: str | None) -> str:
        own = [action for action in actions if not is_common(action)]
        return super()._format_usage(usage, own, groups, prefix)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap  # noqa: PLC0415  only for whoever reads the help

        lines = []
        for line in text.splitlines():
            start = re.match(r" *\d+ {2,}| *", line)
            hanging = " " * (start.end() if start else 0)
            lines += textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent + hanging) or [""]
        return "\n".join(lines)


def mark_common(parser: argparse.ArgumentParser) -> None:
    """Mark all options that the parser has by now as those of all commands, which no usage lists."""
    for action in parser._actions:
        vars(action)["is_common"] = True


def is_common(action: argparse.Action) -> bool:
    """Tell whether an option is one of all commands."""
    return "is_common" in vars(action)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes no abbreviations and leaves with 64 on wrong usage."""

    def __init__(self, **options: object) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_Formatter, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Print the usage and `message` to standard error, and leave."""
        complain(f"{self.format_usage()}{self.prog}: {message}; see {self.prog} --help")
        sys.exit(EXIT_USAGE)

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        """Print the help, to standard output where no file is named; raise OutputLost."""
        if file is None:
            say(self.format_help().removesuffix("\n"))
        else:
            super().print_help(file)

    def options(self) -> list[str]:
        """Return the names of the options that the parser has."""
        return list(self._option_string_actions)

    def commands(self) -> Mapping[str, "CommandParser"]:
        """Return the parsers of the commands, by their names."""
        found = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        return dict(next(found).choices)

    def find_unknown(self, arguments: Iterable[str]) -> str | None:
        """Return the first option in `arguments` that the parser does not have."""
        for argument in itertools.takewhile(lambda argument: argument != "--", arguments):
            if len(argument) < 2 or argument[0] != "-" or " " in argument or _NUMBER.fullmatch(argument):
                continue
            name = argument.partition("=")[0]
            joined = None if name.startswith("--") else self._option_string_actions.get(argument[:2])
            if name not in self._option_string_actions and (joined is None or joined.nargs == 0):
                return name
        return None

    def _check_value(self, action: argparse.Action, value: str) -> None:
        """Refuse a value that is not among the choices, and guess which one the user meant."""
        if action.choices is None or value in action.choices:
            return
        names = [str(name) for name in action.choices]
        if isinstance(action, argparse._SubParsersAction):
            meant = guess(value, [*names, *self._option_string_actions])
            self.error(f"'{clean(value[:40])}' is not a command{meant} ({', '.join(names)})")
        raise argparse.ArgumentError(action, refuse(kind_of_choices(action), value, names))


class CommandParser(Parser):
    """The parser of one command, which knows all its arguments.

    `further` are the words that make another command of it (`sriov pools`), and `word_option` is the option that a
    user means who writes another word there.
    """

    further: Sequence[str] = ()
    word_option: str | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Return the arguments; refuse an unknown option first, for it may be a misspelling of one that is missing."""
        unknown = self.find_unknown(args)
        if unknown is not None:
            self.error(_refuse_option(unknown, self.options()))
        parsed, rest = super().parse_known_args(args, namespace)
        if rest:
            self._refuse_word(next((argument for argument in rest if argument != "--"), "--"))
        return parsed, []

    def _refuse_word(self, word: str) -> NoReturn:
        shown = clean(word[:40])
        if f"--{word}" in self.options():
            self.error(f"'{clean(word)}' is one argument too many; did you mean --{word}?")
        if not self.further:
            self.error(f"'{clean(word)}' is one argument too many")
        if word in self.further:
            self.error(f"write {word} first, its options after it: {self.prog} {word}")
        listed = f"({', '.join(f'{self.prog} {name}' for name in self.further)})"
        meant = guess(word, self.further)
        if not meant and self.word_option is not None:
            meant = f"; did you mean {self.word_option} {shown}?"
        self.error(f"'{shown}' is not a command of {self.prog}{meant} {listed}")

    def find_action(self, before: Iterable[str], value: str) -> tuple[argparse.Action, int] | None:
        """Return the argument to which the word `value` after the words `before` belongs; None where there is none.

        The number is where the value begins in the word, as behind the sign of `--guest=NAME`.
        """
        awaited: argparse.Action | None = None
        options, has_positional = True, False
        for word in before:
            if awaited is not None:
                awaited = None
            elif options and word == "--":
                options = False
            elif options and word.startswith("-"):
                known = self._option_string_actions.get(word)
                awaited = known if known is not None and known.nargs is None else None
            else:
                has_positional = True
        if awaited is not None:
            return awaited, 0
        if options and value.startswith("-"):
            name, sign, _ = value.partition("=")
            known = self._option_string_actions.get(name)
            return None if known is None or not sign else (known, len(name) + 1)
        places = [action for action in self._actions if not action.option_strings]
        return None if has_positional or not places else (places[0], 0)


def _refuse_option(name: str, known: Iterable[str]) -> str:
    """Return the line for an option that a command does not have."""
    if name == "--version":
        return f"{name} stands alone: {PROGRAM} {name}"
    meant = guess(name, known) or '; write a value that begins with "-" after -- or ='
    return f"there is no option {clean(name)}{meant}"
