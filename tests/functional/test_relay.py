# SPDX-License-Identifier: Apache-2.0
"""The relay on a real RabbitMQ: what it hands on, to whom, and what becomes of messages when something goes wrong."""

import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import amqp
import pytest

from irqaffinity.listen.deliveries import LARGEST
from irqaffinity.listen.names import HOSTS_EXCHANGE, RELAY_QUEUE
from irqaffinity.relay.flow import AT_ONCE, TRIES
from irqaffinity.relay.relay import PREFETCH
from irqaffinity.relay.route import Fate
from tests.fakes.scene import GUEST, OTHER
from tests.functional.agent import wait_for
from tests.functional.nova import Nova, legacy, versioned
from tests.functional.rabbitmq import RabbitMQ
from tests.functional.relay import (
    Host,
    RelayProcess,
    broker_of,
    clear,
    configured,
    consumers,
    hosts,
    relaying,
    state_of_queue,
)
from tests.functional.test_hostile_messages import HEADERS, NO_TEXT, POISON, Raw, publish, table

SOURCE, DEST = "cmp-1", "cmp-2"
DEFINITIONS = Path(__file__).parents[2] / "etc/rabbitmq/irqaffinity-relay.json"
MASK = {"hw:pci_irq_affinity_mask": "1"}

ROUTES = [
    # event, publisher, payload's host, who gets it
    ("create.end", f"nova-compute:{SOURCE}", SOURCE, {SOURCE}),
    ("create.start", f"nova-compute:{SOURCE}", SOURCE, {SOURCE}),  # for its specs
    ("resize.end", f"nova-compute:{SOURCE}", DEST, {SOURCE, DEST}),
    ("resize_finish.end", f"nova-compute:{DEST}", DEST, {DEST}),
    ("live_migration_pre.end", f"nova-compute:{DEST}", SOURCE, {DEST}),  # for its specs
    ("live_migration_rollback_dest.end", f"nova-compute:{DEST}", SOURCE, {SOURCE, DEST}),
    ("live_migration_post_dest.end", f"nova-compute:{DEST}", DEST, {DEST}),
    ("rebuild.end", f"nova-compute:{DEST}", SOURCE, {SOURCE, DEST}),
    ("power_off.error", f"nova-compute:{SOURCE}", SOURCE, {SOURCE}),
    ("delete.end", "nova-api:api-1", SOURCE, {SOURCE}),
    ("delete.end", "nova-api:api-1", None, {SOURCE}),  # as the message before
    ("shelve_offload.end", f"nova-compute:{SOURCE}", None, {SOURCE}),
    ("power_on.start", "nova-api:api-1", SOURCE, set()),
    ("power_off.start", f"nova-compute:{SOURCE}", SOURCE, set()),
    ("resize_prep.end", f"nova-compute:{DEST}", SOURCE, set()),
    ("pause.end", f"nova-compute:{SOURCE}", SOURCE, set()),
    ("update", f"nova-compute:{SOURCE}", SOURCE, set()),
    ("exists", f"nova-compute:{SOURCE}", SOURCE, set()),
    ("of_a_newer_nova.end", f"nova-compute:{SOURCE}", SOURCE, set()),
]


@pytest.fixture
def settings(broker: RabbitMQ, tmp_path: Path) -> Path:
    return configured(tmp_path, broker.url)


@pytest.fixture
def quiet(broker: RabbitMQ, nova: Nova) -> Iterator[None]:
    """Start and end without what relays make."""
    clear(broker)
    yield
    clear(broker)


def body(uuid: str = GUEST, host: str | None = SOURCE, event: str = "power_on.end", publisher: str = SOURCE) -> bytes:
    message = {"event_type": f"instance.{event}", "publisher_id": f"nova-compute:{publisher}"}
    return json.dumps(message | {"payload": versioned(uuid, host)}).encode()


def event_of(message: amqp.Message) -> str:
    return str(json.loads(json.loads(message.body)["oslo.message"])["event_type"])


