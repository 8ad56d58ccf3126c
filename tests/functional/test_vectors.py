# SPDX-License-Identifier: Apache-2.0
"""The listener for vector events on this machine's own tracefs; births are awaited in the lab."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.tracing import BIRTH, END, Untraceable, instance_name, probe
from irqaffinity.listen.vectors import VectorListener
from tests.functional.agent import wait_for
from tests.patience import HANG


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in a folder of the test's own, when it is called."""
    folder = tmp_path / "tracing"
    folder.mkdir()
    mounted = []

    def mount_it(kind: str) -> Path:
        subprocess.run(["mount", "-t", kind, kind, folder], check=True)
        mounted.append(folder)
        return folder

    yield mount_it
    for each in mounted:
        subprocess.run(["umount", each], check=True)


class Births:
    """Hears of interrupts, and does nothing."""

    def born(self, number: int) -> None:
        """Do nothing."""

    ended = born


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Path], VectorListener]]:
    """Starts a listener, and stops it however the test ends."""
    started: list[tuple[VectorListener, threading.Thread]] = []

    def run(tracing: Path, queue: WakeQueue | None = None) -> VectorListener:
        listener = VectorListener(queue or WakeQueue(), Births(), str(tracing), instance_name(str(tmp_path)))
        thread = threading.Thread(target=listener.run)
        thread.start()
        started.append((listener, thread))
        return listener

    yield run
    for listener, thread in started:
        listener.stop()
        thread.join()


def instance(tracing: Path, tmp_path: Path) -> Path:
    return tracing / "instances" / instance_name(str(tmp_path))


def test_an_instance_of_its_own_records_births_and_is_given_back(
    tmp_path: Path, mount: Callable[[str], Path], start: Callable[[Path], VectorListener]
) -> None:
    tracing = mount("tracefs")
    probe(str(tracing))
    assert not instance(tracing, tmp_path).exists()
    listener = start(tracing)
    wait_for("the listener", lambda: listener.link.state.is_up)
    folder = instance(tracing, tmp_path)
    assert (folder / BIRTH / "filter").read_text().strip() == "reserve==0"
    enabled = [path.parent.name for path in folder.glob("events/*/*/enable") if path.read_text().strip() == "1"]
    assert sorted(enabled) == ["vector_activate", "vector_teardown"]
    assert folder.parent.parent.joinpath(BIRTH, "enable").read_text().strip() == "0", "others see nothing of it"
    listener.stop()
    wait_for("the instance to go", lambda: not folder.exists())


def test_an_instance_that_a_killed_agent_left_is_emptied_and_used(
    tmp_path: Path, mount: Callable[[str], Path], start: Callable[[Path], VectorListener]
) -> None:
    tracing = mount("tracefs")
    folder = instance(tracing, tmp_path)
    folder.mkdir()
    (folder / "events/sched/sched_switch/enable").write_text("1")
    wait_for("events of before", lambda: "sched_switch:" in (folder / "trace").read_text())
    listener = start(tracing)
    wait_for("the listener", lambda: listener.link.state.is_up)
    assert (folder / "events/sched/sched_switch/enable").read_text().strip() == "0"
    assert "sched_switch:" not in (folder / "trace").read_text()
    listener.stop()
    wait_for("the instance to go", lambda: not folder.exists())


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("tracing_on", "0", "tracing_on was '1', and is '0'"),
        (f"{BIRTH}/enable", "0", f"{BIRTH}/enable was '1', and is '0'"),
        ("events/enable", "0", f"{BIRTH}/enable was '1', and is '0'"),
        ("set_event", "", f"{BIRTH}/enable was '1', and is '0'"),
        (f"{END}/enable", "0", f"{END}/enable was '1', and is '0'"),
        (f"{END}/filter", "irq==1", f"{END}/filter was 'none', and is 'irq==1'"),
        (f"{BIRTH}/filter", "irq==1", f"{BIRTH}/filter was 'reserve==0', and is 'irq==1'"),
        ("set_event_pid", "1", "set_event_pid was '', and is '1'"),
        ("tracing_cpumask", "1", "tracing_cpumask was "),
        ("trace_options", "raw", "trace_options has changed"),
    ],
)
def test_an_instance_that_somebody_switches_off_is_noticed_and_set_up_anew(
    tmp_path: Path,
    mount: Callable[[str], Path],
    start: Callable[..., VectorListener],
    caplog: pytest.LogCaptureFixture,
    name: str,
    text: str,
    told: str,
) -> None:
    tracing, queue = mount("tracefs"), WakeQueue()
    listener = start(tracing, queue)
    wait_for("the listener", lambda: listener.link.state.is_up)
    assert queue.take(HANG).everything  # which comes after the word that it is up
    file = instance(tracing, tmp_path) / name
    before = file.read_text()
    file.write_text(text)
    assert file.read_text() != before
    wait_for("the loss", lambda: listener.link.losses == 1)
    wait_for("the listener again", lambda: listener.link.state.is_up)
    assert file.read_text() == before
    assert queue.take(HANG).everything  # which comes after the word that it is up
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"vectors: somebody changed the trace instance: {told}")
    assert warnings[0].endswith("; it is set up anew")


def test_an_instance_whose_tracefs_is_taken_away_is_no_more_up(
    mount: Callable[[str], Path], start: Callable[[Path], VectorListener]
) -> None:
    tracing = mount("tracefs")
    listener = start(tracing)
    wait_for("the listener", lambda: listener.link.state.is_up)
    subprocess.run(["umount", "--lazy", tracing], check=True)
    try:
        wait_for("the trouble", lambda: "mount -t tracefs" in (listener.link.state.trouble or ""))
    finally:
        subprocess.run(["mount", "-t", "tracefs", "tracefs", tracing], check=True)
    wait_for("the listener again", lambda: listener.link.state.is_up)


def test_a_new_instance_prints_events_as_they_are_read_here_whatever_the_host_prints(
    tmp_path: Path, mount: Callable[[str], Path], start: Callable[[Path], VectorListener]
) -> None:
    """An instance is born with the options of the whole host's."""
    tracing = mount("tracefs")
    (tracing / "trace_options").write_text("raw")
    try:
        listener = start(tracing)
        wait_for("the listener", lambda: listener.link.state.is_up)
        assert "noraw" in (instance(tracing, tmp_path) / "trace_options").read_text().split()
    finally:
        (tracing / "trace_options").write_text("noraw")


def test_a_tracefs_that_is_mounted_late_is_found(
    tmp_path: Path, mount: Callable[[str], Path], start: Callable[[Path], VectorListener]
) -> None:
    listener = start(tmp_path / "tracing")
    wait_for("the trouble", lambda: "mount -t tracefs" in (listener.link.state.trouble or ""))
    mount("tracefs")
    wait_for("the listener", lambda: listener.link.state.is_up)


def test_a_tracefs_that_is_mounted_and_empty_is_one_of_a_locked_down_kernel(mount: Callable[[str], Path]) -> None:
    tracing = mount("tmpfs")
    with pytest.raises(Untraceable, match="locked down"):
        probe(str(tracing))
