# SPDX-License-Identifier: Apache-2.0
"""The notification listener on a real RabbitMQ, with Nova's own notifier on the other side."""

import gc
import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import amqp
import pytest

from irqaffinity.conf.broker import load_broker
from irqaffinity.conf.load import load
from irqaffinity.listen.broker import Broker
from irqaffinity.listen.broker_check import Local, check_broker
from irqaffinity.listen.deliveries import LARGEST
from irqaffinity.listen.names import queue_name
from irqaffinity.listen.notifications import NotificationListener
from irqaffinity.listen.payload import Outcome
from irqaffinity.listen.queue import WakeQueue, Wakes
from irqaffinity.listen.retry import STEADY, Retry
from irqaffinity.model.guest import GuestId
from tests.fakes.scene import GUEST, OTHER
from tests.functional.agent import wait_for
from tests.functional.nova import Nova, legacy, versioned
from tests.functional.rabbitmq import PASSWORD, RabbitMQ
from tests.patience import HANG

HERE, THERE = "cmp-1", "cmp-2"
MACHINE = "0123456789abcdef0123456789abcdef"
QUEUE = queue_name(HERE, MACHINE)
DEFINITIONS = Path(__file__).parents[2] / "etc/rabbitmq/irqaffinity.json"

EVENT_TABLE = [
    # event, publisher's host, payload's host, whether it wakes (`new`/`source`/`dest` of a move are told by name)
    *((f"{event}.end", HERE, HERE, True) for event in (
        "create", "power_on", "reboot", "unpause", "resume", "restore", "rescue", "unrescue", "interface_attach",
        "interface_detach", "snapshot", "live_migration_post", "live_migration_rollback", "power_off", "suspend",
        "shelve", "soft_delete", "shutdown", "resize_revert", "delete",
    )),
    ("rebuild.end", HERE, THERE, True),  # an evacuation to here
    ("rebuild.end", THERE, HERE, True),  # an evacuation from here
    ("unshelve.end", HERE, HERE, True),
    ("resize_finish.end", HERE, HERE, True),
    ("resize.end", HERE, THERE, True),
    ("resize_confirm.end", HERE, THERE, True),
    ("live_migration_post_dest.end", HERE, HERE, True),
    ("live_migration_rollback_dest.end", HERE, THERE, True),
    ("shelve_offload.end", HERE, None, True),
    ("delete.end", "api-1", HERE, True),
    ("delete.end", "api-1", None, False),
    ("create.error", HERE, HERE, True),
    ("create.start", HERE, HERE, False),
    ("resize_prep.end", HERE, HERE, False),
    ("live_migration_pre.end", HERE, THERE, False),
    ("pause.end", HERE, HERE, False),
    ("evacuate", HERE, HERE, False),
    ("rebuild_scheduled", HERE, HERE, False),
    ("lock", HERE, HERE, False),
    ("volume_attach.end", HERE, HERE, False),
    ("share_attach.end", HERE, HERE, False),
    ("update", HERE, HERE, False),
    ("exists", HERE, HERE, False),
]  # fmt: skip


class Listening:
    """A listener in a thread of the test, and what it did."""

    def __init__(self, broker: Broker, known: set[GuestId]) -> None:
        self.queue = WakeQueue()
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        self.listener = NotificationListener(broker, HERE, MACHINE, self.queue, lambda: known, self._count)
        self.thread = threading.Thread(target=self.listener.run)

    def _count(self, event: str, outcome: Outcome) -> None:
        self.counts[event, outcome] += 1

    def total(self) -> int:
        """Return how many messages were handled."""
        return sum(self.counts.values())

    def wait_handled(self, count: int) -> None:
        """Wait until so many messages were handled in all."""
        wait_for(f"{count} messages", lambda: self.total() >= count)

    def wait_up(self) -> None:
        """Wait for the connection, and take the full pass that it asks for."""
        wait_for("the broker", lambda: self.listener.link.state.is_up)
        assert self.queue.take(HANG).everything

    def take(self) -> Wakes:
        """Return the wakes so far."""
        return self.queue.take(0)


