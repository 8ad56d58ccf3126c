# SPDX-License-Identifier: Apache-2.0
"""Where the status is, told without reading the configuration: the same path, or no answer."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from irqaffinity.conf.load import ConfigError, load
from irqaffinity.conf.status_path import DEFAULT, path_without_library

WORDS = ("status", "STATUS", "path", "host", "DEFAULT", "/x")
SIGNS = "[]=:#;$\\ \t\n\r\x0b\x1c\x85\u2028\ufeff"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of the configuration."""
    return tmp_path_factory.mktemp("status") / "own.conf"


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("", True),
        ("[DEFAULT]\ntransport_url = rabbit://a:b@c/status\n[state]\npath = /var/lib/status\n", True),
        ("# for irqaffinity status [status]\n;[status]\n#config_source =\n", True),
        ("[status]\n", False),
        ("[state]\npath = /s\r[Status]\rpath = /x\r", False),
        ("[DEFAULT]\nconfig_source = elsewhere\n", False),
        ("[placement]\nnuma = nonsense\n", True),
    ],
)
def test_a_file_without_the_group_leaves_the_path_as_it_is(file: Path, text: str, is_told: bool) -> None:
    file.write_text(text, newline="")
    assert path_without_library([str(file)], None) == (DEFAULT if is_told else None)


@given(st.lists(st.sampled_from((*WORDS, *SIGNS)), max_size=12).map("".join))
@example("[status]\npath=/x")
@example("[DEFAULT]\nhost=a\r[STATUS]\rpath=/x")
@example("#\u2028\n[status]\npath:/x")
def test_what_is_told_is_what_the_library_reads(file: Path, text: str) -> None:
    file.write_text(text, newline="")
    told = path_without_library([str(file)], None)
    try:
        read = load([str(file)]).status_path
    except ConfigError:
        return
    assert told in (None, read)


def test_folders_are_looked_through_as_well(tmp_path: Path) -> None:
    (tmp_path / "10.conf").write_text("[status]\npath = /x\n")
    (tmp_path / "20.txt").write_text("")
    assert path_without_library(["/dev/null"], [str(tmp_path)]) is None
    (tmp_path / "10.conf").rename(tmp_path / "10.kept")
    assert path_without_library(["/dev/null"], [str(tmp_path)]) == DEFAULT


@pytest.mark.parametrize("name", ["irqaffinity.conf", "irqaffinity.conf.d/own.conf", ".irqaffinity/irqaffinity.conf"])
def test_the_usual_files_are_looked_through(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("[status]\npath = /x\n")
    assert path_without_library(None, None) is None


@pytest.mark.parametrize("variable", ["OS_STATUS__PATH", "OS_DEFAULT__CONFIG_SOURCE"])
def test_the_environment_may_name_another(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/x")
    assert path_without_library([os.devnull], None) is None


@pytest.mark.parametrize("text", [None, b"\xff"])
def test_what_cannot_be_read_is_left_to_the_library(tmp_path: Path, text: bytes | None) -> None:
    file = tmp_path / "own.conf"
    if text is not None:
        file.write_bytes(text)
    assert path_without_library([str(file)], None) is None
