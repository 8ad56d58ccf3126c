# SPDX-License-Identifier: Apache-2.0
"""Calls on a thread of their own: answered, failed, given up, and back after all."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from irqaffinity.hypervisor.calls import CallThread
from tests.patience import HANG

AT_ONCE = 0.01
AMPLE = HANG


@pytest.fixture
def finished() -> queue.SimpleQueue[Any]:
    """What the thread handed to `finish`, once it has ended."""
    return queue.SimpleQueue()


@pytest.fixture
def thread(finished: queue.SimpleQueue[Any]) -> Iterator[CallThread]:
    made = CallThread("calls")
    yield made
    made.leave(finished.put)


def test_every_call_is_made_on_the_one_thread_and_answered(thread: CallThread) -> None:
    makers = {thread.call(threading.current_thread, AMPLE) for _ in range(3)}
    assert [(maker.name, maker.daemon) for maker in makers] == [("calls", True)]


def test_an_error_is_raised_to_the_caller_and_the_thread_goes_on(thread: CallThread) -> None:
    with pytest.raises(ValueError, match="not a number"):
        thread.call(lambda: int("not a number"), AMPLE)
    assert thread.call(lambda: 1, AMPLE) == 1


@pytest.mark.parametrize("is_error", [False, True], ids=["result", "error"])
def test_what_comes_back_too_late_is_handed_over_and_the_thread_ends(
    thread: CallThread, finished: queue.SimpleQueue[Any], is_error: bool
) -> None:
    back = threading.Event()
    maker = thread.call(threading.current_thread, AMPLE)

    def hang() -> str:
        back.wait()
        if is_error:
            raise OSError
        return "late"

    with pytest.raises(TimeoutError):
        thread.call(hang, AT_ONCE)
    thread.leave(finished.put)
    assert thread.is_busy
    back.set()
    assert finished.get(timeout=AMPLE) == (None if is_error else "late")
    maker.join(AMPLE)
    assert not thread.is_busy