@pytest.fixture
def settings(broker: RabbitMQ, tmp_path: Path) -> Broker:
    """The broker as the lines of nova.conf describe it."""
    return configured(tmp_path, broker.url)


def configured(folder: Path, url: str, lines: str = "") -> Broker:
    file = folder / "broker.conf"
    file.write_text("[DEFAULT]\ntransport_url = {}\n{}".format(url.replace("$", "$$"), lines))
    found = load_broker([str(file)], None, load([str(file)]).notifications)
    assert found is not None
    return found


@contextmanager
def listening(broker: Broker, *known: str, retry: Retry | None = None) -> Iterator[Listening]:
    made = Listening(broker, {GuestId(uuid) for uuid in known})
    made.listener.retry = retry or made.listener.retry
    made.thread.start()
    try:
        yield made
    finally:
        made.listener.stop()
        made.thread.join()


@pytest.fixture
def quiet(broker: RabbitMQ, nova: Nova) -> Iterator[None]:
    """Start and end without a queue."""
    delete_queue(broker)
    yield
    delete_queue(broker)


def delete_queue(broker: RabbitMQ) -> None:
    with broker.connect() as connection:
        connection.default_channel.queue_delete(QUEUE)


def forget_nova(broker: RabbitMQ) -> None:
    """Remove what Nova's notifiers declare."""
    with broker.connect() as connection:
        connection.default_channel.exchange_delete("nova")
        for topic in ("versioned_notifications", "notifications"):
            connection.default_channel.queue_delete(f"{topic}.info")


def depth(broker: RabbitMQ, queue: str = QUEUE) -> int:
    with broker.connect() as connection:
        found: int = connection.default_channel.queue_declare(queue, passive=True).message_count
        return found


def publish_raw(broker: RabbitMQ, *bodies: bytes, **properties: Any) -> None:
    with broker.connect() as connection:
        for body in bodies:
            message = amqp.Message(body, **properties)
            connection.default_channel.basic_publish(message, "nova", "versioned_notifications.info")


@pytest.mark.usefixtures("quiet")
def test_every_row_of_the_event_table(settings: Broker, nova: Nova) -> None:
    with listening(settings) as made:
        made.wait_up()
        for count, (event, publisher, host, wakes) in enumerate(EVENT_TABLE, 1):
            service = "nova-api" if publisher == "api-1" else "nova-compute"
            nova.publish(f"instance.{event}", f"{service}:{publisher}", versioned(GUEST, host))
            made.wait_handled(count)
            assert (set(made.take().guests) == {GUEST}) is wakes, (event, publisher, host)


@pytest.mark.usefixtures("quiet")
def test_a_known_guest_is_woken_wherever_the_event_comes_from(settings: Broker, nova: Nova) -> None:
    with listening(settings, GUEST) as made:
        made.wait_up()
        for count, (event, _publisher, _host, wakes) in enumerate(EVENT_TABLE, 1):
            nova.publish(f"instance.{event}", f"nova-compute:{THERE}", versioned(GUEST, THERE))
            made.wait_handled(count)
            may_wake = wakes or event == "delete.end"
            assert (set(made.take().guests) == {GUEST}) is may_wake, event


@pytest.mark.usefixtures("quiet")
def test_events_of_other_hosts_wake_nobody(settings: Broker, nova: Nova) -> None:
    with listening(settings, OTHER) as made:
        made.wait_up()
        for host in (THERE, "cmp-10", "CMP-1", f"{HERE}.example.org", "", None):
            nova.publish("instance.create.end", f"nova-compute:{host}", versioned(GUEST, host, {"hw:x": "y"}))
        made.wait_handled(6)
        assert not made.take()
        assert set(made.counts) == {("create", Outcome.FOREIGN)}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("driver", ["messagingv2", "messaging"])
