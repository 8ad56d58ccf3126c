# SPDX-License-Identifier: Apache-2.0
"""The metadata of the package agree with what is tested."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def release(version: str) -> list[int]:
    numbers = [int(part) for part in version.split(".")]
    while numbers[-1] == 0:
        numbers.pop()
    return numbers


def test_the_oldest_dependencies_that_are_allowed_are_the_ones_that_are_tested() -> None:
    allowed = [re.sub(r"\[\w+\]", "", requirement).split(">=") for requirement in PROJECT["dependencies"]]
    allowed += [requirement.split(">=") for requirement in PROJECT["optional-dependencies"]["test"]]
    tested = re.findall(r"^([\w.-]+)==([\d.]+)$", (ROOT / "tests/lowest.txt").read_text(), re.MULTILINE)
    assert {name: release(version) for name, version in allowed} == {name: release(version) for name, version in tested}
