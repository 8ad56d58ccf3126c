# SPDX-License-Identifier: Apache-2.0
"""Starts and ends the thread that listens to Nova's notifications."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from irqaffinity.agent.counters import Counters
from irqaffinity.agent.machine import read_machine_id
from irqaffinity.agent.need import Need
from irqaffinity.conf.load import Settings
from irqaffinity.daemon.threads import Threads
from irqaffinity.listen.broker import Broker
from irqaffinity.listen.ending import Ending
from irqaffinity.listen.link import Link
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.model.text import counted
from irqaffinity.observe.guests import Seen

LOG = logging.getLogger(__name__)

BROKER = "broker"
"""The name of the connection."""


@dataclass(frozen=True)
class Configuration:
    """The settings, and the broker that they name; None where notifications are off or no broker is named.

    `logs` are the options of oslo.log (conf/logs), None where none is set.
    """

    settings: Settings
    broker: Broker | None
    logs: Any = None


class Listening:
    """Has one listener at most, in a thread of its own. For any number of threads."""

    def __init__(
        self,
        threads: Threads,
        wakes: WakeQueue,
        counters: Counters,
        links: dict[str, Link],
        guests: Callable[[], Seen],
        need: Need,
    ) -> None:
        """Take the parts; `links` gets the state of the connection, `guests` returns the guests of this host."""
        self._threads = threads
        self._wakes = wakes
        self._counters = counters
        self._links = links
        self._guests = guests
        self._need = need
        self._lock = threading.Lock()
        self._configuration: Configuration | None = None
        self._ending: Ending | None = None
        self._thread: threading.Thread | None = None

    def follow(self, configuration: Configuration) -> None:
        """Use this configuration from now on; the listener of the one before ends by itself, and has its own link."""
        with self._lock:
            self._end_before(configuration)
            self._configuration = configuration
            self._links.pop(BROKER, None)
            if configuration.broker is None:
                _tell_why_not(configuration)
                return
            self._links[BROKER] = Link(BROKER, str(configuration.broker))
            if self._is_needed(configuration):
                self._start(configuration)
            else:
                _rest(self._links[BROKER], configuration)

    def look(self) -> None:
        """Leave the broker, or come back to it, as the guests that libvirt has just named need notifications."""
        with self._lock:
            self._need.look(self._guests())
            configuration = self._configuration
            if configuration is None or configuration.broker is None:
                return
            if self._is_needed(configuration) and self._ending is None:
                LOG.info("broker: the agent listens again, for a domain of Nova's has no extra specs")
                self._start(configuration)
            elif self._ending is not None and not self._is_needed(configuration):
                self._ending.leave()
                self._ending = None

    def stop(self) -> None:
        """Have the listener end; it leaves its queue on the broker."""
        with self._lock:
            self._configuration = None
            if self._ending is not None:
                self._ending.stop()

    def _is_needed(self, configuration: Configuration) -> bool:
        wanted = configuration.settings.notifications
        return not (wanted.is_auto and self._need.is_over(wanted.leave_after))

    def _end_before(self, configuration: Configuration) -> None:
        """End the listener. It deletes its queue where the next listener uses another broker, or where there is none.

        A next listener on the same broker deletes the queues of other configurations itself.
        """
        before = self._configuration
        if before is None or self._ending is None:
            return
        is_same = _is_same(before.broker, configuration.broker)
        if is_same and self._is_needed(configuration):
            self._ending.stop()
        else:
            self._ending.leave()
        if not is_same:
            self._thread = None  # the next one does not have to wait for it
        self._ending = None

    def _start(self, configuration: Configuration) -> None:
        before, ending, link = self._thread, Ending(), self._links[BROKER]

        def run() -> None:
            if before is not None:
                before.join()  # else it would delete the queue that this one is about to make
            self._listen(configuration, link, ending)
            if ending.leaves and self._links.get(BROKER) is link:
                _rest(link, configuration)

        self._ending = ending
        self._thread = self._threads.start("notifications", run)

    def _listen(self, configuration: Configuration, link: Link, ending: Ending) -> None:
        from irqaffinity.listen.notifications import NotificationListener  # noqa: PLC0415  kombu is not always needed

        assert configuration.broker is not None
        if not link.state.is_needed:
            link.turn_to(str(configuration.broker))
        NotificationListener(
            configuration.broker,
            configuration.settings.host,
            read_machine_id(),
            self._wakes,
            self._guests,
            lambda event, outcome: self._counters.count_notification(event, outcome.value),
            self._counters.clocks,
            is_exclusive=configuration.settings.notifications.is_exclusive,
            from_relay=configuration.settings.notifications.from_relay,
            link=link,
            ending=ending,
        ).run()


def _tell_why_not(configuration: Configuration) -> None:
    wanted = configuration.settings.notifications
    if wanted.enabled:
        level = logging.INFO if wanted.is_auto else logging.WARNING
        LOG.log(level, "no transport_url is set: the agent does not listen to Nova's notifications")


def _rest(link: Link, configuration: Configuration) -> None:
    days = counted(configuration.settings.notifications.leave_after, "day")
    why = f"every domain of Nova's has had its extra specs for {days}"
    LOG.info("broker: the agent does not listen, for %s; it will when a domain has none", why)
    link.rest(why)


def _is_same(one: Broker | None, other: Broker | None) -> bool:
    """Tell whether two configurations lead to one virtual host of one broker."""
    if one is None or other is None or one.virtual_host != other.virtual_host:
        return False
    nodes, others = ({(node.name, node.port) for node in broker.hosts} for broker in (one, other))
    return not nodes.isdisjoint(others)