@pytest.mark.usefixtures("quiet")
def test_each_message_goes_to_the_hosts_that_it_concerns_and_to_no_other(
    settings: Path, broker: RabbitMQ, nova: Nova
) -> None:
    with hosts(broker, SOURCE, DEST, "api-1") as queues, relaying(broker_of(settings)) as made:
        made.wait_up()
        for event, publisher, host, _ in ROUTES:
            nova.publish(f"instance.{event}", publisher, versioned(GUEST, host, MASK))
        nova.publish("instance.delete.end", "nova-api:api-1", versioned(OTHER, None))
        nova.publish("flavor.create", "nova-api:api-1", {})
        made.wait_handled(len(ROUTES) + 2)
        found = {
            name: [event_of(message) for message in queue.take()]
            for name, queue in zip((SOURCE, DEST, "api-1"), queues, strict=True)
        }
        assert found == {
            name: [f"instance.{event}" for event, _, _, wanted in ROUTES if name in wanted]
            for name in (SOURCE, DEST, "api-1")
        }
        relayed = sum(bool(wanted) for *_, wanted in ROUTES)
        assert made.messages == {Fate.RELAYED: relayed, Fate.IGNORED: len(ROUTES) - relayed + 1, Fate.NO_HOST: 1}
        wait_for("all to be acknowledged", lambda: state_of_queue(broker)[:2] == (0, 0))


@pytest.mark.usefixtures("quiet")
def test_legacy_messages_are_relayed_where_they_are_asked_for(broker: RabbitMQ, nova: Nova, tmp_path: Path) -> None:
    file = configured(tmp_path, broker.url, "[notifications]\nnotification_format = both\n")
    with hosts(broker, SOURCE) as (queue,), relaying(broker_of(file)) as made:
        made.wait_up()
        nova.publish("compute.instance.finish_resize.end", f"compute.{SOURCE}", legacy(GUEST, SOURCE), legacy=True)
        made.wait_handled(1)
        assert [event_of(message) for message in queue.take()] == ["compute.instance.finish_resize.end"]


@pytest.mark.usefixtures("quiet")
def test_a_format_that_is_asked_for_no_longer_is_relayed_no_longer(
    broker: RabbitMQ, nova: Nova, tmp_path: Path
) -> None:
    with hosts(broker, SOURCE) as (queue,):
        for wanted in ("both", "versioned"):
            file = configured(tmp_path, broker.url, f"[notifications]\nnotification_format = {wanted}\n")
            with relaying(broker_of(file)) as made:
                made.wait_up()
        with relaying(broker_of(file)) as made:
            made.wait_up()
            nova.publish("compute.instance.power_on.end", f"compute.{SOURCE}", legacy(GUEST, SOURCE), legacy=True)
            nova.publish("instance.reboot.end", f"nova-compute:{SOURCE}", versioned(GUEST, SOURCE))
            made.wait_handled(1)
            assert [event_of(message) for message in queue.take()] == ["instance.reboot.end"]


@pytest.mark.usefixtures("quiet")
def test_the_body_is_unchanged_and_nothing_else_of_a_message_is_handed_on(settings: Path, broker: RabbitMQ) -> None:
    sent = body().replace(b": ", b" :  ")
    with hosts(broker, SOURCE) as (queue,), relaying(broker_of(settings)) as made:
        made.wait_up()
        publish(
            broker,
            amqp.Message(sent, application_headers={"CC": ["cmp-9"]}, message_id="m", reply_to="r", delivery_mode=2),
        )
        made.wait_handled(1)
        (message,) = queue.take()
        assert message.body == sent
        assert message.properties == {"content_type": "application/json", "delivery_mode": 1}


@pytest.mark.usefixtures("quiet")
def test_hostile_messages_cost_the_next_one_nothing(settings: Path, broker: RabbitMQ) -> None:
    copied = table(b"CC", b"A", b"\0\0\0\x08S\0\0\0\3abc")
    hostile = [
        *(Raw(b"{}", *kind) for kind in POISON.values()),
        amqp.Message(b"\xff\xfe"),
        amqp.Message(b"[" * 30_000),
        amqp.Message(b"[" * 15_000),
        amqp.Message(body(publisher="x" * 300, host="\ud800")),
        amqp.Message(body(event="power_on.end" * 30)),
        amqp.Message(b" " * (LARGEST + 1)),
        amqp.Message(body(), application_headers={"compression": "application/x-gzip"}),
    ]
    with hosts(broker, SOURCE) as (queue,), relaying(broker_of(settings)) as made:
        made.wait_up()
        publish(broker, *hostile)
        publish(broker, Raw(body(), HEADERS, copied), routing_key=NO_TEXT)
        publish(broker, *(Raw(body(), *kind) for kind in POISON.values()), amqp.Message(body().ljust(LARGEST)))
        total = len(hostile) + len(POISON) + 1
        made.wait_handled(total)
        good = len(POISON) + 1
        assert made.messages == {
            Fate.MALFORMED: len(POISON) + 4,
            Fate.NO_HOST: 1,
            Fate.UNREAD: 2,
            Fate.RELAYED: good,
        }
        assert len(queue.take()) == good
        assert made.relay.link.losses == 0
    wait_for("all to be acknowledged", lambda: state_of_queue(broker)[:2] == (0, 0))


