# SPDX-License-Identifier: Apache-2.0
"""The thread that tells irqbalance to leave guests alone, so that no pass ever waits for it."""

import logging
import threading
import time
from collections.abc import Callable

from irqaffinity.daemon.threads import Threads
from irqaffinity.model.balance import Balancing, Bans
from irqaffinity.model.text import counted, name_cpus
from irqaffinity.model.times import FAREWELL
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.balance import Balance
from irqaffinity.plan.policy import Isolation
from irqaffinity.state.folder import StateError

LOG = logging.getLogger(__name__)


class BalanceTeller:
    """Owns the thread, which is there only while it has something to tell irqbalance, or to give back.

    It calls `show` with how far it is, None once nothing is told. Any thread may call everything but `run`.
    """

    def __init__(
        self,
        balance: Balance,
        threads: Threads,
        show: Callable[[Balancing | None], None],
        clock: Callable[[], float] = time.monotonic,
        pause: float = 1.0,
        last_answer: float = FAREWELL / 2,
    ) -> None:
        """`pause` is how many seconds pass at least between two looks at what guests have, which cost a sorted list.

        At the end the thread waits `last_answer` seconds for an answer that is still to come.
        """
        self._balance = balance
        self._threads = threads
        self._show = show
        self._shown: Balancing | None = None
        self._look_due = 0.0
        self._pause = pause
        self._last_answer = last_answer
        self._clock = clock
        self._changed = threading.Condition()
        self._is_new = self._is_on = self._is_ending = False
        self._wish: Bans | None = None
        self._thread: threading.Thread | None = None

    def follow(self, isolation: Isolation, *, owes: bool = False) -> None:
        """Begin to tell, or end it and give back; `owes` says that an agent before this one has not done so."""
        tells = isolation.tells_irqbalance
        with self._changed:
            if tells or isolation.irqbalance_sockets is not None:  # else what was told goes back where it came from
                self._balance.folder = isolation.irqbalance_sockets
            self._is_on = tells
            if not tells:
                self._wish = None
            self._is_new = True
            self._changed.notify()
            if self._thread is None and (tells or owes):
                self._thread = self._threads.start("irqbalance", self.run)

    def look(self, find: Callable[[], Bans | None]) -> None:
        """See at most once a second what irqbalance shall leave alone, and take over a change; `find` returns it."""
        if not self._is_on or self._clock() < self._look_due:
            return
        self._look_due = self._clock() + self._pause
        wish = find()
        with self._changed:
            if self._is_on and wish is not None and wish != self._wish:
                self._wish, self._is_new = wish, True
                self._changed.notify()

    def end(self) -> None:
        """Have the thread give back what was told, and end."""
        with self._changed:
            self._is_ending = self._is_new = True
            self._changed.notify()

    def join(self, seconds: float) -> None:
        """Wait no longer than so many seconds for the end of the thread."""
        with self._changed:
            thread = self._thread
        if thread is not None:
            thread.join(max(0.0, seconds))

    def run(self) -> None:
        """Tell irqbalance until `end`, or until nothing is wanted and all is given back."""
        while True:
            with self._changed:
                if not self._is_new:
                    self._changed.wait(max(0.0, self._balance.due - self._clock()) if self._has_work() else None)
                is_ending, self._is_new = self._is_ending, False
                wish, has_work, is_on = self._wish, self._has_work(), self._is_on
            if is_ending:
                self._give_back()
                return
            if has_work:
                self._tell(wish)
            if not is_on and self._is_over():
                return

    def _has_work(self) -> bool:
        """Whether it is known what to tell: from the start until the first pass, it is not."""
        return self._wish is not None or not self._is_on

    def _is_over(self) -> bool:
        """End the thread's time unless it was wanted again meanwhile, or something is not given back yet."""
        try:
            owes = self._balance.owes
        except (StateError, OSError):
            return False
        with self._changed:
            if owes or self._is_new:
                return False
            self._thread = None
            self._put(None)
            return True

    def _tell(self, wish: Bans | None) -> None:
        try:
            shown = self._balance.follow(wish)
        except (StateError, HostUnreadable, OSError) as error:
            shown = Balancing(trouble=str(error))
        self._log(shown)
        self._put(shown)

    def _put(self, shown: Balancing | None) -> None:
        self._shown = shown
        self._show(shown)

    def _give_back(self) -> None:
        try:
            self._balance.hear_out(self._last_answer)
            troubles = self._balance.give_back()
        except (StateError, HostUnreadable, OSError) as error:
            troubles = [str(error)]
        for trouble in troubles:
            LOG.warning("irqbalance was not given back what it had: %s", trouble)

    def _log(self, shown: Balancing) -> None:
        before = self._shown or Balancing()
        if shown.trouble is not None and shown.trouble != before.trouble:
            LOG.warning("irqbalance: %s", shown.trouble)
        if shown.told and shown != before:
            irqs = counted(shown.irqs, "interrupt")
            cpus = name_cpus("CPU", shown.cpus) if shown.cpus else "no CPU"
            LOG.info("irqbalance %s leaves %s and %s of guests alone", shown.pid, cpus, irqs)
