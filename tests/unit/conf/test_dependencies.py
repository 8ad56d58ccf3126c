# SPDX-License-Identifier: Apache-2.0
"""A library that is missing, too old or broken is named in one line, and there is no traceback."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from irqaffinity.conf.dependencies import find_unmet

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


@pytest.mark.parametrize("command", ["agent", "check"])
def test_a_library_that_is_too_old_is_named_before_anything_is_done(tmp_path: Path, command: str) -> None:
    install(tmp_path, "kombu", "5.2.3")
    install(tmp_path, "amqp", "5.1.1rc1")
    install(tmp_path, "libvirt_python", "10")
    line = f"irqaffinity: kombu 5.2.3 is too old: it has to be 5.2.4 or newer; {ANEW}\n"
    assert run(tmp_path, "--config-file=/nowhere", command) == (1, "", line)


def test_all_that_are_too_old_are_named(tmp_path: Path) -> None:
    install(tmp_path, "kombu", "4.6")
    install(tmp_path, "amqp", "5.1")
    code, out, err = run(tmp_path, "--config-file=/nowhere", "agent")
    assert (code, out) == (1, "")
    assert err == (
        "irqaffinity: amqp 5.1 is too old: it has to be 5.1.1 or newer; "
        f"kombu 4.6 is too old: it has to be 5.2.4 or newer; {ANEW}\n"
    )


def test_what_needs_no_library_runs_without(tmp_path: Path) -> None:
    install(tmp_path, "kombu", "4.6")
    assert run(tmp_path, "mask", "0", "--vcpus", "1") == (0, "0\n", "")


def test_a_library_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    (tmp_path / "libvirt.py").write_text("raise ImportError('libvirt.so.0: version LIBVIRT_99.0.0 not found')\n")
    why = "a library cannot be loaded: libvirt.so.0: version LIBVIRT_99.0.0 not found"
    assert run(tmp_path, "audit", "--once") == (1, "", f"irqaffinity: {why}; {ANEW}\n")


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "kombu":
            raise importlib.metadata.PackageNotFoundError(name)
        return "999"

    assert find_unmet() is None
    monkeypatch.setattr(importlib.metadata, "version", version)
    assert find_unmet() == f"kombu is not installed; {ANEW}"


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("ImportError('cannot import name x')", "cannot import name x"),
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


@pytest.mark.parametrize("with_threads", [True, False])
def test_oslo_service_gets_threads_where_it_has_them(with_threads: bool) -> None:
    """Its releases before 4.2 have eventlet alone, and so have those without cotyledon."""
    program = (
        "import sys\n"
        "if not int(sys.argv[1]): sys.modules['cotyledon'] = None\n"
        "from irqaffinity.conf.broker import load_broker\n"
        "backend = sys.modules.get('oslo_service.backend')\n"
        "print(backend and backend.get_backend_type())"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(int(with_threads))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in (
        ["BackendType.THREADING\n", "None\n"] if with_threads else ["BackendType.EVENTLET\n", "None\n"]
    )
