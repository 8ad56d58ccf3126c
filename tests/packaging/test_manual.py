# SPDX-License-Identifier: Apache-2.0
"""The manual pages and the completion for bash: made of the sources as they are, and complete."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from irqaffinity.cli.arguments import COMMANDS, declared, make_parser
from irqaffinity.cli.parser import Parser
from irqaffinity.conf import broker_options, options
from tests.artefacts import TREE

TAB = r"""
. "$0"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
$(complete -p irqaffinity | sed 's/.* -F \([^ ]*\) .*/\1/')
printf '%s\n' "${COMPREPLY[@]}"
"""
"""What bash does when TAB is pressed behind the last of its arguments."""

NAMES = ("irqaffinity.1", "irqaffinity.conf.5")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both pages in the form of groff."""
    folder = tmp_path_factory.mktemp("man")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "man", "-d", folder / "doctrees", TREE / "doc", folder]
    subprocess.run(command, check=True)
    return folder


def shown(page: Path) -> str:
    """Return the page as man shows it, in lines as long as they have to be."""
    command = ["man", "--local-file", "--nh", "--nj", page]
    environment = os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "1000"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def section(text: str, title: str) -> str:
    """Return what stands below a heading, up to the next of its kind."""
    indent = r" {3}" if title.islower() else ""
    found = re.search(rf"(?ms)^{indent}{title}$\n(.*?)(?=^ {{0,3}}\S|\Z)", text)
    assert found is not None, f"there is no section {title}"
    return found[1]


def commands() -> dict[str, Parser]:
    return next(action.choices for action in make_parser()._actions if action.dest == "command")


@pytest.mark.parametrize("name", NAMES)
def test_groff_has_nothing_to_say_against_a_page(name: str, pages: Path) -> None:
    command = ["groff", "-man", "-ww", "-t", "-K", "utf8", "-T", "utf8", "-z", pages / name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_page_refers_to_nothing_that_only_the_guide_has(name: str, pages: Path) -> None:
    assert re.findall(r".*<>.*|.*\.rst\b.*", shown(pages / name)) == []


def test_irqaffinity_1_has_every_command_and_every_option(pages: Path) -> None:
    text = shown(pages / "irqaffinity.1")
    for action in make_parser()._actions:
        for option in action.option_strings:
            assert re.search(rf"(?m)^ +(.*, )?{option}\b", section(text, "OPTIONS")), option
    common = {option for action in make_parser()._actions for option in action.option_strings}
    for name, command in commands().items():
        told = section(text, name)
        for action in command._actions:
            for word in action.option_strings or [action.metavar]:
                assert word in common or re.search(rf"(?m)^ +(.*, )?{word}\b", told), f"{name} {word}"


def test_irqaffinity_1_has_every_word_that_an_option_takes(pages: Path) -> None:
    text = shown(pages / "irqaffinity.1")
    for name, command in commands().items():
        for action in command._actions:
            is_column = {"--column", "--sort"} & set(action.option_strings)
            told = section(text, "FORMATS") if is_column else section(text, name) + section(text, "OPTIONS")
            missing = [word for word in action.choices or () if not re.search(rf"\b{word}\b", told)]
            assert not missing, f"{name} {action.option_strings}: {missing}"


def test_irqaffinity_1_has_the_sections_that_are_looked_for(pages: Path) -> None:
    text = shown(pages / "irqaffinity.1")
    for title in ("NAME", "SYNOPSIS", "ENVIRONMENT", "FILES", "SIGNALS", "EXAMPLES", "SEE ALSO"):
        assert section(text, title).strip()
    assert re.findall(r"(?m)^ +(\d+) ", section(text, "EXIT STATUS")) == ["0", "1", "2", "64", "130"]


def test_irqaffinity_1_has_the_examples_of_each_command(pages: Path) -> None:
    told = section(shown(pages / "irqaffinity.1"), "EXAMPLES")
    for name in COMMANDS:
        for example in declared(name).examples:
            assert f"irqaffinity {example.line}\n" in told


def test_irqaffinity_conf_5_has_every_option_in_its_group(pages: Path) -> None:
    text = shown(pages / "irqaffinity.conf.5")
    listed = text[text.index("ALL OPTIONS") :]
    groups = dict.fromkeys(re.findall(r"(?m)^ {3}(\S+)$", listed), "")
    for found in re.finditer(r"(?ms)^ {3}(\S+)$\n(.*?)(?=^ {0,3}\S|\Z)", listed):
        groups[found[1]] += found[2]
    for group, of_group in [*options.list_opts(), *broker_options.list_opts()]:
        for option in of_group:
            assert re.search(rf"(?m)^ {{7}}{option.dest}$", groups[group]), f"[{group}] {option.dest}"


@pytest.fixture(scope="module")
def completion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bash") / "irqaffinity"
    command, environment = [sys.executable, TREE / "tools/completion.py"], os.environ | {"PYTHONPATH": str(TREE)}
    path.write_bytes(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    return path


def complete(completion: Path, *words: str) -> list[str]:
    """Return what bash offers for the last word, when TAB is pressed behind it."""
    command = ["bash", "--norc", "-c", TAB, completion, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_tab_completes_commands_options_values_and_paths(completion: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.d").mkdir()
    (tmp_path / "file.conf").touch()
    assert complete(completion, "irqaffinity", "") == [name for name in commands() if " " not in name]
    assert complete(completion, "irqaffinity", "sriov", "") == ["pools", "device-spec", "apply"]
    assert complete(completion, "irqaffinity", "--proc", "/p", "sriov", "--fr") == ["--free"]
    assert complete(completion, "irqaffinity", "sriov", "pools", "--st") == ["--state"]
    assert complete(completion, "irqaffinity", "au") == ["audit"]
    assert complete(completion, "irqaffinity", "audit", "--d") == ["--debug", "--dry-run", "--device"]
    assert complete(completion, "irqaffinity", "--proc", "/p", "check", "--he") == ["--help", "--health"]
    assert complete(completion, "irqaffinity", "audit", "--once", "-f", "j") == ["json"]
    assert complete(completion, "irqaffinity", "status", "--format", "") == ["table", "json", "yaml", "csv", "value"]
    assert complete(completion, "irqaffinity", "status", "-c", "n") == ["name", "numa_node"]
    assert complete(completion, "irqaffinity", "--color", "a") == ["auto", "always"]
    assert complete(completion, "irqaffinity", "--config-file", f"{tmp_path}/fi") == [f"{tmp_path}/file.conf"]
    assert complete(completion, "irqaffinity", "audit", "--state", f"{tmp_path}/f") == [f"{tmp_path}/folder.d"]
