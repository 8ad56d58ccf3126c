# SPDX-License-Identifier: Apache-2.0
"""What becomes of commands whose output cannot be written, as processes whose standard files are what a shell makes."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from irqaffinity.agent.status_file import SCHEMA
from irqaffinity.cli.main import main
from irqaffinity.cli.output import OutputLost, complain, say
from tests.fakes.domains import make_libvirt
from tests.fakes.scene import GUEST, VF0, Scene

PROGRAM = Path(sys.executable).with_name("irqaffinity")
FULL = "irqaffinity: standard output cannot be written (No space left on device): mend it, or send it elsewhere"
CLOSED = "irqaffinity: standard output cannot be written (it is closed): mend it, or send it elsewhere"
DONE = "; what was done stays: 1 guest, 1 device, 2 interrupts: 2 set"
INTRUDERS = "; 2 intruders, 2 movable"

COMMANDS = {
    "--help": "--help",
    "--version": "--version",
    "audit --help": "audit --help",
    "mask": "mask 0 --vcpus 1",
    "demo": "demo",
    "check": "check",
    "check --health": "check --health",
    "status": "status",
    "status -f json": "status -f json",
    "explain": f"explain {GUEST}",
    "sriov": "sriov",
    "sriov -f json": "sriov -f json",
    "dry run": "audit --once --dry-run",
}


@pytest.fixture
def shell(scene: Scene) -> Callable[[str, str], tuple[int, str]]:
    """Runs a command on the scene, with redirections as a shell knows them; returns its status and standard error."""
    scene.add_guest(VF0)
    for path in scene.host.proc.glob("irq/*/effective_affinity_list"):
        path.unlink()
    status = scene.folder / "status.json"
    status.write_text(json.dumps(published()))
    configuration = scene.folder / "irqaffinity.conf"
    configuration.write_text(
        f"[host]\nproc = {scene.host.proc}\nsys = {scene.host.sys}\n[state]\npath = {scene.folder / 'state'}\n"
        f"[libvirt]\nuri = {make_libvirt(scene.folder / 'libvirt', scene.domains)}\n[status]\npath = {status}\n"
        "[notifications]\nenabled = false\n"
    )

    def run(command: str, redirections: str) -> tuple[int, str]:
        line = f"exec {PROGRAM} --config-file={configuration} {command} {redirections}"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    return run


def published() -> dict[str, object]:
    """The status of an agent that has done nothing yet."""
    return {
        "schema": SCHEMA,
        "version": "0",
        "host": "cmp-1",
        "pid": os.getpid(),
        "started": "2026-11-20T12:00:00Z",
        "heartbeat": time.clock_gettime(time.CLOCK_MONOTONIC),
        "connections": {},
        "state_unsaved": None,
        "rivals": [],
        "advice": None,
        "settling": [],
        "last_audit": {"time": None, "seconds": 0.0, "error": None},
        "counters": {"passes": {}, "writes": {}, "drifts": 0, "notifications": {}},
        "placement": {"guests": [], "devices": [], "troubles": [], "summary": {"text": "0 guests"}},
    }


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_output_that_cannot_be_written_is_one_line_and_status_1(
    shell: Callable[[str, str], tuple[int, str]], command: str
) -> None:
    assert shell(command, ">/dev/full") == (1, f"{FULL}\n")
    assert shell(command, ">&-") == (1, f"{CLOSED}\n")
    assert shell(command, ">&- 2>&-") == (1, "")
    assert shell(command, ">/dev/full 2>/dev/full") == (1, "")


def test_an_audit_and_a_reset_that_lose_their_report_tell_what_they_did(
    shell: Callable[[str, str], tuple[int, str]], scene: Scene
) -> None:
    assert shell("audit --once", ">/dev/full") == (1, f"{FULL}{DONE}{INTRUDERS}\n")
    assert scene.host.smp(40) == "2-3"
    assert shell("reset", ">/dev/full") == (1, f"{FULL}{DONE.replace('1 guest', '0 guests')}\n")
    assert scene.host.smp(40) == "0-15"
    assert shell("audit --once --quiet", "") == (0, "")
    assert shell("reset", ">&-") == (1, f"{CLOSED}{DONE.replace('1 guest', '0 guests')}\n")
    assert scene.host.smp(40) == "0-15"


def test_a_repeated_audit_that_loses_its_report_ends(
    shell: Callable[[str, str], tuple[int, str]], scene: Scene
) -> None:
    status, err = shell("audit --quiet", ">/dev/full")
    told = f"{FULL}{DONE}{INTRUDERS}\n".removeprefix("irqaffinity: ")
    assert (status, err.endswith(f" ERROR irqaffinity.cli.main [-] {told}")) == (1, True)


def test_errors_that_cannot_be_written_go_nowhere(shell: Callable[[str, str], tuple[int, str]], scene: Scene) -> None:
    """Above all not to standard output: print() writes there when standard error is closed."""
    for redirection in ("2>&-", "2>/dev/full"):
        assert shell("mask x --vcpus 1", f"{redirection} >{scene.folder}/out") == (1, "")
        assert shell("nonsense", f"{redirection} >{scene.folder}/out") == (64, "")
        assert (scene.folder / "out").read_text() == ""


def test_a_closed_standard_file_is_not_where_another_file_ends_up(
    shell: Callable[[str, str], tuple[int, str]], scene: Scene
) -> None:
    assert shell("audit --once", "<&- >&- 2>&-") == (1, "")
    with contextlib.closing(sqlite3.connect(scene.folder / "state/state.db")) as state:
        assert state.execute("SELECT count(*) FROM records").fetchone() > (0,)


def test_a_name_that_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "check", "--config-file", tmp_path / "é.conf"],
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert rb"\xe9.conf" in done.stdout
    assert b"Traceback" not in done.stderr


def test_a_reader_that_left_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        with pytest.raises(OutputLost) as lost:
            say("a line", done="much")
        assert lost.value.is_quiet
        say("what follows goes nowhere, also at the end of the process")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        assert main(["mask", "0", "--vcpus", "1"]) == 1
    assert capsys.readouterr().err == ""


def test_complaints_need_no_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    complain("nobody hears this")