def test_legacy_notifications_wake_too_by_default(broker: RabbitMQ, tmp_path: Path, driver: str) -> None:
    wanted = configured(tmp_path, broker.url)
    assert len(wanted.routing_keys) == 4
    notifier = Nova(tmp_path, broker.url, driver=driver)
    with listening(wanted) as made:
        made.wait_up()
        notifier.publish("compute.instance.power_on.end", f"compute.{HERE}", legacy(GUEST, HERE), legacy=True)
        notifier.publish("compute.instance.resize.confirm.end", f"compute.{HERE}", legacy(OTHER, THERE), legacy=True)
        notifier.publish("compute.instance.pause.end", f"compute.{HERE}", legacy(OTHER, HERE), legacy=True)
        notifier.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        made.wait_handled(4)
        assert set(made.take().guests) == {GUEST, OTHER}
        assert ("resize_confirm", Outcome.WOKE) in made.counts
    notifier.close()


@pytest.mark.usefixtures("quiet")
def test_a_format_that_is_asked_for_no_longer_does_not_come(broker: RabbitMQ, nova: Nova, tmp_path: Path) -> None:
    both = configured(tmp_path, broker.url)
    with listening(both) as made:
        made.wait_up()
    with listening(replace(both, routing_keys=both.routing_keys[:2], unwanted_keys=both.routing_keys[2:])) as made:
        made.wait_up()
        nova.publish("compute.instance.power_on.end", f"compute.{HERE}", legacy(GUEST, HERE), legacy=True)
        nova.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        made.wait_handled(1)
        assert set(made.counts) == {("create", Outcome.WOKE)}


@pytest.mark.usefixtures("quiet")
def test_an_event_that_comes_in_both_formats_wakes_twice_and_keeps_its_mask(settings: Broker, nova: Nova) -> None:
    specs = {"hw:pci_irq_affinity_mask": "1-2"}
    with listening(settings, GUEST) as made:
        made.wait_up()
        nova.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE, specs))
        nova.publish("compute.instance.create.end", f"compute.{HERE}", legacy(GUEST, HERE), legacy=True)
        made.wait_handled(2)
        taken = made.take()
        assert (set(taken.guests), taken.specs[GuestId(GUEST)].mask) == ({GUEST}, "1-2")
        assert made.counts == {("create", Outcome.WOKE): 2}


@pytest.mark.usefixtures("quiet")
def test_extra_specs_are_told_of_guests_here_and_from_the_compute_service_here_alone(
    settings: Broker, nova: Nova
) -> None:
    specs = {"hw:pci_irq_affinity_mask": " 1-4,\n^3 ", "hw:cpu_policy": "dedicated"}
    with listening(settings, OTHER) as made:
        made.wait_up()
        nova.publish("instance.create.start", f"nova-compute:{HERE}", versioned(GUEST, HERE, specs))
        nova.publish("instance.update", f"nova-compute:{THERE}", versioned(OTHER, THERE, {}))
        for event, publisher, uuid, told in (
            ("create.end", f"nova-api:{HERE}", "33333333-3333-3333-3333-333333333333", specs),
            ("create.end", f"nova-compute:{THERE}", "44444444-4444-4444-4444-444444444444", specs),
            ("resize_prep.end", f"nova-compute:{HERE}", "55555555-5555-5555-5555-555555555555", specs),
            ("create.end", f"nova-compute:{HERE}", "66666666-6666-6666-6666-666666666666", None),
        ):
            nova.publish(f"instance.{event}", publisher, versioned(uuid, HERE, told))
        made.wait_handled(6)
        told_specs = made.take().specs
    assert {uuid: found.mask for uuid, found in told_specs.items()} == {GUEST: "1-4, ^3", OTHER: None}


