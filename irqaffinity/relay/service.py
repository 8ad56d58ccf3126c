# SPDX-License-Identifier: Apache-2.0
"""The process: its threads, its signals, and whether it lives and works."""

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from irqaffinity.conf.differences import changed_names
from irqaffinity.conf.load import ConfigError, Settings
from irqaffinity.daemon.farewell import Farewell
from irqaffinity.daemon.log import LogRefused, set_up_log
from irqaffinity.daemon.reload import LastReload
from irqaffinity.daemon.systemd import notify
from irqaffinity.daemon.threads import Threads
from irqaffinity.listen.broker import Broker
from irqaffinity.listen.link import Link
from irqaffinity.model.times import FRESH, PUBLISH
from irqaffinity.relay.counters import Counters
from irqaffinity.relay.relay import Relay
from irqaffinity.relay.route import Fate, Router

LOG = logging.getLogger(__name__)

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_TICK = 1.0
_FAREWELL = 2.0
"""Seconds to wait until the connections end; another relay gets the unfinished messages in any case."""

_INTERRUPTED = 128 + signal.SIGINT


@dataclass(frozen=True)
class Configuration:
    """The settings, the broker that they name, and the options of oslo.log, None where none is set."""

    settings: Settings
    broker: Broker
    logs: Any = None


class Service:
    """The relay as a whole. `reload` reads the configuration again, or raises ConfigError."""

    def __init__(self, configuration: Configuration, reload: Callable[[], Configuration]) -> None:
        self._configuration = configuration
        self._reload = reload
        self._last_reload = LastReload()
        self._threads = Threads()
        self._router = Router()
        self._counters = Counters()
        self._links: dict[str, Link] = {}
        self._told: tuple[str, float] = ("", 0.0)

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return 0, 130 after SIGINT, 1 when a thread ended with an error."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        farewell = Farewell("relay")
        settings = self._configuration.settings
        self._start_relay()
        if settings.metrics.enabled:
            self._serve_metrics(settings)
        notify("READY=1")
        number = None
        while self._threads.dead is None:
            self._tell()
            received = signal.sigtimedwait(_SIGNALS, _TICK)
            number = None if received is None else received.si_signo
            if number in (signal.SIGTERM, signal.SIGINT):
                break
            if number == signal.SIGHUP:
                self._reconfigure()
        notify("STOPPING=1", "STATUS=ending")
        self._relay.stop()
        self._thread.join(_FAREWELL)
        farewell.tell(number, self._threads.dead)
        if self._threads.dead is not None:
            return 1
        return _INTERRUPTED if number == signal.SIGINT else 0

    def _start_relay(self) -> None:
        configuration = self._configuration
        self._counters.disconnect()
        name = f"irqaffinity relay on {configuration.settings.host}"
        self._relay = Relay(configuration.broker, name, self._router, self._counters)
        self._links["broker"] = self._relay.link
        self._thread = self._threads.start("relay", self._relay.run)

    def _serve_metrics(self, settings: Settings) -> None:
        from irqaffinity.daemon.collector import ProgramCollector  # noqa: PLC0415  off by default
        from irqaffinity.daemon.metrics import metrics_page, serve_metrics  # noqa: PLC0415
        from irqaffinity.daemon.web import METRICS  # noqa: PLC0415
        from irqaffinity.relay.metrics import RelayCollector  # noqa: PLC0415

        program = ProgramCollector(self._last_reload, lambda: dict(self._links))
        pages = {METRICS: metrics_page(RelayCollector(self._counters), program)}
        checks = {"/healthz": self._why_dead, "/readyz": self._why_not_ready}
        serve_metrics(settings.metrics.bind, settings.metrics.port, pages, checks, self._links, self._threads)

    def _why_dead(self) -> list[str]:
        """Return a sentence for each fault that only a restart mends; an empty list where all is well."""
        reasons, silent = [], time.monotonic() - self._relay.beat
        if self._threads.dead is not None:
            reasons.append(f"the thread {self._threads.dead} has ended with an error; the log names it")
        if silent >= FRESH:
            reasons.append(f"the relay has not moved for {silent:.0f} s, which is {FRESH:.0f} s or more")
        return reasons

    def _why_not_ready(self) -> list[str]:
        """Return the sentences of `why_dead`, and why the relay could not relay messages if it got them now."""
        reasons = self._why_dead()
        if not self._relay.link.state.is_up:
            reasons.append("the broker is not connected; the log tells why")
        elif self._counters.blocked is not None:
            reasons.append("the broker takes no message, because it lacks memory or disk")
        return reasons

    def _tell(self) -> None:
        """Report the state to systemd when it has changed, and feed its watchdog again and again."""
        line, now = self._one_line(), time.monotonic()
        if line == self._told[0] and now - self._told[1] < PUBLISH:
            return
        self._told = line, now
        notify(f"STATUS={line}", *([] if self._why_dead() else ["WATCHDOG=1"]))

    def _one_line(self) -> str:
        messages = self._counters.messages
        if not self._relay.link.state.is_up:
            how = "broker down"
        elif self._counters.blocked is not None:
            how = "broker takes no message"
        else:
            how = "active" if self._counters.is_active else "standing by"
        relayed, ignored = messages[Fate.RELAYED], messages[Fate.IGNORED]
        dropped = sum(messages.values()) - relayed - ignored
        return f"{how}; {relayed} messages relayed, {ignored} needed by nobody, {dropped} dropped"

    def _reconfigure(self) -> None:
        """Read the configuration again, and use what may change while the relay runs; a bad one changes nothing."""
        try:
            new = self._reload()
            set_up_log(debug=new.settings.debug, options=new.logs)
        except (ConfigError, LogRefused, OSError) as error:
            LOG.error("the configuration is left as it was: %s", error)
            self._last_reload.failed(error)
            return
        old = self._configuration
        for field, name in {"host": "[DEFAULT] host", "metrics": "[metrics]"}.items():
            if getattr(new.settings, field) != getattr(old.settings, field):
                LOG.warning("%s has changed: restart needed", name)
        kept = replace(new.settings, host=old.settings.host, metrics=old.settings.metrics)
        self._configuration = replace(new, settings=kept)
        if new.broker != old.broker:
            self._relay.stop()
            self._thread.join(_FAREWELL)
            self._start_relay()
        self._last_reload.succeeded()
        names = changed_names(old.settings.marks, new.settings.marks)
        LOG.info("the configuration was read again: %s", f"changed: {', '.join(names)}" if names else "nothing changed")
