# SPDX-License-Identifier: Apache-2.0
"""What the image is built of: pinned within the bounds of pyproject.toml, with hashes, and renewed by one command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.artefacts import TREE
from tests.packaging.pip_configuration import indexes
from tests.project import PROJECT

SHIPPED = TREE / "deploy/container/requirements"
BUILD = re.findall(r'(?m)^requires = \["(.+)"\]$', (TREE / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def renewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pins of today, made by the command."""
    folder = tmp_path_factory.mktemp("requirements")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [TREE / "deploy/container/renew", folder]
    done = subprocess.run(command, env=environment | indexes(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.parametrize("which", ["shipped", "renewed"])
@pytest.mark.parametrize(("name", "needed"), [("run.txt", PROJECT["dependencies"]), ("build.txt", BUILD)])
def test_each_dependency_is_pinned_within_its_bounds(
    which: str, name: str, needed: list[str], request: pytest.FixtureRequest
) -> None:
    folder = SHIPPED if which == "shipped" else request.getfixturevalue("renewed")
    text = (folder / name).read_text()
    pins = {canonicalize_name(pin): version for pin, version in re.findall(r"(?m)^([\w.-]+)==(\S+) ", text)}
    assert needed != []
    for requirement in map(Requirement, needed):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement
    assert len(pins) == len(re.findall(r"(?m)^\S+==\S+.* \\\n    --hash=sha256:[0-9a-f]{64}", text))
