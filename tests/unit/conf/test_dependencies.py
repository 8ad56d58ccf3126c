# SPDX-License-Identifier: Apache-2.0
"""A library that is missing, too old or broken is named in one line, and there is no traceback."""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from irqaffinity.cli.main import main
from irqaffinity.conf.dependencies import find_missing, find_old

PROGRAM = Path(sys.executable).with_name("irqaffinity")
ANEW = "install irqaffinity and its dependencies anew"


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the program where `folder` stands before all that is installed."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    command = [PROGRAM, f"--state={folder}", *arguments]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def install(folder: Path, name: str, version: str) -> None:
    """Make a library that has its metadata alone."""
    metadata = folder / f"{name}-{version}.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


OLD = f"kombu 5.2.3 is too old: it has to be 5.2.4 or newer; {ANEW}"


def test_a_library_that_is_too_old_is_told_and_stops_nobody(tmp_path: Path) -> None:
    """The bounds are what is tested: of an older one it is not known that it does not work."""
    install(tmp_path, "kombu", "5.2.3")
    install(tmp_path, "amqp", "5.1.1rc1")
    install(tmp_path, "prometheus_client", "0.14.1+dfsg")
    install(tmp_path, "libvirt_python", "10")
    for command in ("agent", "relay"):
        code, out, err = run(tmp_path, "--config-file=/nowhere", command)
        told, ended = err.splitlines()
        assert (code, out, told[24:]) == (1, "", f"{told[24:].split()[0]} WARNING irqaffinity.cli.main [-] {OLD}")
        assert "/nowhere" in ended
    code, out, err = run(tmp_path, "--config-file=/nowhere", "check")
    assert (code, err, out.splitlines()[0]) == (1, "", f"libraries      FAILED  {OLD}")


def test_all_that_are_too_old_are_named(tmp_path: Path) -> None:
    install(tmp_path, "kombu", "4.6")
    install(tmp_path, "amqp", "5.1")
    assert (
        run(tmp_path, "--config-file=/nowhere", "agent")[2]
        .splitlines()[0]
        .endswith(
            " [-] amqp 5.1 is too old: it has to be 5.1.1 or newer; "
            f"kombu 4.6 is too old: it has to be 5.2.4 or newer; {ANEW}"
        )
    )


@pytest.mark.parametrize("form", ["kombu (>=5.2.4)", "kombu >=5.2.4", "kombu>=5.2.4", "kombu!=5.3,!=5.4,>=5.2.4"])
def test_bounds_are_read_as_wheel_writes_and_wrote_them(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda _name: [form, 'kombu>=9; extra == "test"'])
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: "5.2.3")
    assert find_old() == OLD


def test_what_needs_no_library_runs_without(tmp_path: Path) -> None:
    install(tmp_path, "kombu", "4.6")
    assert run(tmp_path, "mask", "0", "--vcpus", "1") == (0, "0\n", "")


def test_a_library_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    (tmp_path / "libvirt.py").write_text("raise ImportError('libvirt.so.0: version LIBVIRT_99.0.0 not found')\n")
    why = "a library cannot be loaded: libvirt.so.0: version LIBVIRT_99.0.0 not found"
    assert run(tmp_path, "audit", "--once") == (1, "", f"irqaffinity: {why}; {ANEW}\n")


def test_what_is_too_old_is_told_of_a_library_that_cannot_be_loaded(tmp_path: Path) -> None:
    install(tmp_path, "kombu", "5.2.3")
    (tmp_path / "libvirt.py").write_text("raise ImportError('no such name')\n")
    line = f"irqaffinity: a library cannot be loaded: no such name; {OLD}\n"
    assert run(tmp_path, "audit", "--once") == (1, "", line)


def version_without(*names: str) -> Callable[[str], str]:
    def version(name: str) -> str:
        if name in names:
            raise importlib.metadata.PackageNotFoundError(name)
        return "999"

    return version


def test_a_library_that_is_missing_is_named_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find_missing() is None
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "kombu" else find_spec(name))
    monkeypatch.setattr(importlib.metadata, "version", version_without("kombu"))
    for command in ("agent", "check", "relay"):
        assert main(["--config-file=/nowhere", command]) == 1
        assert capsys.readouterr() == ("", f"irqaffinity: kombu is not installed; {ANEW}\n")


def test_a_library_that_is_there_without_metadata_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", version_without("libvirt-python", "oslo.config"))
    assert (find_missing(), find_old()) == (None, None)


def test_what_a_removal_left_behind_is_no_library_and_hides_none(tmp_path: Path) -> None:
    (tmp_path / "kombu-5.2.4.dist-info").mkdir()
    code, out, err = run(tmp_path, "--config-file=/nowhere", "check")
    assert (code, err) == (1, "")
    assert out.startswith("configuration  FAILED")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("ImportError('cannot import name x')", "cannot import name x"),
        (r"ImportError('one\ntwo\x1b[2J')", r"one\x0atwo\x1b[2J"),
        ("AttributeError('no ANY')", "AttributeError in {}/oslo_messaging.py, line 1"),
    ],
)
def test_what_breaks_in_the_process_that_reads_the_brokers_options_is_told(
    tmp_path: Path, raised: str, told: str
) -> None:
    (tmp_path / "oslo_messaging.py").write_text(f"raise {raised}\n")
    (tmp_path / "nova.conf").write_text("[DEFAULT]\ntransport_url = rabbit://nova:s3cret@mq.example.org/\n")
    _, out, err = run(tmp_path, "--config-file", str(tmp_path / "nova.conf"), "check")
    (line,) = [line for line in out.splitlines() if "transport_url" in line]
    assert line.endswith(f"transport_url cannot be read: a library cannot be loaded: {told.format(tmp_path)}; {ANEW}")
    assert err == ""


@pytest.mark.parametrize("without", ["", "cotyledon", "oslo_service.backend.threading"])
def test_oslo_service_gets_threads_where_it_has_them(without: str) -> None:
    """Its releases before 4.2 have eventlet alone, the last of them as a backend; so have those without cotyledon."""
    program = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "is_lost = lambda name: sys.argv[1] and name.replace('._', '.') == sys.argv[1]\n"
        "importlib.util.find_spec = lambda name: None if is_lost(name) else find(name)\n"
        "from irqaffinity.conf.broker import load_broker\n"
        "backend = sys.modules.get('oslo_service.backend')\n"
        "print(getattr(backend, 'get_backend_type', lambda: None)())"
    )
    command = [sys.executable, "-W", "error", "-c", program, without]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in (["BackendType.EVENTLET\n", "None\n"] if without else ["BackendType.THREADING\n", "None\n"])
