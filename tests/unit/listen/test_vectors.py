# SPDX-License-Identifier: Apache-2.0
"""What the kernel's trace events wake; on paper, a left-over instance whose trace_pipe is written by the test."""

import errno
import os
import queue
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.retry import STEADY, Retry
from irqaffinity.listen.tracing import BIRTH, Changed, Untraceable, instance_name, probe, tracing_folder
from irqaffinity.listen.vectors import Heard, VectorListener, sift
from tests.fakes.tracefs import BORN, ENDED, PaperTracefs
from tests.functional.agent import wait_for
from tests.patience import HANG


class Hearsay:
    """What the listener tells of interrupts, in its order."""

    def __init__(self) -> None:
        self._heard: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()

    def born(self, number: int) -> None:
        self._heard.put(("born", number))

    def ended(self, numbers: Collection[int]) -> None:
        for number in sorted(numbers):
            self._heard.put(("ended", number))

    def take(self, count: int = 1) -> list[tuple[str, int]]:
        """Return the next events, waiting for them."""
        return [self._heard.get(timeout=HANG) for _ in range(count)]


class Tracefs(PaperTracefs):
    """A tracefs on paper, and a listener that runs over it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.queue = WakeQueue()
        self.heard = Hearsay()
        self.listener = VectorListener(self.queue, self.heard, str(folder), self.instance.name)
        self.thread = threading.Thread(target=self.listener.run)

    def start(self) -> None:
        """Start the listener, and take the wake-up with which it begins."""
        self.thread.start()
        assert self.queue.take(HANG).everything

    def close(self) -> None:
        """End the listener."""
        self.listener.stop()
        if self.thread.ident is not None:
            self.thread.join()
        super().close()


@pytest.fixture
def tracefs(tmp_path: Path) -> Iterator[Tracefs]:
    made = Tracefs(tmp_path / "tracing")
    yield made
    made.close()


def test_ends_are_told_before_births(tracefs: Tracefs) -> None:
    tracefs.start()
    tracefs.say(BORN.format(44) + BORN.format(45) + ENDED.format(44) + BORN.format(44))
    assert tracefs.heard.take(3) == [("ended", 44), ("born", 45), ("born", 44)]


B, E = "BORN", "ENDED"


@pytest.mark.parametrize(
    ("events", "heard"),
    [
        ([(B, 44)], Heard([44], set(), 0)),
        ([(B, 44), (B, 44)], Heard([44], set(), 0)),
        ([(B, 44), (E, 44)], Heard([], {44}, 0)),
        ([(E, 44), (B, 44)], Heard([44], {44}, 0)),
        ([(B, 44), (E, 44), (B, 44), (E, 45)], Heard([44], {44, 45}, 0)),
        ([(B, 46), (B, 44), (E, 46), (B, 45)], Heard([44, 45], {46}, 0)),
        ([], Heard([], set(), 0)),
    ],
    ids=repr,
)
def test_what_has_ended_by_the_end_of_a_text_is_no_birth(events: list[tuple[str, int]], heard: Heard) -> None:
    assert sift("".join((BORN if kind == B else ENDED).format(number) for kind, number in events)) == heard


def test_losses_add_up() -> None:
    assert sift("CPU:3 [LOST 12 EVENTS]\n" + BORN.format(44) + "CPU:0 [LOST 5 EVENTS]\n") == Heard([44], set(), 17)


def test_the_name_of_a_thread_is_not_taken_for_an_event(tracefs: Tracefs) -> None:
    tracefs.start()
    tracefs.say("  vector_activate-9 [000] d..1. 1.0: vector_setup: irq=9 is_legacy=0 ret=0\n" + BORN.format(44))
    assert tracefs.heard.take() == [("born", 44)]


def test_lost_events_ask_for_a_look_at_everybody_and_are_said_once(
    tracefs: Tracefs, caplog: pytest.LogCaptureFixture
) -> None:
    tracefs.start()
    for _ in range(2):
        tracefs.say("CPU:3 [LOST 12 EVENTS]\n")
        assert tracefs.queue.take(HANG).everything
    assert tracefs.listener.lost == 24
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "vectors: the kernel dropped 12 events, which came too fast; every guest is looked at"
    ]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at the instance all the time, and at once whether it can be had again."""
    monkeypatch.setattr("irqaffinity.listen.vectors._CHECK_EVERY", 0.01)
    monkeypatch.setattr("irqaffinity.listen.retry.Retry.failed", lambda _retry: 0.01)


