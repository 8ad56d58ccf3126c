# SPDX-License-Identifier: Apache-2.0
"""The wheel and the source distribution: built clean from a copy of the tree, complete, and usable."""

import configparser
import email.message
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.artefacts import TREE, artefact
from tests.packaging import tree
from tests.project import PROJECT


def build(folder: Path) -> None:
    """Build the source distribution, and from that the wheel, with warnings in sight."""
    source = folder / "source"
    tree.copy(source)
    command = [sys.executable, "-m", "build", "--outdir", folder, source]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    (folder / "build.log").write_text(done.stdout)
    assert done.returncode == 0, done.stdout


def built_once() -> Path:
    """Return the folder with both."""
    return artefact("dist", tree.content(""), build)


@pytest.fixture(scope="module")
def built() -> Path:
    return built_once()


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    return next(built.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    subprocess.run(["tar", "--extract", "--file", sdist, "--directory", folder], check=True)
    return next(folder.iterdir())


def test_the_build_warns_of_nothing(built: Path) -> None:
    log = (built / "build.log").read_text()
    said = [line for line in log.splitlines() if re.search(r"(?i)\bwarning\b|deprecat", line)]
    assert [
        line for line in said if not re.search(r"no previously-included files|byte-compiling is disabled", line)
    ] == []


def test_twine_takes_both(sdist: Path, wheel: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", sdist, wheel]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_the_source_distribution_has_the_whole_tree(unpacked: Path) -> None:
    assert [name for name in tree.files() if not (unpacked / name).exists()] == []
    made = {"PKG-INFO", "setup.cfg"}
    found = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert {name for name in found - set(tree.files()) if not name.startswith("irqaffinity.egg-info/")} == made


def test_the_source_distribution_can_be_tested_and_documented(unpacked: Path) -> None:
    """The history of git is not needed for it. The tests are some that need files of the whole tree, and are quick."""
    tests = ["tests/unit/conf/test_sample.py", "tests/unit/grammar"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=unpacked, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout
    guide = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "doc", "doc/_build"]
    subprocess.run(guide, cwd=unpacked, check=True)
    assert (unpacked / "doc/_build/install.html").exists()


DATA = {
    "etc/grafana/": "grafana/",
    "etc/irqaffinity/irqaffinity.conf.sample": "irqaffinity.conf.sample",
    "etc/prometheus/": "prometheus/",
    "etc/rabbitmq/": "rabbitmq/",
    "systemd/": "systemd/",
}
"""What stands below share/irqaffinity of an environment that the wheel is installed in."""


def test_the_wheel_has_the_program_its_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
        scripts = configparser.ConfigParser(delimiters="=")
        scripts.read_string(archive.read(next(name for name in archive.namelist() if "entry_points" in name)).decode())
    wanted = {name: name for name in tree.files() if name.startswith("irqaffinity/")}
    share = f"irqaffinity-{PROJECT['version']}.data/data/share/irqaffinity/"
    for source, target in DATA.items():
        wanted |= {share + name.replace(source, target): name for name in tree.files() if name.startswith(source)}
    assert found == {name: (TREE / source).read_bytes() for name, source in wanted.items()}
    assert "irqaffinity/py.typed" in found
    assert f"{share}systemd/irqaffinity.service" in found
    assert scripts["console_scripts"]["irqaffinity"] == "irqaffinity.cli.start:start"
    assert wheel.name.endswith("-py3-none-any.whl")


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_links_of_the_long_description_lead_out_of_the_package(wheel: Path) -> None:
    """README.rst has links to files of the tree, which are not beside it where the wheel is."""
    inside = re.findall(r"<([^>`]+)>`_", (TREE / "README.rst").read_text())
    assert [name for name in inside if not re.match(r"\w+:", name) and not (TREE / name).exists()] == []
    source = PROJECT["urls"]["Source"]
    text = str(metadata(wheel).get_payload(decode=True), "utf-8")
    outside = re.findall(r"<([^>`]+)>`_", text)
    assert outside == [name if re.match(r"\w+:", name) else f"{source}/src/branch/main/{name}" for name in inside]
    assert outside


def test_the_metadata_name_authors_and_places(wheel: Path) -> None:
    found = metadata(wheel)
    assert found["Author-email"] == "The irqaffinity authors <irqaffinity@lists.example.org>"
    assert set(found.get_all("Project-URL") or ()) == {f"{name}, {url}" for name, url in PROJECT["urls"].items()}


def test_pip_names_the_package_whose_constraint_cannot_be_met(wheel: Path, tmp_path: Path) -> None:
    constraint = tmp_path / "constraints.txt"
    constraint.write_text("kombu==5.2.3\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--dry-run", "--ignore-installed"]
    done = subprocess.run([*pip, "-c", constraint, wheel], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "The user requested (constraint) kombu==5.2.3" in done.stdout
    assert re.search(r"irqaffinity \S+ depends on kombu>=5\.2\.4", done.stdout)


def test_the_wheel_brings_the_license(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/LICENSE"))
        assert archive.read(name) == (TREE / "LICENSE").read_bytes()