@pytest.mark.usefixtures("quiet")
def test_a_killed_relay_loses_nothing_and_another_takes_over(broker: RabbitMQ, tmp_path: Path) -> None:
    """What was under way may come twice; no more than the broker gives out at a time."""
    numbers = range(4000)
    with hosts(broker, SOURCE) as (queue,):
        first = RelayProcess(tmp_path / "first", broker.url)
        wait_for("the first relay", lambda: consumers(broker) == 1)
        second = RelayProcess(tmp_path / "second", broker.url)
        try:
            wait_for("the second relay", lambda: consumers(broker) == 2)
            assert (second.get("/healthz"), second.get("/readyz")) == ("ok\n", "ok\n")
            assert second.metric("irqaffinity_relay_active") == 0
            sender = threading.Thread(
                target=publish,
                args=(broker, *(amqp.Message(body(f"{n:08x}-0000-4000-8000-000000000000")) for n in numbers)),
            )
            sender.start()
            wait_for("some messages", lambda: queue.depth() > 2 * PREFETCH)
            assert first.metric("irqaffinity_relay_active") == 1
            assert "this relay is the active one" not in second.log()
            first.kill()
            sender.join()
            wait_for("all messages", lambda: state_of_queue(broker)[:2] == (0, 0))
            wait_for("the metric", lambda: second.metric("irqaffinity_relay_active") == 1)
            found = Counter(json.loads(message.body)["payload"]["nova_object.data"]["uuid"] for message in queue.take())
            assert len(found) == len(numbers)
            assert sum(found.values()) - len(found) <= PREFETCH
            assert max(found.values()) <= 2
            assert second.metric('irqaffinity_relay_messages_total{outcome="relayed"}') >= 1  # type: ignore[operator]
            assert second.stop() == 0
            assert "Traceback" not in first.log() + second.log()
        finally:
            first.kill()
            second.kill()


@pytest.mark.usefixtures("quiet")
def test_nothing_is_acknowledged_that_the_broker_has_not_confirmed(settings: Path, broker: RabbitMQ) -> None:
    """A broker without memory takes nothing of who publishes; all of it waits in the queue, and comes afterwards."""
    count = 3 * PREFETCH
    with hosts(broker, SOURCE) as (queue,):
        with relaying(broker_of(settings)) as made:
            made.wait_up()
        publish(broker, *[amqp.Message(body().ljust(40_000))] * count)
        broker.control("set_vm_memory_high_watermark", "0.0001")
        try:
            with relaying(broker_of(settings)) as made:
                wait_for("the broker to block", lambda: made.counters.blocked)
                assert made.relay.link.state.is_up
                wait_for("the most that is under way", lambda: state_of_queue(broker)[1] == PREFETCH)
                assert sum(state_of_queue(broker)) + made.counters.confirmed >= count
                assert queue.depth() <= 2 * AT_ONCE
                broker.control("set_vm_memory_high_watermark", "0.4")
                wait_for("all messages", lambda: queue.depth() == count)
                assert made.counters.blocked is None
                assert (made.messages, made.relay.link.losses) == ({Fate.RELAYED: count}, 0)
                wait_for("all to be acknowledged", lambda: state_of_queue(broker)[:2] == (0, 0))
        finally:
            broker.control("set_vm_memory_high_watermark", "0.4")


@pytest.mark.usefixtures("quiet")
def test_a_host_whose_queue_takes_nothing_does_not_stop_the_others(settings: Path, broker: RabbitMQ) -> None:
    with hosts(broker, DEST) as (queue,), relaying(broker_of(settings)) as made, broker.connect() as connection:
        made.wait_up()
        full = Host(connection.default_channel, SOURCE, {"x-max-length": 0, "x-overflow": "reject-publish"})
        publish(broker, *[amqp.Message(body(host=DEST))] * 5, amqp.Message(body(host=DEST, publisher=DEST)))
        made.wait_handled(6)
        assert made.messages == {Fate.REFUSED: 5, Fate.RELAYED: 1}
        assert (made.counters.refused, made.counters.confirmed) == (5, 6)
        assert (queue.depth(), made.relay.link.losses, TRIES) == (6, 0, 3)
        connection.default_channel.queue_delete(full.queue)
    wait_for("all to be acknowledged", lambda: state_of_queue(broker)[:2] == (0, 0))


