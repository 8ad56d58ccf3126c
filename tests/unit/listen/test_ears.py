# SPDX-License-Identifier: Apache-2.0
"""Two threads that read one pipe."""

import os
import queue
import threading
from collections.abc import Iterator

import pytest

from irqaffinity.listen.ears import WAKES, WAKES_RATE, Ears
from tests.patience import HANG


class Heard:
    """A pipe, its ears, and what was heard by which thread."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.texts: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self.now = 1000.0
        self.ears = Ears(self.read_end, self.heed, lambda: self.now)

    def heed(self, text: str) -> None:
        self.texts.put((threading.current_thread().name, text))

    def say(self, text: str) -> None:
        os.write(self.write_end, text.encode())

    def take(self) -> tuple[str, str]:
        return self.texts.get(timeout=HANG)


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    yield made
    os.close(made.read_end)
    os.close(made.write_end)


@pytest.fixture
def two_cpus(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """This process may run on CPUs 3, 5 and 9; the list tells which thread was moved where."""
    moved: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _thread: {9, 3, 5})
    note = lambda _thread, cpus: moved.append((threading.current_thread().name, list(cpus)))  # noqa: E731
    monkeypatch.setattr(os, "sched_setaffinity", note)
    return moved


def test_what_there_is_is_heeded_and_then_there_is_nothing(heard: Heard) -> None:
    heard.say("born\n")
    assert not heard.ears.has_ended()
    assert not heard.ears.has_ended()
    assert heard.take()[1] == "born\n"
    assert heard.texts.empty()


def test_the_end_of_the_pipe_is_told() -> None:
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    os.close(write_end)
    assert Ears(read_end, lambda _text: None).has_ended()
    os.close(read_end)


def test_the_second_thread_reads_while_the_first_does_not(heard: Heard, two_cpus: list[tuple[str, list[int]]]) -> None:
    first = threading.current_thread().name
    with heard.ears.both():
        heard.say("born\n")
        assert heard.take() == ("vectors-2", "born\n")
    assert sorted(two_cpus) == sorted([("vectors-2", [5]), (first, [3, 9]), (first, [3, 5, 9])])
    assert all(thread.name != "vectors-2" for thread in threading.enumerate())


@pytest.mark.usefixtures("two_cpus")
def test_in_a_storm_the_first_thread_reads_alone_until_it_is_over(heard: Heard) -> None:
    first = threading.current_thread().name
    with heard.ears.both():
        for _ in range(int(WAKES)):
            heard.say("born\n")
            assert heard.take() == ("vectors-2", "born\n")
        heard.say("one more\n")
        assert not heard.ears.has_ended()
        assert heard.take() == (first, "one more\n")
        heard.now += 2 / WAKES_RATE
        heard.say("later\n")
        assert heard.take() == ("vectors-2", "later\n")


def test_with_one_cpu_there_is_one_thread(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _thread: {4})
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_arguments: pytest.fail("a thread was moved"))
    with heard.ears.both():
        assert all(thread.name != "vectors-2" for thread in threading.enumerate())


def test_threads_that_may_not_be_moved_read_all_the_same(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_getaffinity", lambda _thread: {0, 1})
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with heard.ears.both():
        heard.say("born\n")
        assert heard.take() == ("vectors-2", "born\n")


@pytest.mark.usefixtures("two_cpus")
def test_the_first_thread_raises_what_the_second_met() -> None:
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    met = threading.Event()

    def fail(_text: str) -> None:
        met.set()
        raise RuntimeError("a mistake of ours")

    ears = Ears(read_end, fail)
    with ears.both():
        os.write(write_end, b"born\n")
        assert met.wait(HANG)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        ears.has_ended()
    os.close(read_end)
    os.close(write_end)


@pytest.mark.usefixtures("two_cpus")
def test_the_second_thread_leaves_the_end_of_the_pipe_to_the_first() -> None:
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    ears = Ears(read_end, heard.put)
    with ears.both():
        os.close(write_end)
        assert heard.get(timeout=HANG) == ""
    assert heard.empty()
    assert ears.has_ended()
    os.close(read_end)