def switch_off(instance: Path) -> None:
    """Write as it is written to a file of the kernel, which is at no time empty: the listener looks all the time."""
    fd = os.open(instance / "tracing_on", os.O_WRONLY)
    os.write(fd, b"0")
    os.close(fd)


@pytest.mark.usefixtures("often")
def test_an_instance_that_is_switched_off_again_and_again_is_told_once_an_hour(
    tracefs: Tracefs, caplog: pytest.LogCaptureFixture
) -> None:
    tracefs.start()
    for losses in (1, 2, 3):
        switch_off(tracefs.instance)
        assert tracefs.queue.take(HANG).everything
        assert tracefs.listener.link.losses == losses
        assert (tracefs.instance / "tracing_on").read_text() == "1"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "vectors: somebody changed the trace instance: tracing_on was '1', and is '0'; it is set up anew"
    ]
    tracefs.say(BORN.format(44))
    assert tracefs.heard.take() == [("born", 44)]


def test_the_waits_are_short_again_after_an_instance_that_lasted(
    tracefs: Tracefs, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, waits = 1000.0, list[float]()
    lasts = [0.0, STEADY - 1, STEADY, 0.0]

    def listen(_pipe: int, _armed: object) -> None:
        nonlocal now
        now += lasts[len(waits)]
        raise Changed("it is gone")

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == len(lasts)

    monkeypatch.setattr("random.uniform", lambda _low, _high: 1.0)
    monkeypatch.setattr(tracefs.listener, "_listen", listen)
    monkeypatch.setattr(tracefs.listener, "_waits", wait)
    tracefs.listener.retry = Retry(lambda: now)
    tracefs.listener.run()
    assert waits == [1, 2, 1, 2]


@pytest.mark.usefixtures("often")
def test_an_instance_that_is_gone_is_no_more_up(tracefs: Tracefs, caplog: pytest.LogCaptureFixture) -> None:
    tracefs.start()
    elsewhere = tracefs.folder / "elsewhere"
    tracefs.instance.rename(elsewhere)
    tracefs.instance.mkdir()
    wait_for("the loss", lambda: "tracefs is not mounted" in (tracefs.listener.link.state.trouble or ""))
    assert "somebody changed the trace instance: it is gone" in caplog.text
    assert not tracefs.listener.link.state.is_up


@pytest.mark.usefixtures("often")
def test_what_cannot_be_looked_at_is_not_taken_for_changed(tracefs: Tracefs, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = threading.Event()

    def refuse(folder: str) -> dict[str, str]:
        refused.set()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    tracefs.start()
    monkeypatch.setattr("irqaffinity.listen.tracing.read_settings", refuse)
    assert refused.wait(HANG)
    tracefs.say(BORN.format(44))
    assert tracefs.heard.take() == [("born", 44)]
    assert (tracefs.listener.link.state.is_up, tracefs.listener.link.losses) == (True, 0)


def test_events_are_off_when_it_ends(tracefs: Tracefs) -> None:
    tracefs.start()
    assert (tracefs.instance / BIRTH / "filter").read_text() == "reserve==0"
    assert (tracefs.instance / "tracing_on").read_text() == "1"
    tracefs.listener.stop()
    tracefs.thread.join()
    assert (tracefs.instance / "events/enable").read_text() == "0"


def test_a_kernel_without_the_event_is_told_once_and_left_alone(
    tracefs: Tracefs, caplog: pytest.LogCaptureFixture
) -> None:
    (tracefs.folder / BIRTH / "filter").unlink()
    (tracefs.folder / BIRTH / "enable").unlink()
    (tracefs.folder / BIRTH).rmdir()
    with pytest.raises(Untraceable, match="only x86"):
        probe(str(tracefs.folder))
    tracefs.thread.start()
    tracefs.listener.stop()
    tracefs.thread.join()
    assert not tracefs.listener.link.state.is_up
    assert "new interrupts are polled for: this kernel has no event" in caplog.text


def test_what_stands_in_the_way_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(Untraceable, match=r"tracefs is not mounted: run mount -t tracefs tracefs .*/tracing$"):
        probe(tracing_folder(str(tmp_path)))


def test_each_state_folder_has_an_instance_of_its_own() -> None:
    assert instance_name("/var/lib/irqaffinity") == "irqaffinity-f6eb8571"
    assert instance_name("/tmp/state") != instance_name("/var/lib/irqaffinity")
