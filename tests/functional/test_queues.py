# SPDX-License-Identifier: Apache-2.0
"""The queues that agents make, on this machine's RabbitMQ and on RabbitMQ 4, where queues are quorum queues by default.

The tests have a virtual host with Nova's exchange; what a relay makes there is made by them. rabbitmqctl takes a second
on a busy machine, so that only few of them list queues.
"""

import contextlib
import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import amqp
import pytest

from irqaffinity.listen import notifications
from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.link import Link
from irqaffinity.listen.names import HOSTS_EXCHANGE, queue_name, relayed_queue_name
from irqaffinity.listen.notifications import NotificationListener
from irqaffinity.listen.payload import Outcome
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.model.guest import GuestId
from tests.fakes.scene import GUEST
from tests.functional.agent import wait_for
from tests.functional.nova import versioned
from tests.functional.rabbitmq import PASSWORD, USER, RabbitMQ
from tests.patience import HANG

HERE, THERE = "cmp-1.example.org", "cmp-2.example.org"
MACHINE = "0123456789abcdef0123456789abcdef"
QUEUE, RELAYED = queue_name(HERE, MACHINE), relayed_queue_name(HERE, MACHINE)
OF_ANOTHER_HOST, ANYBODYS = queue_name(THERE, MACHINE), "anybody's"
QUEUES = (QUEUE, RELAYED, OF_ANOTHER_HOST, ANYBODYS)
KEY = "versioned_notifications.info"

KINDS = [
    pytest.param({}, id="durable"),
    pytest.param({"is_exclusive": True}, id="exclusive"),
    pytest.param({"from_relay": True}, id="durable, relay"),
    pytest.param({"is_exclusive": True, "from_relay": True}, id="exclusive, relay"),
]


class VirtualHost:
    """A virtual host whose default type of queues is quorum."""

    name = "nova-quorum"

    def __init__(self, broker: RabbitMQ) -> None:
        self.broker = broker
        broker.control("add_vhost", self.name, "--default-queue-type", "quorum")
        self.permit(".*")
        self._connection = broker.connect(self.name)
        self.channel.exchange_declare("nova", "topic", durable=False, auto_delete=False)

    @property
    def channel(self) -> Any:
        """A channel for what the test does itself."""
        return self._connection.default_channel

    @property
    def settings(self) -> Broker:
        """What an agent's configuration says of it."""
        return Broker((BrokerHost("127.0.0.1", self.broker.port, USER, PASSWORD),), self.name, "nova", (KEY,))

    def permit(self, configure: str) -> None:
        """Let the user make and delete what has such a name."""
        self.broker.control("set_permissions", "-p", self.name, USER, configure, ".*", ".*")

    def types(self) -> dict[str, str]:
        """Return the type of each queue by its name."""
        listed = self.broker.control("list_queues", "-p", self.name, "--no-table-headers", "name", "type")
        rows = (line.split("\t") for line in listed.splitlines())
        return {name: kind.removeprefix("rabbit_").removesuffix("_queue") for name, kind in rows}

    def has(self, name: str) -> bool:
        """Tell whether a queue is there, or one that is exclusive to a connection."""
        with contextlib.closing(self.another_channel()) as channel:
            try:
                channel.queue_declare(name, passive=True)
            except amqp.exceptions.ResourceLocked:
                return True
            except amqp.exceptions.NotFound:
                return False
            return True

    def make(self, name: str, arguments: dict[str, str] | None = None) -> None:
        """Make a durable queue."""
        self.channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)

    def another_channel(self) -> Any:
        """Return a channel that the broker may close."""
        return self._connection.channel()

    def clear(self) -> None:
        """Leave Nova's exchange alone; exclusive queues are gone with their connections."""
        for name in QUEUES:
            self.channel.queue_delete(name)
        self.channel.exchange_delete(HOSTS_EXCHANGE)

    def start_relay(self) -> None:
        """Make what a relay makes."""
        self.channel.exchange_declare(HOSTS_EXCHANGE, "direct", durable=True, auto_delete=False)

    def publish(self, exchange: str, key: str, host: str = HERE, mask: str = "1", second: int = 0) -> None:
        """Publish a notification of a host's nova-compute."""
        body = {
            "event_type": "instance.create.end",
            "publisher_id": f"nova-compute:{host}",
            "timestamp": f"2026-11-20 12:00:{second:02}",
            "payload": versioned(GUEST, host, {"hw:pci_irq_affinity_mask": mask}),
        }
        self.channel.basic_publish(amqp.Message(json.dumps(body)), exchange, key)

    def close(self) -> None:
        """Close the connection of the test."""
        self._connection.release()


