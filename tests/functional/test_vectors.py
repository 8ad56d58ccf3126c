# SPDX-License-Identifier: Apache-2.0
"""The listener for vector events on this machine's own tracefs; births are awaited in the lab."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.vectors import EVENT, Untraceable, VectorListener, instance_name, probe
from tests.functional.agent import wait_for


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


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Path], VectorListener]]:
    """Starts a listener, and stops it however the test ends."""
    started: list[tuple[VectorListener, threading.Thread]] = []

    def run(tracing: Path) -> VectorListener:
        listener = VectorListener(WakeQueue(), str(tracing), instance_name(str(tmp_path)))
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
    assert (folder / EVENT / "filter").read_text().strip() == "reserve==0"
    enabled = [path.parent.name for path in folder.glob("events/*/*/enable") if path.read_text().strip() == "1"]
    assert enabled == ["vector_activate"]
    assert folder.parent.parent.joinpath(EVENT, "enable").read_text().strip() == "0", "others see nothing of it"
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
