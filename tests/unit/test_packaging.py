# SPDX-License-Identifier: Apache-2.0
"""The metadata of the package agree with what is tested, and with what other files say of it."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.artefacts import TREE
from tests.project import PROJECT

RELEASES = sorted((TREE / "tests/constraints").glob("*.txt"))
OLDEST = TREE / "tests/constraints/2023.1.txt"
BOUNDS = {canonicalize_name(bound.name): bound for bound in map(Requirement, PROJECT["dependencies"])}
VERSION = re.escape(PROJECT["version"])
PYTHON = r"Programming Language :: Python :: (3\.\d+)"

NAMED = {
    "debian/changelog": rf"irqaffinity \({VERSION}\)",
    "deploy/container/Containerfile": rf"image\.version=\"({VERSION}|\$\{{?VERSION\}}?)\"",
    "deploy/helm/irqaffinity/Chart.yaml": rf"(?m)^version: {VERSION}\n(#.*\n)*appVersion: \"?{VERSION}\"?$",
    "deploy/helm/irqaffinity/README.md": rf"irqaffinity:{VERSION}\n",
    "deploy/rpm/irqaffinity.spec": rf"(?m)^Version: +{VERSION}$",
    "doc/install.rst": rf"irqaffinity_{VERSION}_amd64.deb",
    "doc/kubernetes.rst": rf"irqaffinity:{VERSION}\n",
    "doc/nova.rst": rf"irqaffinity-{VERSION}-py3-none-any.whl",
    "README.rst": rf"irqaffinity_{VERSION}_amd64.deb",
}
"""Where the version of pyproject.toml has to stand as well."""


def pins(release: Path) -> dict[str, Version]:
    found = re.findall(r"^([\w.-]+)==([\d.]+)$", release.read_text(), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_what_a_release_of_openstack_pins_is_allowed(release: Path) -> None:
    pinned = pins(release)
    assert BOUNDS.keys() <= pinned.keys()
    assert [f"{name}=={pinned[name]}" for name, bound in BOUNDS.items() if pinned[name] not in bound.specifier] == []


def test_no_dependency_hangs_on_the_machine_or_on_an_extra() -> None:
    assert [str(bound) for bound in BOUNDS.values() if bound.marker or bound.extras] == []


def test_the_oldest_dependencies_that_are_allowed_are_the_ones_that_are_tested() -> None:
    extras = map(Requirement, PROJECT["optional-dependencies"]["test"])
    bounds = [*BOUNDS.values(), *(bound for bound in extras if not bound.marker)]
    oldest = {
        canonicalize_name(bound.name): Version(each.version)
        for bound in bounds
        for each in bound.specifier
        if each.operator == ">="
    }
    pinned = pins(OLDEST)
    assert oldest == {name: pinned[name] for name in oldest}


@pytest.mark.parametrize("name", NAMED)
def test_the_version_is_that_of_the_package(name: str) -> None:
    assert re.search(NAMED[name], (TREE / name).read_text())


def test_the_supported_releases_of_python_are_the_same_everywhere() -> None:
    listed = [found[1] for line in PROJECT["classifiers"] if (found := re.fullmatch(PYTHON, line))]
    oldest = listed[0]
    assert PROJECT["requires-python"] == f">={oldest}"
    short = [f"py{release.replace('.', '')}" for release in listed]
    settings = (TREE / "pyproject.toml").read_text()
    assert f'target-version = "{short[0]}"' in settings
    assert f'python_version = "{oldest}"' in settings
    assert f" in {' '.join(short)}; do" in (TREE / "tools/test").read_text()
    setup = (TREE / "tools/setup").read_text()
    assert f"sys.version_info < ({oldest.replace('.', ', ')})" in setup
    assert f"Python {oldest} or newer is needed" in setup
    assert f"python3-dev (>= {oldest})" in (TREE / "debian/control").read_text()