@pytest.fixture(scope="module")
def made_vhost(each_broker: RabbitMQ) -> Iterator[VirtualHost]:
    made = VirtualHost(each_broker)
    yield made
    made.close()


@pytest.fixture
def vhost(made_vhost: VirtualHost, monkeypatch: pytest.MonkeyPatch) -> VirtualHost:
    """A virtual host without a queue, for listeners that end soon after they were told."""
    monkeypatch.setattr(notifications, "_POLL", 0.05)
    made_vhost.clear()
    return made_vhost


class Listening:
    """A listener of the host HERE in a thread of the test."""

    def __init__(self, vhost: VirtualHost, **kind: bool) -> None:
        self.queue = WakeQueue()
        self.counts: Counter[Outcome] = Counter()
        self.link = Link("broker", "")
        self.listener = NotificationListener(
            vhost.settings, HERE, MACHINE, self.queue, lambda: (), self._count, link=self.link, **kind
        )
        self.thread = threading.Thread(target=self.listener.run)

    def _count(self, _event: str, outcome: Outcome) -> None:
        self.counts[outcome] += 1

    def wait_up(self) -> None:
        wait_for("the broker", lambda: self.link.state.is_up)
        assert self.queue.take(10).everything

    def wait_handled(self, number: int) -> None:
        wait_for(f"{number} messages", lambda: self.counts.total() >= number)

    def leave(self) -> None:
        """Have it leave, and wait until it has."""
        self.listener.leave()
        self.thread.join(HANG)


@contextlib.contextmanager
def listening(vhost: VirtualHost, **kind: bool) -> Iterator[Listening]:
    made = Listening(vhost, **kind)
    made.thread.start()
    try:
        yield made
    finally:
        made.listener.stop()
        made.thread.join()


def publish_for(vhost: VirtualHost, kind: dict[str, bool], **what: Any) -> None:
    exchange, key = (HOSTS_EXCHANGE, HERE) if kind.get("from_relay") else ("nova", KEY)
    vhost.publish(exchange, key, **what)


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_is_classic_whatever_the_default_is_and_goes_with_a_listener_that_leaves(
    vhost: VirtualHost, kind: dict[str, bool]
) -> None:
    vhost.make(ANYBODYS)
    vhost.start_relay()
    with listening(vhost, **kind) as made:
        made.wait_up()
        found = vhost.types()
        assert found.pop(ANYBODYS) == "quorum"
        ((name, queue_type),) = found.items()
        assert queue_type == "classic"
        assert (name in QUEUES) is not kind.get("is_exclusive", False)
        assert name.startswith(RELAYED if kind.get("from_relay") else QUEUE)
        publish_for(vhost, kind)
        made.wait_handled(1)
        assert set(made.queue.take(0).guests) == {GUEST}
        made.leave()
        assert not vhost.has(name)
        assert made.link.losses == 0


@pytest.mark.parametrize("arguments", [None, {"x-queue-type": "stream"}, {"x-queue-type": "classic"}])
def test_a_queue_that_was_made_otherwise_is_made_anew(vhost: VirtualHost, arguments: dict[str, str] | None) -> None:
    """An agent before made it without a type: in this virtual host, as a quorum queue."""
    vhost.make(QUEUE, arguments)
    with listening(vhost) as made:
        made.wait_up()
        vhost.publish("nova", KEY)
        made.wait_handled(1)
    with pytest.raises(amqp.exceptions.PreconditionFailed), contextlib.closing(vhost.another_channel()) as channel:
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments=arguments)


