# SPDX-License-Identifier: Apache-2.0
"""When a listener comes back to a broker, and what it makes of each message."""

import json
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from irqaffinity.listen import notifications
from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.clocks import Clocks
from irqaffinity.listen.deliveries import LARGEST, Delivery
from irqaffinity.listen.names import queue_name
from irqaffinity.listen.notifications import NotificationListener
from irqaffinity.listen.payload import Outcome
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.retry import STEADY, Retry
from irqaffinity.model.guest import GuestId

HERE, THERE = "cmp-1", "cmp-2"
MACHINE = "0123456789abcdef0123456789abcdef"
GUEST = "11111111-1111-1111-1111-111111111111"
NODE_A, NODE_B = (BrokerHost(name, 5672, "nova", "secret") for name in ("a", "b"))


def broker(*hosts: BrokerHost, **fields: Any) -> Broker:
    return Broker(hosts or (NODE_A,), "/nova", "nova", ("versioned_notifications.info",), **fields)


class Scripted(NotificationListener):
    """A listener whose connections end as a script says.

    `away` never stands, `lost` breaks at once and `lasted` after a while, `stop` is told to end.
    """

    def __init__(self, script: list[str], *hosts: BrokerHost) -> None:
        super().__init__(broker(*hosts), HERE, MACHINE, WakeQueue(), lambda: ())
        self.now = 1000.0
        self.retry = Retry(lambda: self.now)
        self.script = script
        self.tried: list[str] = []

    def _consume(self, host: BrokerHost) -> None:
        self.tried.append(host.name)
        step = self.script.pop(0)
        if step == "away":
            raise ConnectionRefusedError("refused")
        self.link.up(str(host))
        self.retry.worked()
        if step == "lasted":
            self.now += STEADY
        if step in ("lost", "lasted"):
            raise ConnectionResetError("reset")
        self.stop()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each wait. Nothing is waited for."""
    taken: list[float] = []
    monkeypatch.setattr("random.uniform", lambda _low, _high: 1.0)
    monkeypatch.setattr("threading.Event.wait", lambda _event, seconds: taken.append(seconds))
    return taken


def test_a_broker_that_stays_away_is_tried_less_and_less_often(waits: list[float]) -> None:
    Scripted([*["away"] * 4, "stop"]).run()
    assert waits == [1, 2, 4, 8]


def test_the_waits_are_short_again_after_a_connection_that_lasted(waits: list[float]) -> None:
    listener = Scripted(["away", "away", "lasted", "away", "lost", "lost", "lasted", "stop"])
    listener.run()
    assert waits == [1, 2, 1, 2, 4, 8, 1]
    assert listener.link.losses == 4


def test_each_node_is_tried_once_before_the_wait_and_one_that_stood_counts(waits: list[float]) -> None:
    listener = Scripted(["away", "away", "away", "lasted", "lasted", "away", "away", "stop"], NODE_A, NODE_B)
    listener.run()
    assert waits == [1, 1, 1]
    assert [sorted(listener.tried[first : first + 2]) for first in range(0, 8, 2)] == [["a", "b"]] * 4


def test_a_listener_that_is_stopped_waits_no_more(waits: list[float]) -> None:
    listener = Scripted(["stop"], NODE_A, NODE_B)
    listener.run()
    assert (waits, len(listener.tried)) == ([], 1)
    assert listener.link.state.is_up


def test_a_listener_that_was_stopped_before_tries_nothing() -> None:
    listener = Scripted([])
    listener.stop()
    listener.run()
    assert listener.tried == []


def test_what_each_node_refused_is_said_in_one_order(waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Scripted([*["away"] * 20, "stop"], NODE_A, NODE_B).run()
    refused = "ConnectionRefusedError: refused; start the broker, or mend transport_url"
    assert caplog.messages == [f"broker: a:5672: {refused}; b:5672: {refused}"]


def test_the_trouble_of_a_connection_that_broke_names_its_node(
    waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    Scripted(["lost", "stop"]).run()
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage().startswith("broker: a:5672: ConnectionResetError: reset; ")


def test_a_connection_that_broke_is_told_before_the_next_node_is_tried(
    waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    Scripted(["lost", "away", "stop"], NODE_A, NODE_B).run()
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [warning.split(": ")[2] for warning in warnings] == ["ConnectionResetError", "ConnectionRefusedError"]


class Hearing:
    """A listener that is given messages by hand, and what it did."""

    def __init__(self, *known: str) -> None:
        self.queue = WakeQueue()
        self.clocks = Clocks()
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        self.acknowledged: list[int] = []
        guests = {GuestId(uuid) for uuid in known}
        self.listener = NotificationListener(
            broker(), HERE, MACHINE, self.queue, lambda: guests, self._count, self.clocks
        )

    def _count(self, event: str, outcome: Outcome) -> None:
        self.counts[event, outcome] += 1

    def hear(self, body: bytes | None, is_compressed: bool = False) -> None:
        channel = SimpleNamespace(basic_ack=self.acknowledged.append)
        self.listener._receive(channel, Delivery(len(self.acknowledged) + 1, body, is_compressed))


def message(event: str = "power_on.end", publisher: str = f"nova-compute:{HERE}", **fields: object) -> bytes:
    flavor = {"nova_object.data": {"extra_specs": {"hw:pci_irq_affinity_mask": "1-4"}}}
    return json.dumps(
        {
            "event_type": f"instance.{event}",
            "publisher_id": publisher,
            "timestamp": "2026-11-20 12:00:00",
            "payload": {"nova_object.data": {"uuid": GUEST, "host": None, "flavor": flavor}},
            **fields,
        }
    ).encode()


@pytest.mark.parametrize(
    ("body", "is_compressed", "counted"),
    [
        (message(), False, ("power_on", Outcome.WOKE)),
        (message("power_on.start"), False, ("power_on", Outcome.IGNORED)),
        (message("of_the_future.end"), False, ("other", Outcome.WOKE)),
        (message(publisher=f"nova-compute:{THERE}"), False, ("power_on", Outcome.FOREIGN)),
        (message(event_type="service.update"), False, ("other", Outcome.IGNORED)),
        (b"{", False, ("other", Outcome.MALFORMED)),
        (message(), True, ("other", Outcome.UNREAD)),
        (message().ljust(LARGEST), False, ("power_on", Outcome.WOKE)),
        (None, False, ("other", Outcome.UNREAD)),
    ],
)
def test_each_message_is_acknowledged_and_counted(
    body: bytes | None, is_compressed: bool, counted: tuple[str, Outcome]
) -> None:
    hearing = Hearing()
    hearing.hear(body, is_compressed)
    assert hearing.acknowledged == [1]
    assert hearing.counts == {counted: 1}
    assert set(hearing.queue.take(0).guests) == ({GUEST} if counted[1] is Outcome.WOKE else set())


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep\n"), OSError("x")])
def test_a_message_that_cannot_be_handled_is_acknowledged_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(_body: bytes) -> None:
        assert hearing.acknowledged
        raise error

    hearing = Hearing()
    with monkeypatch.context() as patched:
        patched.setattr(notifications, "parse_notification", fail)
        hearing.hear(message())
        hearing.hear(message())
    hearing.hear(message())
    assert hearing.acknowledged == [1, 2, 3]
    assert hearing.counts == {("other", Outcome.MALFORMED): 2, ("power_on", Outcome.WOKE): 1}
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith(f"a message could not be handled, and is left out: {type(error).__name__}")
    assert warning.isprintable()


@pytest.mark.parametrize(
    ("event", "publisher", "known", "is_kept"),
    [
        ("power_on.start", f"nova-compute:{HERE}", (), True),
        ("update", f"nova-compute:{THERE}", (GUEST,), True),
        ("power_on.end", f"nova-api:{HERE}", (), False),
        ("power_on.end", f"nova-compute:{THERE}", (), False),
        ("resize_prep.end", f"nova-compute:{HERE}", (GUEST,), False),
    ],
)
def test_extra_specs_are_kept_with_the_time_here_whatever_else_the_event_means(
    event: str, publisher: str, known: tuple[str, ...], is_kept: bool
) -> None:
    hearing = Hearing(*known)
    before = datetime.now(timezone.utc)
    hearing.hear(message(event, publisher, timestamp="2999-01-01 00:00:00"))
    specs = hearing.queue.take(0).specs
    assert set(specs) == ({GUEST} if is_kept else set())
    assert hearing.clocks.count == len(specs)
    for found in specs.values():
        assert (found.mask, found.timestamp) == ("1-4", "2999-01-01 00:00:00")
        arrived = datetime.fromisoformat(f"{found.arrived}+00:00")
        assert before <= arrived <= datetime.now(timezone.utc)


def test_the_name_of_the_queue_tells_hosts_of_one_name_apart() -> None:
    assert queue_name(HERE, MACHINE) == "irqaffinity.cmp-1.01234567"


class DrainedConnection:
    """A connection on which time passes, until the listener is stopped."""

    def __init__(self, heartbeat: float, ends_at: float) -> None:
        self.now = 0.0
        self.checks: list[float] = []
        self.pauses: set[float] = set()
        self.on_end: Callable[[], None] = lambda: None
        self._heartbeat = heartbeat
        self._ends_at = ends_at

    def get_heartbeat_interval(self) -> float:
        return self._heartbeat

    def drain_events(self, timeout: float) -> None:
        self.now += timeout
        self.pauses.add(timeout)
        if self.now >= self._ends_at:
            self.on_end()
        raise TimeoutError

    def heartbeat_check(self, rate: int) -> None:
        assert rate == 4
        self.checks.append(self.now)


@pytest.mark.parametrize(
    ("heartbeat", "pause", "checks"),
    [(0.0, 1.0, []), (60.0, 1.0, [15.0, 30.0, 45.0]), (2.0, 0.5, [0.5 * number for number in range(1, 91)])],
)
def test_heartbeats_are_checked_four_times_in_each(
    monkeypatch: pytest.MonkeyPatch, heartbeat: float, pause: float, checks: list[float]
) -> None:
    connection = DrainedConnection(heartbeat, 45.0)
    monkeypatch.setattr(
        notifications, "time", SimpleNamespace(monotonic=lambda: connection.now, thread_time=lambda: 0.0)
    )
    hearing = Hearing()
    connection.on_end = hearing.listener.stop
    hearing.listener._drain(connection)
    assert (connection.pauses, connection.checks) == ({pause}, checks)