BAD = {
    "not JSON": b"{",
    "binary": bytes(range(256)),
    "nothing": b"",
    "a list": b"[]",
    "nested": b'{"a":' * 100_000,
    "nested in the envelope": json.dumps({"oslo.version": "2.0", "oslo.message": "[" * 100_000}).encode(),
    "an envelope of a number": b'{"oslo.message": 5}',
    "no payload": b'{"event_type": "instance.create.end", "publisher_id": "nova-compute:cmp-1"}',
    "a payload of text": b'{"event_type": "instance.create.end", "publisher_id": "x", "payload": "y"}',
    "an event of a number": b'{"event_type": 5, "publisher_id": "x", "payload": {}}',
    "no uuid": b'{"event_type": "instance.create.end", "publisher_id": "x", "payload": {"nova_object.data": {}}}',
    "a uuid that is none": b'{"event_type": "compute.instance.create.end", "publisher_id": "x", '
    b'"payload": {"instance_id": "../../etc"}}',
    "a flavor of text": json.dumps(
        {
            "event_type": "instance.create.end",
            "publisher_id": f"nova-compute:{HERE}",
            "timestamp": "2026-11-20 12:00:00",
            "payload": {"nova_object.data": {"uuid": GUEST, "host": HERE, "flavor": "nfv"}},
        }
    ).encode(),
}


@pytest.mark.usefixtures("quiet")
def test_what_is_no_notification_is_counted_and_acknowledged_and_the_next_one_works(
    settings: Broker, broker: RabbitMQ, nova: Nova
) -> None:
    with listening(settings) as made:
        made.wait_up()
        publish_raw(broker, *BAD.values())
        made.wait_handled(len(BAD))
        assert made.counts == {("other", Outcome.MALFORMED): len(BAD)}
        publish_raw(broker, b" " * (LARGEST + 1), b"{" * 10_000_000)
        publish_raw(broker, b"{}", application_headers={"compression": "application/x-gzip"})
        made.wait_handled(len(BAD) + 3)
        assert made.counts["other", Outcome.UNREAD] == 3
        nova.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        made.wait_handled(len(BAD) + 4)
        assert set(made.take().guests) == {GUEST}
        assert made.listener.link.losses == 0
    wait_for("an empty queue", lambda: depth(broker) == 0)


@pytest.mark.usefixtures("quiet")
def test_each_message_is_acknowledged_once_and_none_comes_back(settings: Broker, nova: Nova, broker: RabbitMQ) -> None:
    with listening(settings) as made:
        made.wait_up()
        for number in range(50):
            nova.publish("instance.create.end", f"nova-compute:{HERE if number % 2 else THERE}", versioned(GUEST, None))
        made.wait_handled(50)
    assert depth(broker) == 0
    with listening(settings) as again:
        again.wait_up()
        nova.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        again.wait_handled(1)
        assert again.total() == 1


@pytest.mark.usefixtures("quiet")
def test_the_queue_is_bounded_and_goes_by_itself(settings: Broker, broker: RabbitMQ) -> None:
    with listening(settings) as made:
        made.wait_up()
        limits: dict[str, object] = {"x-expires": 1800000, "x-message-ttl": 300000, "x-max-length": 10000}
        limits |= {"x-overflow": "drop-head", "x-queue-type": "classic"}
        with broker.connect() as connection:
            connection.default_channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments=limits)


@pytest.mark.usefixtures("quiet")
def test_a_queue_that_was_made_otherwise_is_made_anew(settings: Broker, broker: RabbitMQ, nova: Nova) -> None:
    with broker.connect() as connection:
        connection.default_channel.queue_declare(QUEUE, durable=False, auto_delete=False)
    with listening(settings) as made:
        made.wait_up()
        nova.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        made.wait_handled(1)


@pytest.mark.usefixtures("quiet")
def test_a_queue_that_is_deleted_from_outside_is_made_again(settings: Broker, broker: RabbitMQ, nova: Nova) -> None:
    with listening(settings) as made:
        made.wait_up()
        delete_queue(broker)
        wait_for("the loss", lambda: made.listener.link.losses == 1)
        made.wait_up()
        nova.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        made.wait_handled(1)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("durable", [False, True])
