# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity status`, `check` and `check --health` on a status file that is damaged, or is no file at all."""

import contextlib
import io
import json
import math
import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.agent.status_file import NoStatus, read_status
from irqaffinity.agent.status_shape import WHOLE
from irqaffinity.cli.health import look_at_health
from irqaffinity.cli.main import main
from irqaffinity.conf.regular_file import LARGEST
from irqaffinity.model.shape import check_shape
from irqaffinity.report.status_report import describe_placement
from irqaffinity.report.status_text import render_status
from tests.fakes.scene import VF0, VF1, Scene
from tests.patience import HANG
from tests.unit.cli.test_output import published

PROGRAM = Path(sys.executable).with_name("irqaffinity")
COMMANDS = (["status"], ["status", "-f", "json"], ["check", "--health"], ["check"])
MEMORY = 200 << 20
"""Bytes of address space that a command may have more than it needs on an empty file."""


@pytest.fixture
def status(scene: Scene) -> dict[str, Any]:
    """The status of an agent that has something to tell of each kind."""
    scene.add_guest(VF0, VF1)
    scene.host.refuse(40, 28)
    placement = describe_placement(scene.audit())
    link = {"state": "not connected", "peer": "h:5672", "since": "2026-11-20T12:00:00Z", "trouble": "it refuses"}
    counts = {"full ok": 3}
    return published() | {
        "connections": {"libvirt": link | {"state": "connected", "trouble": None}, "broker": link},
        "rivals": ["irqbalance"],
        "advice": "stop it",
        "clocks_ahead": [{"publisher": "nova-compute:cmp-2", "seconds": 400, "seen": "2026-11-20T12:00:00Z"}],
        "settling": ["11111111-1111-1111-1111-111111111111"],
        "last_audit": {"time": "2026-11-20T12:00:00Z", "seconds": 0.25, "error": "libvirt is away"},
        "counters": {"passes": counts, "writes": counts, "drifts": 1, "notifications": counts},
        "placement": placement,
        "later": {"a field": ["of a newer agent", 1.5, None, True]},
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "status.json"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of each value within a status."""
    yield path
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, name))


def changed(value: Any, path: tuple[Any, ...], by: Callable[[dict[Any, Any] | list[Any], Any], None]) -> Any:
    """Return a copy in which the value at a path is changed."""
    copy = json.loads(json.dumps(value))
    holder = copy
    for name in path[:-1]:
        holder = holder[name]
    by(holder, path[-1])
    return copy


def look(file: Path) -> list[str]:
    """Read a status as the commands do and return what they print; each of them fails with one line, if at all."""
    lines = [look_at_health(str(file)).text]
    try:
        found = read_status(str(file), WHOLE)
        lines += [*render_status(found).splitlines(), json.dumps(found, indent=1, allow_nan=False)[:0]]
    except NoStatus as error:
        lines.append(str(error))
    return lines


ODD = [
    None, True, False, 0, -1, 1.5, 10**17, 10**30, -(10**30), 1e308, "", "x", "\ud800", "\x1b[31m\nforged: line", [],
    {}, [None], [[]], [{}], {"a": 1}, {"a": None}, {"": {}}, "9" * 5000,
]  # fmt: skip


def test_what_an_agent_publishes_has_the_shape_that_is_read(status: dict[str, Any], file: Path) -> None:
    check_shape(status, WHOLE)
    file.write_text(json.dumps(status))
    lines = look(file)
    assert "later" not in " ".join(lines)
    assert any(line.startswith("pending or failing:") for line in lines)
    assert lines[0].startswith(f"pid {os.getpid()}, alive ")


def test_every_field_of_every_wrong_kind_is_read_or_told_in_one_line(status: dict[str, Any], file: Path) -> None:
    def put(odd: Any) -> Callable[[Any, Any], None]:
        return lambda holder, name: holder.__setitem__(name, odd)

    found = list(places(status))[1:]
    changes = [put(odd) for odd in ODD] + [lambda holder, name: holder.__delitem__(name)]
    for path in found:
        for change in changes:
            file.write_text(json.dumps(changed(status, path, change)))
            assert [line for line in look(file) if not line.isprintable()] == [], path
    assert len(found) > 80


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_random_changes_never_end_in_an_error(status: dict[str, Any], file: Path) -> None:
    found = list(places(status))[1:]

    @given(st.sampled_from(found), JSON, st.binary(max_size=8), st.integers(0, 5000))
    def change(path: tuple[Any, ...], value: Any, noise: bytes, at: int) -> None:
        text = json.dumps(changed(status, path, lambda holder, name: holder.__setitem__(name, value))).encode()
        file.write_bytes(text[:at] + noise + text[at + len(noise) :] if noise else text)
        assert [line for line in look(file) if not line.isprintable()] == []

    change()


DAMAGES = {
    "nothing": (b"", "it is not JSON, beginning with its character 1"),
    "cut": (b'{"schema": 1, "pid": 1, "heart', "it is not JSON, beginning with its character 25"),
    "no UTF-8": (b'{"schema": "\xff"}', "byte 13 is not UTF-8 text"),
    "binary": (bytes(range(256)), "it is not JSON, beginning with its character 1"),
    "deep": (b"[" * 100_000, "it is nested too deep"),
    "deep objects": (b'{"a":' * 100_000, "it is nested too deep"),
    "deep and whole": (b"[" * 100 + b"]" * 100, "it has more than 32 lists and objects within each other"),
    "a number too long": (b'{"schema": ' + b"1" * 5000 + b"}", "it has a number of more than 19 digits"),
    "no number": (b'{"schema": 1, "pid": 1, "heartbeat": NaN}', "it has a number that is none"),
    "an endless number": (b'{"schema": 1, "pid": 1, "heartbeat": 1e999}', "it has a number that is none"),
    "a large number": (b'{"schema": 1, "pid": 1, "heartbeat": 1e300}', '"heartbeat" is not a number'),
    "a switch": (b'{"schema": true}', '"schema" is not a whole number'),
    "a list": (b"[1]", "it is not an object"),
    "a text": (b'"schema"', "it is not an object"),
    "no pid": (b'{"schema": 1, "heartbeat": 1}', 'it has no "pid"'),
    "a lot": (b" " * (50 << 20), "it is larger than 4 MiB"),
}


def as_limited(file: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program on a status file, with little memory."""
    conf = file.with_name("own.conf")
    conf.write_text(f"[status]\npath = {file}\n[notifications]\nenabled = false\n")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))

    arguments = [PROGRAM, f"--config-file={conf}", "--libvirt-uri=test:///default", f"--state={file}.state", *command]
    return subprocess.run(
        arguments, capture_output=True, text=True, check=False, timeout=HANG, preexec_fn=limit, errors="replace"
    )


