# SPDX-License-Identifier: Apache-2.0
"""What tools/test runs for which words, and which interpreter tools/setup takes."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.artefacts import TREE

DEBIAN_PYTHON = Path("/usr/bin/python3")


def program(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with nothing but the tools."""
    shutil.copytree(TREE / "tools", tmp_path / "tree/tools")
    return tmp_path / "tree"


def tox_runs(tree: Path, *arguments: str, failing: str = "nothing") -> list[str]:
    """Return what tools/test gives to tox, a line a run; a run whose line has `failing` in it fails."""
    program(tree / "tools/setup")
    program(tree / ".venv/bin/tox", 'echo "$*" >>tox.log', f'case "$*" in *{failing}*) exit 1 ;; esac')
    done = subprocess.run([tree / "tools/test", *arguments], stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    assert done.returncode == (0 if failing == "nothing" else 1)
    return (tree / "tox.log").read_text().splitlines()


SUITE = [
    "run-parallel -q --skip-missing-interpreters=true -e oldest,unit,lint,docs",
    "run -qq -e py3 -- tests/functional",
    "run -qq -e lab",
    "run -qq -e packaging",
]


def test_without_a_word_the_whole_suite_runs(tree: Path) -> None:
    assert tox_runs(tree) == SUITE


def test_quick_runs_what_needs_few_minutes(tree: Path) -> None:
    assert tox_runs(tree, "quick") == ["run -q -e lint", "run -qq -e unit", SUITE[1]]


def test_full_runs_the_whole_suite_with_more_steps_and_releases(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A python3.12 that is none, such as one that pyenv has for other folders, counts as missing."""
    pythons = {"3.10": "pyenv/versions/3.10.9/bin/python", "3.12": "first/python3.12", "3.13": "first/python3.13"}
    for version, name in pythons.items():
        program(tree / name, f"echo {version}" if version != "3.12" else "exit 127")
    for name in ("python3.10", "python3.11"):
        program(tree / "first" / name, "exit 127")
    monkeypatch.setenv("PATH", f"{tree}/first:{os.environ['PATH']}")
    monkeypatch.setenv("PYENV_ROOT", str(tree / "pyenv"))
    assert tox_runs(tree, "full") == [
        "run-parallel -q --skip-missing-interpreters=true -e oldest,lint,docs",
        "run -qq -e unit -- --random-steps=200000 --hypothesis-profile=random",
        SUITE[1],
        f"run -qq -e py310,py313 --discover {tree / pythons['3.10']} {tree / pythons['3.13']} -- tests/unit",
        "run -q -e newest,caracal,epoxy,flamingo,gazpacho",
        "run -q --skip-missing-interpreters=true -e oldest,newest -- tests/functional",
        *SUITE[2:],
    ]
    missing = re.findall(r"there is no Python (\S+) here", capfd.readouterr().out)
    assert missing == ["3.11", "3.12"]


@pytest.mark.parametrize(
    ("arguments", "run"),
    [
        (["tests/unit/plan", "-k", "spread"], "run -qq -e py3 -- tests/unit/plan -k spread"),
        (["tests/lab/test_debian.py"], "run -qq -e lab -- tests/lab/test_debian.py"),
        (["tests/packaging"], "run -qq -e packaging -- tests/packaging"),
    ],
)
def test_a_path_runs_that_part_alone(tree: Path, arguments: list[str], run: str) -> None:
    assert tox_runs(tree, *arguments) == [run]


def test_the_first_part_that_fails_is_the_last(tree: Path) -> None:
    assert tox_runs(tree, failing="functional") == SUITE[:2]


def test_quick_takes_no_path(tree: Path) -> None:
    program(tree / "tools/setup")
    program(tree / ".venv/bin/tox", "echo ran")
    command = [tree / "tools/test", "quick", "tests/unit"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (64, "")
    assert "tools/test PATH..." in done.stderr


def set_up(tree: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tools/setup where another python3 stands first in PATH, and no package can be had: it ends after the venv."""
    program(tree / "first/python3", "echo used >>other.log", "exit 97")
    shutil.copy(TREE / "bindep.txt", tree)
    base = {"PATH": f"{tree}/first:{os.environ['PATH']}", "HOME": str(tree), "PIP_NO_INDEX": "1"}
    command = [tree / "tools/setup"]
    return subprocess.run(command, env=base | environment, capture_output=True, text=True, check=False)


@pytest.fixture
def distribution() -> None:
    """What follows needs an interpreter of the distribution's that an environment can be made with."""
    judge = "import ensurepip, sys; sys.exit(sys.version_info < (3, 10))"
    if not DEBIAN_PYTHON.exists() or subprocess.run([DEBIAN_PYTHON, "-c", judge], check=False).returncode:
        pytest.skip("this machine's distribution has no Python 3.10 with venv and ensurepip")


def test_the_environment_is_made_with_the_distributions_own_interpreter(distribution: None, tree: Path) -> None:
    set_up(tree)
    assert f"home = {DEBIAN_PYTHON.parent}\n" in (tree / ".venv/pyvenv.cfg").read_text()
    assert not (tree / "other.log").exists()


def test_an_interpreter_that_is_too_old_is_told_with_what_to_do(tree: Path) -> None:
    done = set_up(tree, PYTHON=str(tree / "first/python3"))
    assert done.returncode == 1
    assert done.stderr == (
        f"tools/setup: Python 3.10 or newer is needed, and {tree}/first/python3 is none: name one with PYTHON=\n"
    )
    assert not (tree / ".venv").exists()
