# SPDX-License-Identifier: Apache-2.0
"""How a trace instance is set up, and how a change of it shows; on paper, in a folder of plain files."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.listen.tracing import (
    BIRTH,
    END,
    Changed,
    Untraceable,
    explained,
    probe,
    read_settings,
    require_settings,
    traced,
    tracing_folder,
)

SETTINGS = (
    "tracing_on",
    f"{BIRTH}/enable",
    f"{BIRTH}/filter",
    f"{END}/enable",
    f"{END}/filter",
    "set_event_pid",
    "set_event_notrace_pid",
    "tracing_cpumask",
    "trace_options",
    "buffer_size_kb",
)


@pytest.fixture
def tracing(tmp_path: Path) -> Iterator[Path]:
    """A tracefs with an instance that somebody left."""
    folder = tmp_path / "tracing"
    for place in (folder, folder / "instances/mine"):
        for name in (*SETTINGS, "events/enable", "trace"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text("before\n")
    os.mkfifo(folder / "instances/mine/trace_pipe")
    kept = os.open(folder / "instances/mine/trace_pipe", os.O_RDWR | os.O_NONBLOCK)
    yield folder
    os.close(kept)


@pytest.fixture
def instance(tracing: Path) -> Path:
    return tracing / "instances/mine"


def test_an_instance_records_births_and_ends_of_all_processes_alone(tracing: Path, instance: Path) -> None:
    with traced(str(tracing), str(instance)) as pipe:
        assert read_settings(str(instance)) == {
            "tracing_on": "1",
            f"{BIRTH}/enable": "1",
            f"{BIRTH}/filter": "reserve==0",
            f"{END}/enable": "1",
            f"{END}/filter": "0",
            "set_event_pid": "",
            "set_event_notrace_pid": "",
            "tracing_cpumask": "before",
            "trace_options": "context-info",
            "buffer_size_kb": "64",
        }
        assert (instance / "events/enable").read_text() == "0"
        assert (instance / "trace").read_text() == ""
        with pytest.raises(BlockingIOError):
            os.read(pipe, 1)
        (instance / "events/enable").write_text("1")
    assert (instance / "events/enable").read_text() == "0"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pipe)


def test_an_instance_that_vanishes_meanwhile_is_left_in_peace(tracing: Path, instance: Path) -> None:
    with traced(str(tracing), str(instance)):
        instance.rename(tracing / "away")
    assert (tracing / "away/events/enable").read_text() == "0"


def test_a_kernel_without_the_event_has_nothing_set_up(tracing: Path, instance: Path) -> None:
    (tracing / BIRTH).rename(tracing / "away")
    with pytest.raises(Untraceable, match="only x86 has it"), traced(str(tracing), str(instance)):
        pytest.fail("it was set up")
    assert {(instance / name).read_text() for name in SETTINGS} == {"before\n"}
    with pytest.raises(Untraceable, match="only x86 has it"):
        probe(str(tracing))


def test_the_rest_of_the_host_is_left_as_it_is(tracing: Path, instance: Path) -> None:
    with traced(str(tracing), str(instance)):
        pass
    assert {(tracing / name).read_text() for name in (*SETTINGS, "events/enable", "trace")} == {"before\n"}


@pytest.mark.parametrize("lacking", ["trace_options", "set_event_pid", "set_event_notrace_pid"])
def test_an_older_kernel_that_lacks_a_setting_does_without(tracing: Path, instance: Path, lacking: str) -> None:
    (instance / lacking).unlink()
    with traced(str(tracing), str(instance)):
        assert set(read_settings(str(instance))) == set(SETTINGS) - {lacking}


def test_an_instance_that_is_not_there_is_made_for_its_owner_and_removed(tracing: Path) -> None:
    """A folder of plain files cannot be set up, for the kernel makes no files in it."""
    folder = tracing / "instances/another"
    with pytest.raises(FileNotFoundError), traced(str(tracing), str(folder)):
        pytest.fail("it was set up")
    assert not folder.exists()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_change_of_each_setting_is_seen(instance: Path, name: str) -> None:
    armed = read_settings(str(instance))
    require_settings(str(instance), armed)
    (instance / name).write_text("after\n")
    with pytest.raises(Changed) as caught:
        require_settings(str(instance), armed)
    assert str(caught.value) == f"{name} was 'before', and is 'after'"


def test_a_change_of_many_lines_is_named_alone(instance: Path) -> None:
    armed = read_settings(str(instance))
    (instance / "trace_options").write_text("noraw\nnohex\n")
    with pytest.raises(Changed, match=r"^trace_options has changed$"):
        require_settings(str(instance), armed)


def test_a_setting_that_is_gone_is_a_change(instance: Path) -> None:
    armed = read_settings(str(instance))
    (instance / "tracing_on").unlink()
    with pytest.raises(Changed, match=r"^tracing_on was 'before', and is 'gone'$"):
        require_settings(str(instance), armed)


def test_a_setting_that_came_is_none(instance: Path) -> None:
    armed = read_settings(str(instance))
    del armed["tracing_on"]
    require_settings(str(instance), armed)


def test_an_instance_that_is_gone_is_a_change(tracing: Path) -> None:
    with pytest.raises(Changed, match=r"^it is gone$"):
        require_settings(str(tracing / "instances/another"), {})


def test_a_tracefs_that_has_all_is_fit(tracing: Path) -> None:
    before = sorted(tracing.rglob("*"))
    probe(str(tracing))
    assert sorted(tracing.rglob("*")) == before


def test_a_tracefs_without_instances_is_not(tracing: Path, instance: Path) -> None:
    instance.parent.rename(tracing / "away")
    with pytest.raises(Untraceable, match="tracefs is not mounted"):
        probe(str(tracing))


def test_an_event_that_cannot_be_switched_is_none(tracing: Path) -> None:
    (tracing / BIRTH / "enable").unlink()
    with pytest.raises(Untraceable):
        probe(str(tracing))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (errno.EPERM, "/t: Operation not permitted; it takes more rights"),
        (errno.EACCES, "/t: Permission denied; run as root"),
        (errno.EROFS, "/t: Read-only file system; mount it writable"),
        (errno.EBUSY, "/t: Device or resource busy"),
    ],
)
def test_what_the_kernel_refuses_is_told_with_the_next_step(code: int, told: str) -> None:
    with pytest.raises(Untraceable) as caught, explained("/t"):
        raise OSError(code, os.strerror(code))
    assert str(caught.value) == told


def test_tracefs_is_below_sysfs() -> None:
    assert tracing_folder("/host/sys") == "/host/sys/kernel/tracing"