@pytest.mark.parametrize(("data", "told"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_one_line_of_each_command(file: Path, data: bytes, told: str) -> None:
    file.write_bytes(data)
    assert_told(file, f"{file} cannot be read: {told}")


def assert_told(file: Path, told: str) -> None:
    for command in (["status"], ["status", "-f", "json"]):
        done = as_limited(file, *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"irqaffinity: {told}")
        assert done.stderr.endswith("; restart the agent\n")
        assert len(done.stderr.splitlines()) == 1
    done = as_limited(file, "check", "--health")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"agent          FAILED  {told}")
    assert len(done.stdout.splitlines()) == 1


def listen(path: Path) -> None:
    """Leave a socket there."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (os.mkfifo, "it is no regular file"),
        (Path.mkdir, "it is a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "it is no regular file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (listen, "No such device or address"),
    ],
    ids=["pipe", "folder", "device without end", "loop", "socket"],
)
def test_what_is_no_file_is_one_line_of_each_command(
    make: Callable[[Path], object], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("status.json"))  # a socket has a short name alone
    assert_told(tmp_path / "status.json", f"{tmp_path / 'status.json'} cannot be read: {told}")
    done = as_limited(tmp_path / "status.json", "check")
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [["status"], ["status", "-f", "json"]], ids=" ".join)
def test_a_status_of_an_agent_that_lives_is_checked_as_a_whole(file: Path, command: list[str]) -> None:
    file.write_text(json.dumps(published() | {"counters": 5}))
    done = as_limited(file, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f'irqaffinity: {file} cannot be read: "counters" is not an object; restart the agent\n'
    assert as_limited(file, "check", "--health").returncode == 0


def test_check_passes_over_a_damaged_status(file: Path) -> None:
    file.write_text('{"schema": 1, "pid": 1, "heartbeat": 1, "clocks_ahead": [{"publisher": 1}]}')
    done = as_limited(file, "check")
    assert (done.returncode in (0, 1), done.stderr) == (True, "")


@pytest.mark.parametrize("pid", [0, -1, 2**31, 2**61])
def test_a_process_that_cannot_be_is_not_running(file: Path, pid: int) -> None:
    heartbeat = math.floor(time.clock_gettime(time.CLOCK_MONOTONIC))
    file.write_text(json.dumps({"schema": 1, "pid": pid, "heartbeat": heartbeat}))
    assert look_at_health(str(file)).text.startswith(f"the agent, pid {pid}, has died")


def test_a_status_of_the_largest_size_is_read(status: dict[str, Any], file: Path) -> None:
    text = json.dumps(status)
    file.write_text(text + " " * (LARGEST - len(text)))
    assert read_status(str(file), WHOLE)["pid"] == os.getpid()


@pytest.mark.parametrize("text", ["a\0b", "\0", "x\udcff", "\udc80", "\u202e", "a\nb", "", "x" * 5000])
@pytest.mark.parametrize(
    "command",
    [
        ["--config-file={}", "status"],
        ["--config-dir={}", "audit", "--once"],
        ["--nova-config={}", "check"],
        ["--state={}", "audit", "--once"],
        ["--proc={}", "audit", "--once"],
        ["--sys={}", "check"],
        ["--libvirt-uri={}", "check"],
        ["explain", "--", "{}"],
        ["audit", "--once", "--guest={}"],
        ["audit", "--once", "--device={}"],
        ["mask", "--vcpus=4", "--", "{}"],
        ["mask", "--vcpus={}", "1"],
        ["status", "--format={}"],
        ["{}"],
    ],
    ids=" ".join,
)
def test_any_text_on_the_command_line_is_taken_or_told_in_lines_that_can_be_shown(
    tmp_path: Path, command: list[str], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The terminal shows what cannot be encoded with backslashes (cli/start)."""
    own = ["--config-file=/dev/null", "--libvirt-uri=test:///default", f"--state={tmp_path}/x", f"--proc={tmp_path}"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([*own, *(part.format(text) for part in command)])
        except SystemExit as left:
            status = int(left.code or 0)
    assert status in (0, 1, 64)
    assert "\0" not in out.getvalue() + err.getvalue() + caplog.text
    if status == 1 and command[0] not in ("mask", "check") and "check" not in command:
        assert re.fullmatch(r"irqaffinity: .+\n", err.getvalue())
        assert err.getvalue()[:-1].isprintable()
