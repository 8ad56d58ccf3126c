# SPDX-License-Identifier: Apache-2.0
"""The process: its parts and threads, its signals, and whether it lives and works."""

import functools
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from irqaffinity.agent import marks
from irqaffinity.agent.announce import Announcer
from irqaffinity.agent.balancing import BalanceTeller
from irqaffinity.agent.births import Births
from irqaffinity.agent.counters import Counters
from irqaffinity.agent.functions import Functions
from irqaffinity.agent.health import Health
from irqaffinity.agent.listening import Configuration, Listening
from irqaffinity.agent.need import Need
from irqaffinity.agent.rivals import RivalSearch
from irqaffinity.agent.status_file import withdraw
from irqaffinity.agent.view import View
from irqaffinity.agent.worker import Tunables, Worker
from irqaffinity.conf.differences import changed_names
from irqaffinity.conf.load import ConfigError, Settings
from irqaffinity.daemon.farewell import Farewell
from irqaffinity.daemon.log import LogRefused, set_up_log
from irqaffinity.daemon.reload import LastReload
from irqaffinity.daemon.systemd import notify
from irqaffinity.daemon.threads import Threads
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.hypervisor.events import LibvirtEvents
from irqaffinity.listen.link import Link
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.tracing import instance_name, tracing_folder
from irqaffinity.listen.uevents import UeventListener
from irqaffinity.listen.vectors import VectorListener
from irqaffinity.model.times import FAREWELL, LAST_PASS
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.balance import Balance
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.history import StoredHistory
from irqaffinity.state.store import Store
from irqaffinity.state.tolerant import TolerantStore

LOG = logging.getLogger(__name__)

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1})
_TICK = 1.0
_INTERRUPTED = 128 + signal.SIGINT
_SWITCH = 0.0005
"""Seconds after which a thread that computes lets another one run, so that a birth does not wait until a look ends."""

_FIXED = {"host": "[DEFAULT] host", "proc": "[host] proc", "sys": "[host] sys", "state_path": "[state] path"} | {
    "metrics": "[metrics]",
    "status_path": "[status] path",
    "vectors_source": "[vectors] source",
}