@pytest.mark.usefixtures("quiet")
def test_a_broker_that_restarts_is_gone_back_to(settings: Path, broker: RabbitMQ) -> None:
    with hosts(broker, SOURCE), relaying(broker_of(settings)) as made:
        made.wait_up()
        broker.kill()
        wait_for("the loss", lambda: made.relay.link.losses == 1)
        assert not made.counters.is_active
        broker.start()
        wait_for("the missing exchange", lambda: "exchange nova is not there" in str(made.relay.link.state.trouble))
        with broker.connect() as connection:
            connection.default_channel.exchange_declare("nova", "topic", durable=False, auto_delete=False)
        made.wait_up()
        publish(broker, amqp.Message(body()))
        made.wait_handled(1)
        assert made.messages == {Fate.RELAYED: 1}
        with broker.connect() as connection:
            assert [message.body for message in Host(connection.default_channel, SOURCE).take()] == [body()]


@pytest.mark.usefixtures("quiet")
def test_an_exchange_that_is_not_as_it_has_to_be_is_told(settings: Path, broker: RabbitMQ) -> None:
    with broker.connect() as connection:
        connection.default_channel.exchange_declare(HOSTS_EXCHANGE, "fanout", durable=True, auto_delete=False)
    with relaying(broker_of(settings)) as made:
        unlike = f"the exchange {HOSTS_EXCHANGE}, and it is not durable"
        wait_for("the trouble", lambda: unlike in str(made.relay.link.state.trouble))
        clear(broker)
        made.wait_up()
        with broker.connect() as connection:
            connection.default_channel.exchange_delete(HOSTS_EXCHANGE)
        publish(broker, amqp.Message(body()))
        wait_for("the loss", lambda: made.relay.link.losses == 1)
        made.wait_handled(1)
        assert made.messages == {Fate.RELAYED: 1}


@pytest.mark.usefixtures("quiet")
def test_a_queue_of_another_release_is_made_anew_once_nobody_uses_it(settings: Path, broker: RabbitMQ) -> None:
    with broker.connect() as connection:
        channel = connection.default_channel
        channel.queue_declare(RELAY_QUEUE, durable=True, auto_delete=False)
        channel.basic_consume(RELAY_QUEUE)
        with relaying(broker_of(settings)) as made:
            wait_for("the trouble", lambda: "another relay uses the queue" in str(made.relay.link.state.trouble))
            connection.close()
            made.wait_up()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"exclusive": True}, f"another connection has the queue {RELAY_QUEUE} for itself: end that program"),
        (
            {"durable": True, "arguments": {"x-queue-type": "quorum"}},
            f"somebody made the queue {RELAY_QUEUE}, and not as a classic one: delete it, and the relay makes it anew",
        ),
    ],
)
def test_a_queue_that_no_relay_can_make_anew_is_told(
    settings: Path, broker: RabbitMQ, others: dict[str, Any], said: str
) -> None:
    with broker.connect() as connection:
        channel = connection.default_channel
        channel.queue_declare(RELAY_QUEUE, auto_delete=False, **others)
        with relaying(broker_of(settings)) as made:
            wait_for("the trouble", lambda: str(made.relay.link.state.trouble).endswith(said))
            channel.queue_delete(RELAY_QUEUE)
            made.wait_up()


@pytest.mark.usefixtures("quiet")
def test_a_relay_without_rights_names_the_file_that_has_them(broker: RabbitMQ, tmp_path: Path) -> None:
    broker.control("add_user", "anybody", "pass")
    broker.control("set_permissions", "anybody", "^$", "^$", "^$")
    try:
        with relaying(broker_of(configured(tmp_path, f"rabbit://anybody:pass@127.0.0.1:{broker.port}/"))) as made:
            wait_for("the trouble", lambda: "access refused" in str(made.relay.link.state.trouble))
            assert "the rights of etc/rabbitmq/irqaffinity-relay.json" in str(made.relay.link.state.trouble)
    finally:
        broker.control("delete_user", "anybody")


