# SPDX-License-Identifier: Apache-2.0
"""What is read of a message, whom it wakes, and whose extra specs are believed."""

import json
from typing import Any

import pytest

from irqaffinity.listen.payload import (
    BadNotification,
    Notification,
    Outcome,
    is_believed,
    judge,
    parse_notification,
)
from irqaffinity.model.guest import GuestId
from irqaffinity.model.record import RememberedSpecs

HERE, THERE = "cmp-1.example.org", "cmp-2.example.org"
GUEST = GuestId("11111111-1111-1111-1111-111111111111")
OTHER = GuestId("22222222-2222-2222-2222-222222222222")
SENT = "2026-11-20 12:00:00.123456"
MASK = "hw:pci_irq_affinity_mask"
NO_FLAVOR = {"uuid": GUEST, "host": HERE}


def flavor(extra_specs: object) -> dict[str, Any]:
    return {"nova_object.name": "FlavorPayload", "nova_object.data": {"name": "nfv", "extra_specs": extra_specs}}


def data_with(extra_specs: object) -> dict[str, Any]:
    return {**NO_FLAVOR, "flavor": flavor(extra_specs)}


def versioned(data: object = NO_FLAVOR, **fields: object) -> bytes:
    """Return a message of a Nova that writes versioned notifications, without an envelope."""
    message = {
        "event_type": "instance.power_on.end",
        "publisher_id": f"nova-compute:{HERE}",
        "timestamp": SENT,
        "payload": {"nova_object.name": "InstanceActionPayload", "nova_object.data": data},
    }
    return json.dumps(message | fields).encode()


def legacy(**fields: object) -> bytes:
    message = {
        "event_type": "compute.instance.resize.confirm.end",
        "publisher_id": f"compute.{HERE}",
        "timestamp": SENT,
        "payload": {"instance_id": GUEST, "uuid": OTHER, "host": THERE, "flavor": flavor({MASK: "1"})},
    }
    return json.dumps(message | fields).encode()


def parse(body: bytes | str) -> Notification:
    found = parse_notification(body)
    assert found is not None
    return found


def specs_of(data: object, **fields: object) -> RememberedSpecs | None:
    return parse(versioned(data, **fields)).specs


def test_a_versioned_notification() -> None:
    expected = Notification("power_on", "end", HERE, True, HERE, GUEST, RememberedSpecs("1-4", SENT, HERE))
    assert parse(versioned(data_with({MASK: "1-4"}))) == expected


def test_a_legacy_notification_has_no_extra_specs() -> None:
    assert parse(legacy()) == Notification("resize_confirm", "end", HERE, True, THERE, GUEST, None)


@pytest.mark.parametrize("body", [versioned(), legacy()], ids=["versioned", "legacy"])
def test_with_an_envelope_or_without_as_bytes_or_text(body: bytes) -> None:
    enveloped = json.dumps({"oslo.version": "2.0", "oslo.message": body.decode()})
    assert parse(enveloped) == parse(enveloped.encode()) == parse(body.decode()) == parse(body)


@pytest.mark.parametrize(
    "event",
    [
        "service.update",
        "compute_instance.create.end",
        "compute.instanc.create.end",
        "aggregate.instance.create.end",
        "",
    ],
)
def test_a_notification_of_another_kind_is_none(event: str) -> None:
    assert parse_notification(versioned(event_type=event)) is None


@pytest.mark.parametrize(
    ("publisher", "is_compute", "host"),
    [
        (f"nova-compute:{HERE}", True, HERE),
        (f"compute:{HERE}", True, HERE),
        (f"nova-api:{HERE}", False, HERE),
        ("nova-compute:a:b", True, "a:b"),
        ("nova-compute", True, ""),
        (f"compute.{HERE}", False, ""),
    ],
)
def test_who_publishes_a_versioned_one(publisher: str, is_compute: bool, host: str) -> None:
    found = parse(versioned(publisher_id=publisher))
    assert (found.is_compute, found.publisher_host) == (is_compute, host)


@pytest.mark.parametrize(
    ("publisher", "is_compute", "host"),
    [(f"compute.{HERE}", True, HERE), (f"conductor.{HERE}", False, HERE), (f"compute:{HERE}", False, "example.org")],
)
def test_who_publishes_a_legacy_one(publisher: str, is_compute: bool, host: str) -> None:
    found = parse(legacy(publisher_id=publisher))
    assert (found.is_compute, found.publisher_host) == (is_compute, host)


