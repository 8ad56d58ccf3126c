# SPDX-License-Identifier: Apache-2.0
"""The Debian package: built, looked at, installed into a bare Debian, used there, and purged."""

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.artefacts import TREE
from tests.packaging import debian, poison
from tests.packaging.sandbox import Sandbox
from tests.packaging.test_manual import complete

PRUNED = ("/proc", "/dev", "/tmp", "/var/cache", "/var/lib/dpkg", "/var/log", "/usr/share/doc/*.gz")
"""What dpkg writes to when it installs anything."""


UNITS = ("irqaffinity.service", "irqaffinity-relay.service")

AGENT = """
irqaffinity --config-file /tmp/agent.conf agent >/tmp/agent.log 2>&1 &
until grep broker: /tmp/agent.log && irqaffinity check --health; do kill -0 $! || break; sleep 0.1; done
kill $!
wait $!
status=$?
cat /tmp/agent.log
exit $status
"""


RELAY = """
irqaffinity --config-file /tmp/agent.conf relay >/tmp/relay.log 2>&1 &
until grep broker: /tmp/relay.log; do kill -0 $! || break; sleep 0.1; done
kill $!
wait $!
status=$?
cat /tmp/relay.log
exit $status
"""


@pytest.fixture(scope="module")
def deb() -> Path:
    return debian.package()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A bare Debian."""
    with contextlib.closing(Sandbox(debian.bare_debian(), tmp_path_factory.mktemp("bare"))) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def before(bare: Sandbox) -> set[str]:
    """What was there before the package."""
    return listed(bare)


@pytest.fixture(scope="module")
def installed(bare: Sandbox, before: set[str], deb: Path) -> Sandbox:
    """A bare Debian with the package, which dpkg installs only when its dependencies are there."""
    install(bare, deb)
    return bare


def install(sandbox: Sandbox, deb: Path) -> None:
    sandbox.path(f"/tmp/{deb.name}").write_bytes(deb.read_bytes())
    done = sandbox.run("dpkg", "--install", f"/tmp/{deb.name}")
    assert done.returncode == 0, done.stdout


def listed(sandbox: Sandbox) -> set[str]:
    """Return every file and folder of the root, with its kind, mode and owner."""
    pruned = [part for folder in PRUNED for part in ("-path", folder, "-prune", "-o")]
    done = sandbox.run("find", "/", *pruned, "-printf", r"%p %y %m %u %l\n")
    assert done.returncode == 0, done.stdout
    return set(done.stdout.splitlines())


def test_lintian_finds_nothing_that_is_not_meant(deb: Path) -> None:
    assert re.findall(r"(?m)^[EW]: .*", (deb.parent / "lintian.txt").read_text()) == []


def test_nothing_of_the_builders_cache_and_environment_is_in_the_package(deb: Path, tmp_path: Path) -> None:
    """A wheel of another interpreter in pip's cache would point into a folder that no other host has."""
    subprocess.run(["dpkg-deb", "--extract", deb, tmp_path], check=True)
    libraries = list(tmp_path.rglob("*.so"))
    (libvirtmod,) = (path for path in libraries if path.name.startswith("libvirtmod."))
    assert poison.runpaths(libvirtmod) == []
    assert [path for path in libraries if any(poison.RUNPATH in found for found in poison.runpaths(path))] == []
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if poison.MARK in path.read_bytes() or "of_the_cache" in path.name] == []
    run = (deb.parent / "poison.txt").read_text().splitlines()
    assert [line for line in run if not line.endswith("gcc -dumpmachine")] == [], (
        "dpkg asks this before the rules begin"
    )


def test_the_package_has_the_version_of_the_program(deb: Path) -> None:
    found = re.search(r'(?m)^version = "(.*)"', (TREE / "pyproject.toml").read_text())
    assert found is not None
    assert deb.name.split("_")[1] == found[1]


def test_the_program_works_in_a_bare_debian(installed: Sandbox, deb: Path) -> None:
    assert installed.run("irqaffinity", "--version").stdout == f"irqaffinity {deb.name.split('_')[1]}\n"
    done = installed.run("irqaffinity", "demo", PYTHONPATH="/nowhere", PYTHONHOME="/nowhere")
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("2 guests, 4 devices, 16 interrupts: 16 ok\n")
    checked = installed.run("irqaffinity", "check").stdout
    assert "configuration  ok      /etc/irqaffinity/irqaffinity.conf\n" in checked
    assert re.search(r"(?m)^broker +ok +no transport_url is set", checked)