@pytest.mark.usefixtures("quiet")
def test_users_may_do_what_they_need_and_no_more(broker: RabbitMQ, nova: Nova, tmp_path: Path) -> None:
    for user in ("irqaffinity", "irqaffinity-relay"):
        broker.control("add_user", user, "pass")
    broker.control("import_definitions", str(DEFINITIONS))
    try:
        file = configured(tmp_path, f"rabbit://irqaffinity-relay:pass@127.0.0.1:{broker.port}/")
        with relaying(broker_of(file)) as made:
            made.wait_up()
            queue = f"irqaffinity.{SOURCE}.00000000"
            with amqp.Connection(f"127.0.0.1:{broker.port}", "irqaffinity", "pass") as agent:
                channel = agent.channel()
                channel.exchange_declare(HOSTS_EXCHANGE, "direct", passive=True)
                channel.queue_declare(queue, durable=True, auto_delete=False)
                channel.queue_bind(queue, HOSTS_EXCHANGE, SOURCE)
            nova.publish("instance.create.end", f"nova-compute:{SOURCE}", versioned(GUEST, SOURCE))
            made.wait_handled(1)
        with amqp.Connection(f"127.0.0.1:{broker.port}", "irqaffinity", "pass") as agent:
            assert agent.channel().basic_get(queue, no_ack=True) is not None
            refused(agent, "publish", HOSTS_EXCHANGE)
            refused(agent, "publish", "nova")
            refused(agent, "publish", "")
            for method in ("basic_get", "basic_consume", "queue_purge", "queue_delete"):
                refused(agent, method, RELAY_QUEUE)
            refused(agent, "exchange_delete", HOSTS_EXCHANGE)
            refused(agent, "queue_bind", queue, "nova", "#")
            agent.channel().queue_delete(queue)
        with amqp.Connection(f"127.0.0.1:{broker.port}", "irqaffinity-relay", "pass") as relay:
            refused(relay, "publish", "nova")
            refused(relay, "publish", "")
            refused(relay, "queue_declare", queue)
            refused(relay, "exchange_declare", "nova", "topic")
            refused(relay, "queue_bind", RELAY_QUEUE, "amq.topic", "#")
            refused(relay, "basic_get", "versioned_notifications.info")
    finally:
        for user in ("irqaffinity", "irqaffinity-relay"):
            broker.control("delete_user", user)
        broker.control("clear_policy", "versioned-notifications")


def refused(connection: amqp.Connection, method: str, *arguments: str) -> None:
    channel = connection.channel()
    with pytest.raises(amqp.exceptions.AccessRefused):  # noqa: PT012  either may raise it
        if method == "publish":
            channel.confirm_select()
            channel.basic_publish_confirm(amqp.Message(body()), arguments[0], SOURCE)
        else:
            getattr(channel, method)(*arguments)


@pytest.mark.usefixtures("quiet")
def test_the_process_reads_its_configuration_again_and_leaves_at_once(broker: RabbitMQ, tmp_path: Path) -> None:
    made = RelayProcess(tmp_path / "relay", broker.url)
    try:
        wait_for("the relay", lambda: made.get("/readyz") == "ok\n")
        right = made.file.read_text()
        made.file.write_text("[DEFAULT]\n")
        made.process.send_signal(signal.SIGHUP)
        made.wait_logged("the configuration is left as it was: no transport_url is set")
        successful = "irqaffinity_config_last_reload_successful"
        wait_for("the refusal in the metrics", lambda: made.metric(successful) == 0)
        made.file.write_text(right.replace("enabled = true", "enabled = false"))
        made.process.send_signal(signal.SIGHUP)
        made.wait_logged("[metrics] has changed: restart needed")
        wait_for("the success in the metrics", lambda: made.metric(successful) == 1)
        made.file.write_text(right.replace(f":{broker.port}/", ":1/"))
        made.process.send_signal(signal.SIGHUP)
        made.wait_logged("broker: 127.0.0.1:1: ")
        assert (made.get("/healthz"), made.get("/readyz")) == ("ok\n", "")
        assert made.metric('irqaffinity_connected{peer="broker"}') == 0
        assert made.stop() == 0
        assert "Traceback" not in made.log()
        assert "s3cr" not in made.log()
    finally:
        made.kill()