@pytest.mark.parametrize("data", [{"uuid": GUEST}, {"uuid": GUEST, "host": None}, {"uuid": GUEST, "host": 7}])
def test_an_instance_may_be_on_no_host(data: dict[str, object]) -> None:
    assert parse(versioned(data)).payload_host is None


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff\xfe\xfd",
        b"5",
        b"[]",
        b"[" * 100_000,
        json.dumps({"oslo.message": "{"}).encode(),
        json.dumps({"oslo.message": 5}).encode(),
        json.dumps({"oslo.message": "[" * 100_000}).encode(),
        json.dumps({"event_type": "instance.create.end", "publisher_id": "x"}).encode(),
        json.dumps({"publisher_id": "x", "payload": {}}).encode(),
        json.dumps({"event_type": "instance.create.end", "payload": {}}).encode(),
        versioned(event_type=5),
        versioned(publisher_id=None),
        versioned(payload="text"),
        versioned(payload={"uuid": GUEST}),
        versioned({"host": HERE}),
        versioned({"uuid": "../../etc/passwd", "host": HERE}),
        versioned({"uuid": 5, "host": HERE}),
        versioned("text"),
        legacy(payload={"uuid": GUEST, "host": HERE}),
        versioned({**NO_FLAVOR, "flavor": "nfv"}),
        versioned({**NO_FLAVOR, "flavor": {}}),
        versioned(data_with("text")),
        versioned(data_with({MASK: 5})),
    ],
)
def test_what_is_malformed_is_a_bad_notification_and_nothing_else(body: bytes) -> None:
    with pytest.raises(BadNotification, match=r"^[A-Za-z]+: "):
        parse_notification(body)


PARTS = 20_000
"""What is parsed at most; a list of so many empty lists has twice as many."""


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * PARTS + b"[]]",
        b"{" + b'"a":1,' * PARTS + b'"a":1}',
        ("[" + "{}," * PARTS + "{}]").encode("utf-16"),
        json.dumps({"oslo.message": "[" + "0," * PARTS + "0]"}).encode(),
        b'{"oslo.message": "' + b"\\u005b" + b"0\\u002c" * PARTS + b'0\\u005d"}',
    ],
)
def test_what_would_keep_the_parser_busy_is_not_given_to_it(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    parsed: list[object] = []
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda text: parsed.append(loads(text)) or parsed[-1])
    with pytest.raises(BadNotification, match=r"it has [0-9]+ parts"):
        parse_notification(body)
    assert all(isinstance(found, dict) and len(found) == 1 for found in parsed)


