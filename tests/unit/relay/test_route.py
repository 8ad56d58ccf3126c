# SPDX-License-Identifier: Apache-2.0
"""Which hosts a message concerns, and what is remembered of where guests are."""

import json
from typing import Any

import pytest

from irqaffinity.listen.events import EVENTS
from irqaffinity.relay.route import Fate, Route, Router
from tests.fakes.scene import GUEST, OTHER
from tests.functional.nova import legacy, versioned

SPECS = {"hw:pci_irq_affinity_mask": "1"}


def message(
    event: str, publisher: str, host: object, specs: dict[str, str] | None = None, uuid: str = GUEST, **more: Any
) -> bytes:
    inner = {
        "event_type": f"instance.{event}",
        "publisher_id": publisher,
        "timestamp": "2026-11-20 12:00:00.000000",
        "payload": versioned(uuid, host, specs),  # type: ignore[arg-type]
    }
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner | more)}).encode()


def to(*hosts: str) -> Route:
    return Route(Fate.RELAYED, hosts)


@pytest.mark.parametrize(
    ("event", "publisher", "host", "expected"),
    [
        ("power_on.end", "nova-compute:a", "a", to("a")),
        ("power_on.error", "nova-compute:a", "a", to("a")),
        ("resize.end", "nova-compute:a", "b", to("a", "b")),
        ("shelve_offload.end", "nova-compute:a", None, to("a")),
        ("delete.end", "nova-api:x", "a", to("a")),
        ("delete.end", "nova-conductor:x", None, Route(Fate.NO_HOST)),
        ("delete.end", "nova-compute:", None, Route(Fate.NO_HOST)),
        ("delete.end", "nova-compute:", "", Route(Fate.NO_HOST)),
        ("delete.end", "nova-compute:", 7, Route(Fate.NO_HOST)),
        ("delete.end", "nova-compute:" + "x" * 256, None, Route(Fate.NO_HOST)),
        ("delete.end", "nova-compute:" + "é" * 128, "a", to("a")),
        ("delete.end", "nova-compute:a", "\ud800", to("a")),
        ("pause.end", "nova-compute:a", "a", Route(Fate.IGNORED)),
        ("of_a_newer_nova.end", "nova-compute:a", "a", Route(Fate.IGNORED)),
        ("power_on.start", "nova-compute:a", "a", Route(Fate.IGNORED)),
    ],
)
def test_a_message_goes_to_who_published_it_and_to_whom_it_names(
    event: str, publisher: str, host: object, expected: Route
) -> None:
    assert Router().route(message(event, publisher, host)) == expected


@pytest.mark.parametrize(
    ("event", "publisher", "expected"),
    [
        ("create.start", "nova-compute:a", to("a")),
        ("live_migration_pre.start", "nova-compute:a", to("a")),
        ("live_migration_pre.end", "nova-compute:a", to("a")),
        ("live_migration_post_dest.start", "nova-compute:a", to("a")),
        ("create.start", "nova-api:a", Route(Fate.IGNORED)),
        ("create.start", "nova-compute:" + "x" * 256, Route(Fate.IGNORED)),
        ("power_off.start", "nova-compute:a", Route(Fate.IGNORED)),
        ("resize_prep.start", "nova-compute:a", Route(Fate.IGNORED)),
        ("exists", "nova-compute:a", Route(Fate.IGNORED)),
        ("update", "nova-compute:a", Route(Fate.IGNORED)),
    ],
)
def test_the_specs_come_to_a_host_before_the_domain_begins_there(event: str, publisher: str, expected: Route) -> None:
    assert Router().route(message(event, publisher, "source", SPECS)) == expected


def test_one_without_a_host_goes_where_the_guest_was_last() -> None:
    router = Router()
    router.route(message("update", "nova-compute:a", "a"))
    router.route(message("power_on.end", "nova-compute:c", "c", uuid=OTHER))
    assert router.route(message("delete.end", "nova-api:x", None)) == to("a")
    router.route(message("resize_prep.end", "nova-compute:b", "a"))
    assert router.route(message("delete.end", "nova-api:x", None)) == to("a", "b")
    router.route(message("resize_finish.end", "nova-compute:b", "b"))
    assert router.route(message("delete.end", "nova-api:x", None)) == to("b")


def test_the_guests_that_were_not_heard_of_for_longest_are_forgotten() -> None:
    router = Router(most_guests=2)
    uuids = [f"{n}0000000-0000-4000-8000-000000000000" for n in range(3)]
    for number in (0, 1, 0, 2):
        router.route(message("power_on.end", "nova-compute:a", "a", uuid=uuids[number]))
    ends = [router.route(message("delete.end", "nova-api:x", None, uuid=uuid)).fate for uuid in uuids]
    assert ends == [Fate.RELAYED, Fate.NO_HOST, Fate.RELAYED]


def test_legacy_messages_go_the_same_ways() -> None:
    inner = {"event_type": "compute.instance.finish_resize.end", "publisher_id": "compute.b"}
    assert Router().route(json.dumps(inner | {"payload": legacy(GUEST, "b")}).encode()) == to("b")


@pytest.mark.parametrize(
    ("body", "fate"),
    [
        (b"", Fate.MALFORMED),
        (b"\xff", Fate.MALFORMED),
        (b"[" * 15_000, Fate.MALFORMED),
        (b"{}", Fate.MALFORMED),
        (message("power_on.end", "nova-compute:a", "a", uuid="no uuid"), Fate.MALFORMED),
        (message("power_on.end", "nova-compute:a", "a", event_type=7), Fate.MALFORMED),
        (message("power_on.end", "nova-compute:a", "a", publisher_id=None), Fate.MALFORMED),
        (message("", "nova-api:x", "a", event_type="flavor.create"), Fate.IGNORED),
    ],
)
def test_what_is_no_notification_of_an_instance_is_dropped(body: bytes, fate: Fate) -> None:
    assert Router().route(body) == Route(fate)


def test_each_event_of_the_table_has_a_fate() -> None:
    found = {event: Router().route(message(f"{event}.end", "nova-compute:a", "a")).fate for event in EVENTS}
    assert set(found.values()) == {Fate.RELAYED, Fate.IGNORED}
