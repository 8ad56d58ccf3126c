# SPDX-License-Identifier: Apache-2.0
"""A thread for calls that may never come back: each has a deadline, and a thread that is stuck can be given up."""

import functools
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_Finish = Callable[[Any], None]
_Call = tuple[Callable[[], Any], "queue.SimpleQueue[Callable[[], Any]]"]
"""The function to call, and the queue for its answer."""


class CallThread:
    """A thread that makes one call after the other, until it is given up. It does not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[_Call | _Finish] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether a call that was given up has not come back yet."""
        return self._thread.is_alive()

    def call(self, function: Callable[[], T], deadline: float) -> T:
        """Return or raise what `function` does on the thread; raise TimeoutError after `deadline` seconds."""
        answers: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._calls.put((function, answers))
        try:
            answer = answers.get(timeout=deadline)
        except queue.Empty:
            raise TimeoutError from None
        result: T = answer()
        return result

    def leave(self, finish: _Finish) -> None:
        """Give the thread up: when its call comes back after all, it calls `finish` with the result, and ends.

        The result is None where the call raised an error.
        """
        self._calls.put(finish)

    def _run(self) -> None:
        result: Any = None
        while True:
            item = self._calls.get()
            if not isinstance(item, tuple):
                item(result)
                return
            function, answers = item
            result = None
            try:
                result = function()
            except Exception as error:  # noqa: BLE001  the caller's thread raises it
                answers.put(functools.partial(_raise, error))
            else:
                answers.put(functools.partial(_identity, result))
            del item, function, answers


def _identity(value: T) -> T:
    return value


def _raise(error: Exception) -> None:
    raise error
