# SPDX-License-Identifier: Apache-2.0
"""Reports the state of the agent to systemd and in the status file."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

from irqaffinity.agent import marks
from irqaffinity.agent.counters import Counters
from irqaffinity.agent.status_file import SCHEMA, publish
from irqaffinity.agent.view import View
from irqaffinity.agent.worker import Worker
from irqaffinity.conf.load import Settings
from irqaffinity.daemon.reload import LastReload
from irqaffinity.daemon.systemd import notify
from irqaffinity.listen.link import CONNECTED, NOT_CONNECTED, NOT_NEEDED, Link
from irqaffinity.model.times import PUBLISH
from irqaffinity.observe.rivals import advise
from irqaffinity.report.outcome import EXIT_DONE
from irqaffinity.report.summary import render_summary
from irqaffinity.report.times import show_time
from irqaffinity.state.tolerant import TolerantStore

LOG = logging.getLogger(__name__)

_SHORT = {CONNECTED: "up", NOT_CONNECTED: "down", NOT_NEEDED: NOT_NEEDED}


class Announcer:
    """Collects the state of all parts of the agent, and publishes it. `links` may change while the agent runs."""

    def __init__(
        self,
        worker: Worker,
        counters: Counters,
        view: View,
        store: TolerantStore,
        links: Mapping[str, Link],
        last_reload: LastReload,
        may_start: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take the parts; READY waits until `may_start` says that what comes after the agent may start."""
        self._worker = worker
        self._counters = counters
        self._view = view
        self._store = store
        self._links = links
        self._last_reload = last_reload
        self._may_start = may_start
        self._started = datetime.now(timezone.utc)
        self._version = version("irqaffinity")
        self._is_ready = False
        self._is_first_told = False
        self._published = 0.0
        self._shown: object = None
        self._cannot_publish = False

    def tell(self, settings: Settings, *, is_alive: bool, works: bool) -> None:
        """Publish what has changed, to systemd and in the status file; with `is_alive`, feed systemd's watchdog.

        Each time, also renew the marks for probes (agent/marks), so that they are never older than the status.
        """
        if not self._is_first_told and self._worker.started.is_set():
            self._tell_first_pass()
        if not self._is_ready and self._worker.started.is_set() and self._may_start():
            self._is_ready = True
            notify("READY=1")
        shown = (
            self._counters.number_of_notifications(),
            self._view.version,
            tuple(self._worker.settling),
            tuple(link.state for link in self._links.values()),
            self._store.unsaved,
            self._last_reload.error,
            works,
        )
        now = time.monotonic()
        if shown == self._shown and now - self._published < PUBLISH:
            return
        self._shown, self._published = shown, now
        notify(f"STATUS={self._one_line()}", *(["WATCHDOG=1"] if is_alive else []))
        self._publish(settings, is_alive=is_alive, works=works)

    def _tell_first_pass(self) -> None:
        """Log the result of the first pass that succeeded; before that, warn once that a pass failed."""
        trouble = self._view.trouble
        if trouble is not None and not self._is_ready:
            LOG.warning("the first pass failed, the lines above say why; the agent tries again")
        if trouble is None:
            outcome = self._view.outcome
            is_wrong = outcome.exit_status() != EXIT_DONE
            LOG.log(
                logging.WARNING if is_wrong else logging.INFO, "the first pass has ended: %s", render_summary(outcome)
            )
            self._is_first_told = True

    def _one_line(self) -> str:
        links = ", ".join(f"{name} {_SHORT[link.state.word]}" for name, link in self._links.items())
        counts = self._view.outcome.summary()
        return f"{links}; {counts['guests']} guests, {counts['irqs']} interrupts, {counts['failed']} failed"

    def _publish(self, settings: Settings, *, is_alive: bool, works: bool) -> None:
        try:
            publish(settings.status_path, self._describe(settings))
            marks.renew(settings.status_path, is_alive=is_alive, works=works)
        except OSError as error:
            level = logging.DEBUG if self._cannot_publish else logging.WARNING
            LOG.log(level, "the agent cannot publish its status: %s; mend [status] path", error)
            self._cannot_publish = True
        else:
            self._cannot_publish = False

    def _describe(self, settings: Settings) -> dict[str, Any]:
        rivals = self._view.untold_rivals
        return {
            "schema": SCHEMA,
            "version": self._version,
            "host": settings.host,
            "pid": os.getpid(),
            "started": show_time(self._started),
            "updated": show_time(datetime.now(timezone.utc)),
            "heartbeat": self._worker.heartbeat,
            "connections": self._describe_links(settings),
            "state_unsaved": self._store.unsaved,
            "configuration": {"time": show_time(self._last_reload.time), "error": self._last_reload.error},
            "rivals": list(rivals),
            "advice": advise(rivals),
            "clocks_ahead": [
                {"publisher": clock.publisher, "seconds": clock.seconds, "seen": clock.seen}
                for clock in self._counters.clocks.ahead
            ],
            "settling": self._worker.settling,
            "counters": self._counters.describe(),
            **self._view.describe(),
        }

    def _describe_links(self, settings: Settings) -> Mapping[str, Any]:
        rows = {
            name: {
                "state": link.state.word,
                "peer": link.state.peer,
                "since": show_time(link.state.since),
                "trouble": link.state.trouble,
            }
            for name, link in self._links.items()
        }
        wants_broker = settings.notifications.enabled
        absent = {
            "vectors": "new interrupts are polled for, as [vectors] source says",
            "metrics": "[metrics] enabled is false",
            "broker": "no transport_url is set" if wants_broker else "[notifications] enabled is false",
        }
        since = show_time(self._started)
        off = {name: {"state": "off", "peer": "", "since": since, "trouble": why} for name, why in absent.items()}
        return rows | {name: row for name, row in off.items() if name not in rows}