def test_a_durable_queue_keeps_what_comes_while_the_agent_is_away_and_an_exclusive_one_does_not(
    vhost: VirtualHost,
) -> None:
    for exclusive, heard in ((False, 1), (True, 0)):
        with listening(vhost, is_exclusive=exclusive) as made:
            made.wait_up()
        vhost.publish("nova", KEY, mask="0")
        with listening(vhost, is_exclusive=exclusive) as made:
            made.wait_up()
            vhost.publish("nova", KEY, mask="1", second=1)
            made.wait_handled(heard + 1)
            assert made.counts.total() == heard + 1


def test_an_exclusive_queue_is_had_while_the_broker_has_not_noticed_that_the_one_before_was_lost(
    vhost: VirtualHost,
) -> None:
    with listening(vhost, is_exclusive=True) as lost, listening(vhost, is_exclusive=True) as made:
        lost.wait_up()
        made.wait_up()
        vhost.publish("nova", KEY)
        for each in (lost, made):
            each.wait_handled(1)


def test_another_configuration_leaves_no_queue_of_the_one_before(vhost: VirtualHost) -> None:
    """Also over a restart: nothing is known of the one before but how its queue may have been called."""
    vhost.make(OF_ANOTHER_HOST)
    vhost.start_relay()
    durable, exclusive, relayed, both = (parameters.values[0] for parameters in KINDS)
    left = {str(durable): QUEUE, str(relayed): RELAYED}
    for kind in (durable, exclusive, relayed, both, durable, relayed, exclusive, durable, both, relayed, durable):
        with listening(vhost, **kind) as made:
            made.wait_up()
            publish_for(vhost, kind)
            made.wait_handled(1)
            there = {name for name in QUEUES if vhost.has(name)}
            assert there - {left.get(str(kind))} == {OF_ANOTHER_HOST}, kind
            assert made.link.losses == 0


def test_a_listener_that_is_not_connected_deletes_its_queue_all_the_same(vhost: VirtualHost) -> None:
    with listening(vhost) as made:
        made.wait_up()
    with listening(vhost, from_relay=True) as made:
        wait_for("the trouble", lambda: "no relay has run yet" in (made.link.state.trouble or ""))
        assert vhost.has(QUEUE)
        made.leave()
        assert not vhost.has(QUEUE)


def test_a_user_who_may_delete_nothing_else_listens_all_the_same(vhost: VirtualHost) -> None:
    vhost.start_relay()
    with listening(vhost, from_relay=True) as made:
        made.wait_up()
    vhost.permit(f"^{QUEUE}$".replace(".", r"\."))
    try:
        with listening(vhost) as made:
            made.wait_up()
            vhost.publish("nova", KEY)
            made.wait_handled(1)
            assert made.link.losses == 0
        assert vhost.has(QUEUE)
        assert vhost.has(RELAYED)
    finally:
        vhost.permit(".*")


def test_the_relays_exchange_is_waited_for_and_never_made(vhost: VirtualHost, caplog: pytest.LogCaptureFixture) -> None:
    with listening(vhost, from_relay=True) as made:
        wait_for("the trouble", lambda: made.link.state.trouble not in (None, "not connected yet"))
        assert (made.link.state.trouble or "").endswith(
            "the exchange irqaffinity-hosts is not there, for no relay has run yet: start irqaffinity relay, or mend "
            "[notifications] source"
        )
        vhost.start_relay()  # with other flags than these the broker would refuse, had the agent made it
        made.wait_up()
        vhost.publish(HOSTS_EXCHANGE, HERE)
        made.wait_handled(1)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert sum("no relay has run yet" in record.message for record in warnings) == 1


def test_of_a_relay_a_host_hears_its_own_alone_and_the_newest_mask_counts_however_it_comes(vhost: VirtualHost) -> None:
    vhost.start_relay()
    with listening(vhost, from_relay=True) as made:
        made.wait_up()
        vhost.publish("nova", KEY, mask="7", second=9)
        vhost.publish(HOSTS_EXCHANGE, THERE, mask="7", second=9)
        for second in (2, 3, 2, 1, 3):
            vhost.publish(HOSTS_EXCHANGE, HERE, mask=str(second), second=second)
        made.wait_handled(5)
        assert made.counts == {Outcome.WOKE: 5}
        assert made.queue.take(0).specs[GuestId(GUEST)].mask == "3"