def test_a_missing_exchange_is_waited_for_and_never_made(
    settings: Broker, broker: RabbitMQ, tmp_path: Path, durable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    forget_nova(broker)
    with listening(settings) as made:
        wait_for("the trouble", lambda: "is not there; Nova makes it" in (made.listener.link.state.trouble or ""))
        with broker.connect() as connection, pytest.raises(amqp.exceptions.NotFound):
            connection.default_channel.exchange_declare("nova", "topic", passive=True)
        notifier = Nova(tmp_path, broker.url, durable=durable)
        notifier.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        made.wait_up()
        notifier.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        made.wait_handled(1)
        notifier.close()
    assert sum("is not there" in record.message for record in caplog.records if record.levelname == "WARNING") == 1
    forget_nova(broker)


@pytest.mark.usefixtures("quiet")
def test_a_wrong_password_is_said_once_without_it_and_tried_again(
    settings: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = replace(settings, hosts=(replace(settings.hosts[0], password="wr0ng"),))
    with listening(wrong) as made:
        wait_for("the trouble", lambda: "access refused" in (made.listener.link.state.trouble or ""))
        caplog.set_level(logging.DEBUG)
        wait_for("another try", lambda: caplog.text.count("access refused") >= 2)
    assert [record.levelname for record in caplog.records if "access refused" in record.message][:2] == [
        "WARNING",
        "DEBUG",
    ]
    assert "wr0ng" not in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("seconds", "wait"), [(STEADY, 1.5), (STEADY - 1, 24.0)])
def test_a_connection_that_stood_for_a_while_is_made_again_soon(
    settings: Broker, broker: RabbitMQ, seconds: float, wait: float
) -> None:
    now, waits = 1000.0, list[float]()

    class Noted(Retry):
        def failed(self) -> float:
            waits.append(super().failed())
            return 0.0

    retry = Noted(lambda: now)
    for _ in range(4):
        retry.failed()
    with listening(settings, retry=retry) as made:
        made.wait_up()
        now += seconds
        delete_queue(broker)
        wait_for("the loss", lambda: made.listener.link.losses)
        made.wait_up()
    assert wait / 3 <= waits[-1] <= wait


@pytest.mark.usefixtures("quiet")
def test_another_node_of_the_broker_is_tried_when_one_is_down(settings: Broker, broker: RabbitMQ) -> None:
    dead = replace(settings.hosts[0], port=1)
    with listening(replace(settings, hosts=(dead, settings.hosts[0]))) as made:
        made.wait_up()
        assert made.listener.link.state.peer.endswith(f":{broker.port}")


@pytest.mark.usefixtures("quiet")
def test_a_check_goes_on_to_a_node_that_answers_and_takes_its_leave(settings: Broker, broker: RabbitMQ) -> None:
    dead = replace(settings.hosts[0], port=1)
    findings = list(check_broker(replace(settings, hosts=(dead, settings.hosts[0])), Local((HERE,), MACHINE)))
    assert [finding.subject for finding in findings if finding.is_ok][:3] == ["broker", "exchange", "queue"]
    assert [finding.subject for finding in findings if not finding.is_ok] in ([], ["nova"])
    wait_for("the leave", lambda: "irqaffinity check" not in broker.control("list_connections", "client_properties"))
    assert "irqaffinity check" not in broker.log()


@pytest.mark.usefixtures("quiet")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # amqp leaves a refused socket to Python
def test_tls_is_spoken_and_the_certificate_checked_where_an_authority_is_named(
    broker: RabbitMQ, nova: Nova, tmp_path: Path
) -> None:
    url = broker.url.replace(str(broker.port), str(broker.tls_port))
    lines = "[oslo_messaging_rabbit]\nssl = true\nssl_ca_file = {}\n"
    with listening(configured(tmp_path, url, lines.format(broker.folder / "ca.pem"))) as made:
        made.wait_up()
        nova.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        made.wait_handled(1)
    other = broker.folder / "other.pem"
    named = f"no authority in {other} has signed it: mend ssl_ca_file"
    unset = "none of the system's authorities has signed it: set ssl_ca_file"
    ssl_is_on = "[oslo_messaging_rabbit]\nssl = true\n"
    elsewhere = url.replace("127.0.0.1", "localhost")
    for address, untrusted, told in (
        (url, lines.format(other), named),
        (url, ssl_is_on, unset),
        (elsewhere, lines.format(broker.folder / "ca.pem"), "it is for another name: write a name of the certificate"),
    ):
        with listening(configured(tmp_path, address, untrusted)) as made:
            link, refused = made.listener.link, f"its certificate is refused: {told}"
            wait_for("the trouble", lambda link=link, refused=refused: refused in (link.state.trouble or ""))
    gc.collect()


@pytest.mark.usefixtures("quiet")
def test_the_policy_and_the_rights_that_are_shipped_suffice(broker: RabbitMQ, nova: Nova, tmp_path: Path) -> None:
    broker.control("add_user", "irqaffinity", "pass")
    broker.control("import_definitions", str(DEFINITIONS))
    url = f"rabbit://irqaffinity:pass@127.0.0.1:{broker.port}/"
    with listening(configured(tmp_path, url)) as made:
        made.wait_up()
        nova.publish("instance.create.end", f"nova-compute:{HERE}", versioned(GUEST, HERE))
        made.wait_handled(1)
        assert set(made.take().guests) == {GUEST}
    policies = broker.control("list_queues", "name", "policy").splitlines()
    assert "versioned_notifications.info\tversioned-notifications" in policies
    broker.control("clear_policy", "versioned-notifications")
    broker.control("delete_user", "irqaffinity")


@pytest.mark.usefixtures("quiet")
def test_a_broker_that_stands_still_is_left_and_the_listener_can_end(settings: Broker, broker: RabbitMQ) -> None:
    with listening(replace(settings, heartbeat=2)) as made:
        made.wait_up()
        broker.freeze()
        try:
            wait_for("the loss", lambda: not made.listener.link.state.is_up)
            made.listener.stop()
            made.thread.join(HANG)
            assert not made.thread.is_alive()
        finally:
            broker.thaw()


@pytest.mark.usefixtures("quiet")
def test_a_node_with_an_impossible_name_is_no_end(settings: Broker, broker: RabbitMQ) -> None:
    nodes = (replace(settings.hosts[0], name="x" * 80), settings.hosts[0])
    with listening(replace(settings, hosts=nodes)) as made:
        made.wait_up()


@pytest.mark.usefixtures("quiet")
def test_extra_specs_of_a_clock_that_is_far_ahead_are_heeded_told_and_outlasted(
    settings: Broker, broker: RabbitMQ, caplog: pytest.LogCaptureFixture
) -> None:
    def message(timestamp: str, mask: str) -> bytes:
        specs = {"hw:pci_irq_affinity_mask": mask}
        body = {"event_type": "instance.create.end", "publisher_id": f"nova-compute:{HERE}", "timestamp": timestamp}
        return json.dumps(body | {"payload": versioned(GUEST, HERE, specs)}).encode()

    with listening(settings) as made:
        made.wait_up()
        publish_raw(broker, message("9999-12-31 23:59:58", "0"), message("9999-12-31 23:59:59", "1"))
        made.wait_handled(2)
        taken = made.queue.take(0)
        assert (set(taken.guests), taken.specs[GuestId(GUEST)].mask) == ({GUEST}, "1")
        assert [record.getMessage()[:22] for record in caplog.records if record.levelname == "WARNING"] == [
            f"the clock of {HERE} is "
        ]
        made.queue.hear(GuestId(GUEST), taken.specs[GuestId(GUEST)], asks=False)
        publish_raw(broker, message(datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f"), "2"))
        made.wait_handled(3)
        assert made.take().specs[GuestId(GUEST)].mask == "2"


@pytest.mark.usefixtures("quiet")
def test_a_day_that_no_calendar_has_costs_the_mask_and_not_the_wake_up(settings: Broker, broker: RabbitMQ) -> None:
    message = {
        "event_type": "instance.create.end",
        "publisher_id": f"nova-compute:{HERE}",
        "timestamp": "2026-02-30 12:00:00",
        "payload": versioned(GUEST, HERE, {"hw:pci_irq_affinity_mask": "1"}),
    }
    with listening(settings) as made:
        made.wait_up()
        publish_raw(broker, json.dumps(message).encode())
        made.wait_handled(1)
        taken = made.take()
        assert (set(taken.guests), taken.specs) == ({GUEST}, {})