class Service:
    """The agent as a whole. `reload` reads the configuration again, or raises ConfigError."""

    def __init__(self, configuration: Configuration, reload: Callable[[], Configuration]) -> None:
        settings = configuration.settings
        root = HostRoot(settings.proc, settings.sys)
        self._configuration = configuration
        self._reload = reload
        self._last_reload = LastReload()
        self._threads = Threads()
        self._queue = WakeQueue()
        self._counters = Counters()
        self._store = TolerantStore(Store(StateFolder(settings.state_path), read_boot_id(root)))
        self._events = LibvirtEvents(self._queue)
        hypervisor = Hypervisor(settings.libvirt_uri, listener=self._events)
        self._history = StoredHistory(StateFolder(settings.state_path), settings.history, stays=True)
        self._auditor = Auditor(
            settings.host, root, hypervisor, settings.policy, self._store, gathers=True, history=self._history
        )
        self._auditor.counting.is_on = True
        self._view = View(settings.host, self._auditor.lives.waiting)
        tracing, name = tracing_folder(settings.sys), instance_name(settings.state_path)
        self._vectors = VectorListener(self._queue, Births(self._auditor, self._queue, self._counters), tracing, name)
        self._links: dict[str, Link] = {}
        before = self._store.peek()
        need = Need(before.proof, self._auditor.keep_proof)
        self._owes = bool(before.told)
        balance = Balance(root, settings.policy.isolation.irqbalance_sockets, self._store, self._auditor.lock)
        self._teller = BalanceTeller(balance, self._threads, self._view.saw_balancer)
        self._listening = Listening(
            self._threads, self._queue, self._counters, self._links, lambda: self._auditor.guests, need
        )
        self._worker = Worker(
            self._auditor,
            hypervisor,
            RivalSearch(root, self._threads, self._view).begin,
            self._queue,
            _tunables(settings),
            self._counters,
            self._view,
            hears_births=lambda: self._vectors.link.state.is_up,
            on_sight=self._look,
        )
        self._links["libvirt"] = self._worker.libvirt.link
        self._functions = Functions(self._threads, self._view, self._counters)
        self._health = Health(self._threads, self._worker, lambda: self._configuration.settings.audit_interval)
        self._uevents = UeventListener(self._queue)
        self._announcer = Announcer(
            self._worker,
            self._counters,
            self._view,
            self._store,
            self._links,
            self._last_reload,
            may_start=self._functions.is_settled,
        )

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return 0, 130 after SIGINT, 1 when a thread ended with an error."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        farewell = Farewell("agent")
        sys.setswitchinterval(_SWITCH)
        settings = self._configuration.settings
        if settings.metrics.enabled:
            self._serve_metrics(settings)
            self._count_arrivals()
        self._functions.follow(settings, is_start=True)
        self._threads.start("libvirt-events", self._events.run)
        worker = self._threads.start("worker", self._worker.run)
        self._teller.follow(settings.policy.isolation, owes=self._owes)
        self._listen_to_kernel()
        self._listening.follow(self._configuration)
        vectors = self._listen_to_tracing(settings)
        number = None
        while self._threads.dead is None:
            number = received.si_signo if (received := signal.sigtimedwait(_SIGNALS, _TICK)) else None
            if number in (signal.SIGTERM, signal.SIGINT):
                break
            if number == signal.SIGHUP:
                self._reconfigure()
            elif number == signal.SIGUSR1:
                self._queue.wake_all()
                self._functions.wake()
            self._announcer.tell(
                self._configuration.settings,
                is_alive=not self._health.why_dead(),
                works=not self._health.why_not_ready(),
            )
        notify("STOPPING=1", "STATUS=ending")
        self._functions.end()
        self._listening.stop()
        self._vectors.stop()
        self._worker.stop()
        worker.join(LAST_PASS)
        self._teller.end()
        leave = time.monotonic() + FAREWELL
        if vectors is not None:
            vectors.join(FAREWELL)
        if not worker.is_alive():
            self._auditor.settle(everything=True)  # a birth may have ended after the worker's last pass
        self._teller.join(leave - time.monotonic())
        withdraw(settings.status_path)
        marks.remove(settings.status_path)
        farewell.tell(number, self._threads.dead)
        if self._threads.dead is not None:
            return 1
        return _INTERRUPTED if number == signal.SIGINT else 0

    def _look(self) -> None:
        self._listening.look()
        self._teller.look(self._auditor.bans)

    def _count_arrivals(self) -> None:
        from irqaffinity.agent.arrivals import count_arrivals  # noqa: PLC0415  off by default

        self._auditor.counting.counts_guests = True
        self._view.on_full_pass = functools.partial(count_arrivals, self._counters)

    def _listen_to_kernel(self) -> None:
        self._links["uevents"] = self._uevents.link
        self._threads.start("uevents", self._uevents.run)

    def _listen_to_tracing(self, settings: Settings) -> threading.Thread | None:
        if settings.vectors_source == "poll":
            LOG.info("vectors: new interrupts are polled for, as [vectors] source says")
            return None
        self._links["vectors"] = self._vectors.link
        return self._threads.start("vectors", self._vectors.run)

    def _serve_metrics(self, settings: Settings) -> None:
        from irqaffinity.agent import host_page  # noqa: PLC0415  off by default
        from irqaffinity.agent.metrics import AgentCollector  # noqa: PLC0415
        from irqaffinity.agent.pools import PoolCollector  # noqa: PLC0415
        from irqaffinity.daemon.collector import ProgramCollector  # noqa: PLC0415
        from irqaffinity.daemon.metrics import metrics_page, serve_metrics  # noqa: PLC0415
        from irqaffinity.daemon.web import METRICS  # noqa: PLC0415

        agent = AgentCollector(
            self._counters,
            self._view,
            self._store,
            lambda: dict(self._links),
            lambda: self._configuration.settings.audit_interval,
            lambda: {"trace": self._vectors.lost, "uevents": self._uevents.lost, "notifications": self._queue.lost},
        )
        optional = {"vectors"} if settings.vectors_source == "auto" else ()
        program = ProgramCollector(self._last_reload, lambda: dict(self._links), optional)
        root = HostRoot(settings.proc, settings.sys)
        pools = PoolCollector(
            root,
            lambda: self._auditor.policy.device_specs,
            lambda: None if self._view.last_audit is None else self._auditor.guests,
        )
        drawn = host_page.host_page(self._view, root, lambda: self._store.unsaved)
        pages = {METRICS: metrics_page(agent, pools, program), host_page.PATH: drawn}
        checks = {"/healthz": self._health.why_dead, "/readyz": self._health.why_not_ready}
        serve_metrics(settings.metrics.bind, settings.metrics.port, pages, checks, self._links, self._threads)

    def _reconfigure(self) -> None:
        """Read the configuration again, and use what may change while the agent runs; a bad one changes nothing."""
        try:
            new = self._reload()
            set_up_log(debug=new.settings.debug, options=new.logs)
        except (ConfigError, LogRefused, OSError) as error:
            LOG.error("the configuration is left as it was: %s", error)
            self._last_reload.failed(error)
            return
        old = self._configuration
        for field, name in _FIXED.items():
            if getattr(new.settings, field) != getattr(old.settings, field):
                LOG.warning("%s has changed: restart needed", name)
        kept = {field: getattr(old.settings, field) for field in _FIXED}
        self._configuration = replace(new, settings=replace(new.settings, **kept))
        self._history.bounds = new.settings.history
        self._worker.tune(_tunables(new.settings))
        self._teller.follow(new.settings.policy.isolation)
        self._functions.follow(self._configuration.settings)
        if (new.broker, new.settings.notifications) != (old.broker, old.settings.notifications):
            self._listening.follow(self._configuration)
        self._last_reload.succeeded()
        names = changed_names(old.settings.marks, new.settings.marks)
        LOG.info("the configuration was read again: %s", f"changed: {', '.join(names)}" if names else "nothing changed")


def _tunables(settings: Settings) -> Tunables:
    return Tunables(settings.policy, settings.audit_interval, settings.settle_boot, settings.libvirt_uri)
