# SPDX-License-Identifier: Apache-2.0
"""What is checked at a commit is what tox checks."""

import configparser

import yaml

from tests.artefacts import TREE


def test_the_hooks_run_the_commands_of_lint_and_fetch_nothing() -> None:
    settings = yaml.safe_load((TREE / ".pre-commit-config.yaml").read_text())
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(TREE / "tox.ini")
    assert [repository["repo"] for repository in settings["repos"]] == ["local"]
    hooks = settings["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == tox["testenv:lint"]["commands"].split("\n")[1:]
    assert {(hook["language"], hook["pass_filenames"]) for hook in hooks} == {("system", False)}
