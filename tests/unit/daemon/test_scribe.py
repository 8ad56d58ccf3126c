# SPDX-License-Identifier: Apache-2.0
"""Who logs never waits for what is written, and never fails with it."""

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.daemon import scribe
from irqaffinity.daemon.scribe import Desk, Scribe, fields_of
from tests.patience import HANG

CHANGE = {"guest": "u", "name": "vm", "device": "0000:41:00.1", "irqs": "40-41", "from": "0-15", "to": "2-3"}


class Noted(logging.Handler):
    """Keeps what it gets; fails, or waits, as a test wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.failure: Exception | None = None
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def emit(self, record: logging.LogRecord) -> None:
        assert self.may_go_on.wait(HANG)
        if self.failure is not None:
            raise self.failure
        self.lines.append(record.getMessage())


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
def log(noted: Noted, monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    monkeypatch.setattr(scribe, "LIMIT", 3)
    made = logging.Logger("test")
    made.addHandler(Desk(Scribe(), [noted]))
    yield made
    noted.may_go_on.set()


def scribe_of(log: logging.Logger) -> Scribe:
    desk = log.handlers[0]
    assert isinstance(desk, Desk)
    return desk._scribe


def test_lines_are_written_in_their_order(log: logging.Logger, noted: Noted) -> None:
    log.info("one %d", 1)
    log.warning("two")
    assert scribe_of(log).flush(HANG)
    assert noted.lines == ["one 1", "two"]


def test_nobody_waits_for_what_stands_still_and_what_was_lost_is_counted(log: logging.Logger, noted: Noted) -> None:
    noted.may_go_on.clear()
    log.info("first")
    for number in range(10):
        log.info("%d", number)
    assert not scribe_of(log).flush(0)
    noted.may_go_on.set()
    assert scribe_of(log).flush(HANG)
    shown = [line for line in noted.lines if "lost" in line]
    kept = len(noted.lines) - len(shown)
    assert shown == [f"{11 - kept} lines of the log were lost: they came faster than they could be written"]


def test_a_failure_is_told_once_and_its_end_in_the_log(
    log: logging.Logger, noted: Noted, capsys: pytest.CaptureFixture[str]
) -> None:
    noted.failure = OSError(28, "No space left on device")
    for _ in range(2):
        log.info("lost")
        assert scribe_of(log).flush(HANG)
    noted.failure = None
    log.info("found")
    assert scribe_of(log).flush(HANG)
    why = "the log cannot be written to Noted: No space left on device; lines are lost until it can"
    assert capsys.readouterr().err == f"irqaffinity: {why}\n"
    assert noted.lines == ["found", "the log can be written again; up to 2 lines before the last one were lost"]


def test_a_handler_is_closed_after_its_lines_and_nobody_waits_for_that(log: logging.Logger, noted: Noted) -> None:
    closed: list[int] = []
    noted.close = lambda: closed.append(len(noted.lines))  # type: ignore[method-assign]
    noted.may_go_on.clear()
    log.info("one")
    log.handlers[0].close()
    assert not closed
    noted.may_go_on.set()
    assert scribe_of(log).flush(HANG)
    assert closed == [1]


def test_one_that_is_slow_does_not_stand_still(log: logging.Logger, noted: Noted) -> None:
    made = scribe_of(log)
    noted.may_go_on.clear()
    log.info("one")
    log.info("two")
    made.flush(0.01)
    assert made.stands_still(0.01)
    threading.Timer(0.01, noted.may_go_on.set).start()
    assert not made.stands_still(HANG)


def test_a_line_waits_for_a_thread_that_cannot_be_started(
    log: logging.Logger, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        log.info("one")
    log.info("two")
    assert scribe_of(log).flush(HANG)
    assert noted.lines == ["one", "two"]


def test_a_full_disk_is_told_of_a_handler_that_swallows_its_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """Python's own would print a traceback for each line."""
    log, made = logging.Logger("test"), Scribe()
    log.addHandler(Desk(made, [logging.FileHandler("/dev/full")]))
    log.info("x")
    log.info("y")
    assert made.flush(HANG)
    assert capsys.readouterr().err.count("No space left on device") == 1
    assert capsys.readouterr().err == ""
    log.handlers = []


def test_a_closed_standard_error_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    log, made = logging.Logger("test"), Scribe()
    monkeypatch.setattr(sys, "stderr", None)
    log.addHandler(Desk(made, [logging.StreamHandler()]))
    log.info("x")
    assert made.flush(HANG)


def test_a_line_that_cannot_be_put_together_is_told(log: logging.Logger, noted: Noted) -> None:
    log.info("%d", "no number")
    assert scribe_of(log).flush(HANG)
    assert noted.lines == ["a line cannot be put together: '%d'"]


def test_no_exception_is_being_handled_where_lines_are_written(log: logging.Logger, noted: Noted) -> None:
    """The formatters of oslo.log would add it to the line, with the password that it may repeat."""
    seen = []
    noted.emit = lambda _record: seen.append(sys.exc_info())  # type: ignore[method-assign]
    try:
        raise ValueError("s3cret")
    except ValueError:
        log.warning("it failed")
    assert scribe_of(log).flush(HANG)
    assert seen == [(None, None, None)]


def test_a_handler_gets_its_levels_alone(log: logging.Logger, noted: Noted) -> None:
    noted.setLevel(logging.ERROR)
    log.warning("less")
    log.error("more")
    assert scribe_of(log).flush(HANG)
    assert noted.lines == ["more"]


def test_the_thread_takes_no_signal(log: logging.Logger) -> None:
    log.info("x")
    assert scribe_of(log).flush(HANG)
    thread = next(each for each in threading.enumerate() if each.name == "log" and each.is_alive())
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    blocked = int(next(line for line in status.splitlines() if line.startswith("SigBlk")).split()[1], 16)
    assert blocked >> 14 & 1  # SIGTERM, for which the main thread waits


def test_a_change_has_its_fields_by_their_names() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "", None, None)
    assert fields_of(record) == {}
    record.change = CHANGE
    assert fields_of(record) == {
        "uuid": "u",
        "name": "vm",
        "device": "0000:41:00.1",
        "interrupts": "40-41",
        "from": "0-15",
        "to": "2-3",
    }
