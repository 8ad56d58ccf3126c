# SPDX-License-Identifier: Apache-2.0
"""The RPM package: built by rpmbuild without a network, judged by rpmlint, and run from where it was unpacked."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.artefacts import TREE, artefact
from tests.packaging import tree
from tests.project import PROJECT

SPEC = TREE / "deploy/rpm/irqaffinity.spec"
VERSION = PROJECT["version"]
_PARTS = ("LICENSE", "README.rst", "deploy/rpm/", "etc/", "irqaffinity/", "pyproject.toml", "setup.py", "systemd/")


def run(*command: str | Path) -> str:
    """Return what a command of rpm's prints."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def build(folder: Path) -> None:
    (folder / "SOURCES").mkdir()
    with tarfile.open(folder / f"SOURCES/irqaffinity-{VERSION}.tar.gz", "w:gz") as archive:
        for name in tree.files():
            if name.startswith(_PARTS):
                archive.add(TREE / name, f"irqaffinity-{VERSION}/{name}")
    run("rpmbuild", "--quiet", "--nodeps", "-bb", f"--define=_topdir {folder}", SPEC)


@pytest.fixture(scope="module")
def package() -> Path:
    folder = artefact("rpm", tree.content(*_PARTS), build)
    return next(folder.glob("RPMS/noarch/*.rpm"))


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rpm")
    with subprocess.Popen(["rpm2cpio", package], stdout=subprocess.PIPE) as archive:
        command = ["cpio", "--quiet", "--extract", "--make-directories"]
        subprocess.run(command, cwd=folder, stdin=archive.stdout, check=True)
    return folder


def test_it_is_this_version_for_every_architecture(package: Path) -> None:
    assert package.name == f"irqaffinity-{VERSION}-1.noarch.rpm"
    assert run("rpmspec", "--query", "--queryformat=%{VERSION}", SPEC) == VERSION


def test_it_requires_what_the_program_does(package: Path) -> None:
    required = run("rpm", "--query", "--requires", "--package", package)
    found = dict(re.findall(r"\bpython\d\.\d+dist\(([^)]+)\) >= ([\d.]+)", required))
    meant = dict(re.findall(r"([\w.-]+)(?:\[.*\])?>=([\d.]+)", "\n".join(PROJECT["dependencies"])))
    assert {name: _digits(version) for name, version in found.items()} == {
        name.lower(): _digits(version) for name, version in meant.items()
    }
    assert "/usr/bin/python3\n" in required


def _digits(version: str) -> str:
    """Return a version without zeros at its end, as rpm's own generator writes it."""
    return re.sub(r"(\.0)+$", "", version)


def test_it_has_program_units_and_configuration(package: Path) -> None:
    rows = run(
        "rpm", "--query", "--queryformat=[%{FILEMODES:perms} %{FILEUSERNAME} %{FILENAMES}\n]", "--package", package
    )
    found = {name: (mode, user) for mode, user, name in (row.split(maxsplit=2) for row in rows.splitlines())}
    assert {user for _, user in found.values()} == {"root"}
    assert found["/usr/bin/irqaffinity"][0] == "-rwxr-xr-x"
    assert found["/etc/irqaffinity/irqaffinity.conf"][0] == "-rw-r-----"
    assert run("rpm", "--query", "--configfiles", "--package", package) == "/etc/irqaffinity/irqaffinity.conf\n"
    units = {f"/usr/lib/systemd/system/{unit.name}" for unit in (TREE / "systemd").glob("*.service")}
    assert {name for name in found if name.endswith(".service")} == units
    assert "/usr/lib/systemd/system/irqaffinity.service" in units


def test_it_has_what_rabbitmq_prometheus_and_grafana_are_given(unpacked: Path) -> None:
    (documents,) = (unpacked / "usr/share/doc").iterdir()  # the name has no version where there are Fedora's macros
    for folder in ("grafana", "prometheus", "rabbitmq"):
        given = {path.name: path.read_bytes() for path in (TREE / "etc" / folder).iterdir()}
        assert {path.name: path.read_bytes() for path in (documents / folder).iterdir()} == given


def test_the_program_in_it_runs(unpacked: Path) -> None:
    """It is unpacked only: the libraries are those of the tests."""
    (modules,) = unpacked.glob("usr/lib/python3*/site-packages")
    command = [sys.executable, unpacked / "usr/bin/irqaffinity", "--version"]
    environment = os.environ | {"PYTHONPATH": str(modules)}
    done = subprocess.run(command, cwd=unpacked, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"irqaffinity {VERSION}\n", "")
    assert (unpacked / "usr/bin/irqaffinity").read_text().startswith("#!/usr/bin/python3 -s\n")


def test_rpmlint_finds_nothing_that_is_not_meant(package: Path) -> None:
    said = run("rpmlint", f"--rpmlintrc={SPEC.with_suffix('.rpmlintrc')}", package, SPEC)
    assert re.findall(r"(?m)^\S+: [EW]: .*", said) == []
    assert "1 packages and 1 specfiles checked" in said


def test_where_there_are_macros_they_build_it_and_know_the_units() -> None:
    """The macros of Fedora are no part of Debian: here they only print what they were called with."""
    names = ("pyproject_buildrequires", "pyproject_wheel", "pyproject_install")
    names += ("systemd_post", "systemd_preun", "systemd_postun_with_restart")
    macros = [f"--define={name}() called {name} %*" for name in names]
    parsed = run("rpmspec", "--parse", *macros, SPEC)
    assert re.findall(r"(?m)^called (pyproject_\w+)", parsed) == list(names[:3])
    units = "irqaffinity.service irqaffinity-relay.service"
    assert re.findall(r"(?m)^called (systemd_\w+) (.+)$", parsed) == [(name, units) for name in names[3:]]
    assert "pip install" not in parsed