def test_a_large_notification_is_parsed() -> None:
    data = data_with({MASK: "1"}) | {"metadata": {f"key {number}": "a, b" for number in range(PARTS // 3)}}
    assert parse(versioned(data)).specs is not None


def test_an_event_of_any_length_is_not_taken_apart() -> None:
    assert parse(versioned(event_type="instance." + "x" * 246)).event == "x" * 246
    with pytest.raises(BadNotification, match="its event_type has 256 characters"):
        parse_notification(versioned(event_type="instance." + "x" * 247))


def test_a_mask_of_any_length_stays_one_that_is_refused() -> None:
    found = parse(versioned(data_with({MASK: " " * 255 + "1"}))).specs
    assert found is not None
    assert found.mask is not None
    assert found.mask.endswith("…")


def test_what_is_wrong_is_told_on_one_printable_line() -> None:
    with pytest.raises(BadNotification) as caught:
        parse_notification(versioned({"uuid": "line\nforged\u202e" + "x" * 1000}))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 255


@pytest.mark.parametrize(
    ("extra_specs", "mask"),
    [
        ({MASK: "1-4,^3"}, "1-4,^3"),
        ({MASK: " 1-4,\n\t^3  "}, "1-4, ^3"),
        ({MASK: "9\x1b[2J\u202e"}, "9\\x1b[2J\\x202e"),
        ({MASK: ""}, ""),
        ({MASK: None}, None),
        ({"hw:cpu_policy": "dedicated"}, None),
        ({}, None),
    ],
)
def test_the_mask_of_the_flavor(extra_specs: object, mask: str | None) -> None:
    assert specs_of(data_with(extra_specs)) == RememberedSpecs(mask, SENT, HERE)


@pytest.mark.parametrize(
    "data",
    [NO_FLAVOR, {**NO_FLAVOR, "flavor": None}, {**NO_FLAVOR, "flavor": {"nova_object.data": {}}}, data_with(None)],
)
def test_a_payload_without_extra_specs_says_nothing_of_them(data: dict[str, object]) -> None:
    assert specs_of(data) is None


@pytest.mark.parametrize("event", ["instance.resize_prep.start", "instance.resize_prep.end"])
def test_resize_prep_still_has_the_flavor_that_ends(event: str) -> None:
    assert specs_of(data_with({MASK: "1"}), event_type=event) is None


@pytest.mark.parametrize("fraction", ["", ".1", ".123456", ".123456789"])
@pytest.mark.parametrize("between", [" ", "T"])
def test_the_time_of_a_message(between: str, fraction: str) -> None:
    found = specs_of(data_with({MASK: "1"}), timestamp=f"2026-11-20{between}12:00:00{fraction}")
    assert found == RememberedSpecs("1", f"2026-11-20 12:00:00{fraction}", HERE)


@pytest.mark.parametrize(
    "timestamp",
    [
        None,
        1795176000,
        "",
        "now",
        "2026-11-20",
        "2026-11-20 12:00",
        "2026-11-20 12:00:00.",
        "2026-11-20 12:00:00.1234567890",
        "2026-11-20 12:00:00+01:00",
        "2026-11-20 12:00:00\n",
        "2026-11-20_12:00:00",
        "2026-02-30 12:00:00",
        "2026-11-20 25:00:00",
        "２０２６-11-20 12:00:00",  # noqa: RUF001  digits that \d would take without re.ASCII
    ],
)
def test_extra_specs_of_no_known_time_are_not_kept_but_the_guest_is_woken(timestamp: object) -> None:
    found = parse(versioned(data_with({MASK: "1"}), timestamp=timestamp))
    assert found.specs is None
    assert judge(found, HERE, ()) is Outcome.WOKE


def test_a_message_without_a_time() -> None:
    message = json.loads(versioned(data_with({MASK: "1"})))
    del message["timestamp"]
    assert parse(json.dumps(message)).specs is None


def test_the_name_of_the_publisher_cannot_forge_a_line() -> None:
    found = specs_of(data_with({MASK: "1"}), publisher_id="nova-compute:cmp\nforged")
    assert found is not None
    assert found.publisher == "cmp\\x0aforged"


@pytest.mark.parametrize(
    ("publisher", "payload_host", "known", "expected"),
    [
        (HERE, HERE, (), Outcome.WOKE),
        (HERE, THERE, (), Outcome.WOKE),
        (HERE, None, (), Outcome.WOKE),
        (THERE, HERE, (), Outcome.WOKE),
        (THERE, THERE, (GUEST,), Outcome.WOKE),
        (THERE, THERE, (OTHER,), Outcome.FOREIGN),
        (THERE, None, (), Outcome.FOREIGN),
        (HERE.upper(), HERE[:-1], (), Outcome.FOREIGN),
        (f"x{HERE}", f"{HERE}.", (), Outcome.FOREIGN),
    ],
)
def test_whom_an_event_wakes(
    publisher: str, payload_host: str | None, known: tuple[GuestId, ...], expected: Outcome
) -> None:
    body = versioned({"uuid": GUEST, "host": payload_host}, publisher_id=f"nova-api:{publisher}")
    assert judge(parse(body), HERE, known) is expected


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        ("power_on.end", Outcome.WOKE),
        ("power_on.error", Outcome.WOKE),
        ("power_on.start", Outcome.IGNORED),
        ("update", Outcome.IGNORED),
        ("volume_attach.end", Outcome.IGNORED),
    ],
)
def test_an_event_of_a_guest_here_that_moves_no_device_wakes_nobody(event: str, outcome: Outcome) -> None:
    body = versioned(event_type=f"instance.{event}")
    assert judge(parse(body), HERE, ()) is outcome
    assert judge(parse(body), "cmp-3", (GUEST,)) is outcome
    assert judge(parse(body), "cmp-3", ()) is Outcome.FOREIGN


@pytest.mark.parametrize(
    ("publisher", "known", "expected"),
    [
        (f"nova-compute:{HERE}", (), True),
        (f"compute:{HERE}", (), True),
        (f"nova-api:{HERE}", (), False),
        (f"nova-compute:{THERE}", (), False),
        (f"nova-compute:{HERE.upper()}", (), False),
        (f"nova-compute:{THERE}", (OTHER,), False),
        (f"nova-compute:{THERE}", (GUEST,), True),
        (f"nova-api:{HERE}", (GUEST,), True),
    ],
)
def test_whose_extra_specs_are_believed(publisher: str, known: tuple[GuestId, ...], expected: bool) -> None:
    assert is_believed(parse(versioned(publisher_id=publisher)), HERE, known) is expected


def test_the_outcomes_are_labels_of_the_metrics() -> None:
    assert [outcome.value for outcome in Outcome] == ["woke", "foreign", "ignored", "malformed", "unread"]