def test_the_agent_starts_with_the_libraries_of_the_package(installed: Sandbox) -> None:
    """The broker's and the kernel's libraries are loaded only by it, and so is what they are made of."""
    installed.path("/tmp/agent.conf").write_text(
        "[DEFAULT]\ntransport_url = rabbit://nobody:secret@127.0.0.1:1/\n[metrics]\nenabled = true\n"
    )
    done = installed.run("sh", "-c", AGENT)
    assert done.returncode == 0, done.stdout
    assert re.search(r"broker: .*127\.0\.0\.1:1\b", done.stdout)
    assert "Traceback" not in done.stdout


def test_the_relay_starts_with_the_libraries_of_the_package(installed: Sandbox) -> None:
    done = installed.run("sh", "-c", RELAY)
    assert done.returncode == 0, done.stdout
    assert re.search(r"broker: .*127\.0\.0\.1:1\b", done.stdout)
    assert "Traceback" not in done.stdout


def test_the_service_is_left_to_the_operator(installed: Sandbox) -> None:
    assert installed.run("find", "/etc/systemd", "-name", "irqaffinity*").stdout == ""
    for name in UNITS:
        unit = installed.path(f"/lib/systemd/system/{name}")
        assert unit.read_text() == (TREE / "systemd" / name).read_text()


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_the_unit_where_the_package_puts_it(installed: Sandbox, unit: str) -> None:
    command = ["systemd-analyze", "verify", f"--root={installed.path('/')}", "--man=no", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    program = installed.path("/usr/bin/irqaffinity")
    program.rename(program.with_name("away"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    program.with_name("away").rename(program)
    assert "/usr/bin/irqaffinity is not executable" in done.stderr


def test_the_configuration_is_the_operators_and_roots_alone(installed: Sandbox, deb: Path) -> None:
    path = installed.path("/etc/irqaffinity/irqaffinity.conf")
    assert path.read_text() == (TREE / "etc/irqaffinity/irqaffinity.conf.sample").read_text()
    assert (path.stat().st_mode & 0o777, path.stat().st_uid, path.stat().st_gid) == (0o640, 0, 0)
    path.write_text("[audit]\ninterval = 5\n")
    install(installed, deb)
    assert path.read_text() == "[audit]\ninterval = 5\n"


def test_what_is_read_beside_the_program_is_there(installed: Sandbox) -> None:
    for page in ("man1/irqaffinity.1.gz", "man5/irqaffinity.conf.5.gz"):
        shown = subprocess.run(
            ["man", "--local-file", installed.path("/usr/share/man") / page], capture_output=True, text=True, check=True
        )
        assert "irqaffinity" in shown.stdout
    completion = installed.path("/usr/share/bash-completion/completions/irqaffinity")
    assert complete(completion, "irqaffinity", "audit", "-f", "j") == ["json"]
    zsh = installed.path("/usr/share/zsh/vendor-completions/_irqaffinity").read_text()
    assert zsh.startswith("#compdef irqaffinity\n")
    documents = installed.path("/usr/share/doc/irqaffinity")
    for name in ("irqaffinity.json", "irqaffinity-relay.json"):
        assert (documents / "examples" / name).read_text() == (TREE / "etc/rabbitmq" / name).read_text()
    for name in ("grafana/irqaffinity.json", "prometheus/irqaffinity.rules.yaml"):
        assert (documents / "examples" / name).read_text() == (TREE / "etc" / name).read_text()
    versions = (documents / "dependencies").read_text()
    assert re.search(r"(?m)^oslo\.messaging==\d", versions)
    assert re.search(r"(?m)^kombu==\d", versions)


def test_a_purge_leaves_nothing(installed: Sandbox, before: set[str]) -> None:
    """Least of all the state, and what Python compiles while it runs."""
    for arguments in (["demo"], ["audit", "--once"], ["reset"]):
        installed.run("irqaffinity", *arguments)
    assert len(listed(installed) - before) > 1000
    assert installed.path("/var/lib/irqaffinity").exists()
    done = installed.run("dpkg", "--purge", "irqaffinity")
    assert done.returncode == 0, done.stdout
    assert "not empty" not in done.stdout
    assert listed(installed) == before
