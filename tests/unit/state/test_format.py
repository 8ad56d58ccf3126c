# SPDX-License-Identifier: Apache-2.0
"""The state as JSON: what is written comes back, and what is not ours is refused."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import parse_guest_id
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Fixed, Record, RememberedSpecs, State
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import Verdict
from irqaffinity.state.format import BadState, NewerState, decode, encode

BOOT = "5a7c0f5e-0000-4000-8000-000000000001"
OTHER_BOOT = "5a7c0f5e-0000-4000-8000-000000000002"
GUEST = parse_guest_id("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")
NIC, DISK = PciAddress.parse("0000:81:00.2"), PciAddress.parse("10000:01:00.0")

STATE = State(
    records={
        NIC: {
            142: Record(GUEST, "vfio-pci", CpuSet.parse("0-31"), CpuSet.parse("21,23")),
            143: Record(GUEST, None, None, CpuSet([21]), CpuSet([23]), CpuSet.parse("21,23"), True),
        }
    },
    fixed={IrqId(DISK, 36): Fixed("nvme0q1", Verdict.IMMOVABLE)},
    extra_specs={GUEST: RememberedSpecs("1-4,^3", "2026-11-20 12:00:00", "cmp-1", "2026-11-20 12:00:01")},
)
DOCUMENT = {
    "schema": 1,
    "boot_id": BOOT,
    "records": [
        {
            "device": "0000:81:00.2",
            "irq": 142,
            "owner": GUEST,
            "driver": "vfio-pci",
            "original": "0-31",
            "written": "21,23",
            "previous": None,
            "spread_over": None,
            "next_cpu": False,
        },
        {
            "device": "0000:81:00.2",
            "irq": 143,
            "owner": GUEST,
            "driver": None,
            "original": None,
            "written": "21",
            "previous": "23",
            "spread_over": "21,23",
            "next_cpu": True,
        },
    ],
    "managed": [{"device": "10000:01:00.0", "irq": 36, "action": "nvme0q1", "verdict": "immovable"}],
    "extra_specs": {
        GUEST: {
            "mask": "1-4,^3",
            "timestamp": "2026-11-20 12:00:00",
            "publisher": "cmp-1",
            "arrived": "2026-11-20 12:00:01",
        }
    },
}

LINES = st.text(max_size=20).map(clean)
GUESTS = st.uuids().map(str).map(parse_guest_id)
CPUS = st.frozensets(st.integers(0, 300), max_size=6).map(CpuSet)
DEVICES = st.builds(
    PciAddress, st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFF), st.integers(0, 0x1F), st.integers(0, 7)
)
NUMBERS = st.integers(0, 999_999_999)
RECORDS = st.builds(
    Record,
    owner=GUESTS,
    driver=st.none() | LINES,
    original=st.none() | CPUS,
    written=CPUS,
    previous=st.none() | CPUS,
    spread_over=st.none() | CPUS,
    next_cpu=st.booleans(),
)
FIXED = st.builds(Fixed, LINES, st.sampled_from([Verdict.MANAGED, Verdict.IMMOVABLE]))
SPECS = st.builds(RememberedSpecs, st.none() | LINES, LINES, st.none() | LINES, st.none() | LINES)
STATES = st.builds(
    State,
    records=st.dictionaries(DEVICES, st.dictionaries(NUMBERS, RECORDS, min_size=1, max_size=3), max_size=3),
    fixed=st.dictionaries(st.builds(IrqId, DEVICES, NUMBERS), FIXED, max_size=3),
    extra_specs=st.dictionaries(GUESTS, SPECS, max_size=3),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("0000:81:00.2"),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.text(max_size=3) | st.sampled_from([*DOCUMENT, *DOCUMENT["records"][0]]), inner, max_size=9
        )
    ),
    max_leaves=12,
)
BROKEN = {
    "records": [None, 5, [{}], ["x"], [None]],
    "managed": [
        None,
        5,
        [{}],
        [{"device": "0000:81:00.2", "irq": 1, "action": None}],
        [{"device": "0000:81:00.2", "irq": 1, "action": "nvme0q1", "verdict": "ok"}],
    ],
    "extra_specs": [None, [], "x", {"x": {"mask": None, "timestamp": ""}}, {GUEST: {}}, {GUEST: None}],
}
BROKEN_RECORDS = {
    "device": [None, 5, "", "81:00.2", "../../0000:81:00.2"],
    "irq": [None, "142", -1, 1.5, [], "../142"],
    "owner": [None, 5, [], "", "guest"],
    "driver": [5, [], {}],
    "original": [5, "x", "3-1", "65536", []],
    "written": [None, 5, "x"],
    "previous": [5, "x"],
    "spread_over": [5, "x"],
}


@given(STATES)
@settings(deadline=None)
def test_any_state_comes_back_from_its_file(state):
    assert decode(json.loads(json.dumps(encode(state, BOOT))), BOOT) == state


@given(STATES)
@settings(deadline=None)
def test_of_another_boot_only_the_extra_specs_come_back(state):
    assert decode(encode(state, BOOT), OTHER_BOOT) == State(extra_specs=state.extra_specs)


def test_extra_specs_of_a_program_that_did_not_note_the_publisher_are_taken_over() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["extra_specs"] = {GUEST: {"mask": "1-4,^3", "timestamp": "2026-11-20 12:00:00"}}
    assert decode(document, BOOT).extra_specs == {GUEST: RememberedSpecs("1-4,^3", "2026-11-20 12:00:00")}


def test_the_file_has_the_documented_form():
    assert encode(STATE, BOOT) == DOCUMENT
    assert decode(DOCUMENT, BOOT) == STATE


def test_the_file_does_not_depend_on_the_order_in_which_the_state_grew():
    records = STATE.records[NIC]
    twice = State(records={DISK: dict(records), NIC: dict(records)})
    turned = State(records={NIC: dict(reversed(records.items())), DISK: dict(records)})
    assert json.dumps(encode(twice, BOOT)) == json.dumps(encode(turned, BOOT))


@pytest.mark.parametrize(("schema", "error"), [(2, NewerState), (0, BadState), ("1", BadState), (None, BadState)])
def test_another_schema_is_refused_by_its_number_whatever_else_it_holds(schema, error):
    with pytest.raises(error, match=f"its schema is {schema}, and this program knows 1"):
        decode({"schema": schema, "unheard of": 1}, BOOT)


@pytest.mark.parametrize("document", [None, 1, "", [], {}, {"schema": 1}, [DOCUMENT]])
def test_a_document_of_another_kind_is_refused(document):
    with pytest.raises(BadState, match="it is not whole"):
        decode(document, BOOT)


@pytest.mark.parametrize("key", DOCUMENT)
def test_a_document_with_a_part_missing_is_refused(key):
    with pytest.raises(BadState, match="it is not whole"):
        decode({name: value for name, value in DOCUMENT.items() if name != key}, BOOT)


@pytest.mark.parametrize("key", DOCUMENT["records"][0])
def test_a_record_with_a_part_missing_is_refused(key):
    document = copy.deepcopy(DOCUMENT)
    del document["records"][1][key]
    with pytest.raises(BadState, match="it is not whole"):
        decode(document, BOOT)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BROKEN.items() for value in values])
def test_a_part_of_the_wrong_kind_is_refused(key, value):
    with pytest.raises(BadState, match="it is not whole"):
        decode(DOCUMENT | {key: value}, BOOT)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BROKEN_RECORDS.items() for value in values])
def test_a_record_with_a_part_of_the_wrong_kind_is_refused(key, value):
    document = copy.deepcopy(DOCUMENT)
    document["records"][1][key] = value
    with pytest.raises(BadState, match="it is not whole"):
        decode(document, BOOT)


def test_texts_of_a_file_are_cleaned():
    document = copy.deepcopy(DOCUMENT)
    document["records"][0]["driver"] = "vfio\n"
    document["managed"][0]["action"] = "\u202e"
    document["extra_specs"][GUEST] = {"mask": "1\x1b", "timestamp": "\0"}
    state = decode(document, BOOT)
    assert state.records[NIC][142].driver == r"vfio\x0a"
    assert state.fixed == {IrqId(DISK, 36): Fixed(r"\x202e", Verdict.IMMOVABLE)}
    assert state.extra_specs == {GUEST: RememberedSpecs(r"1\x1b", r"\x00")}


@given(st.fixed_dictionaries({key: JSON | st.just(value) for key, value in DOCUMENT.items()}) | JSON)
@settings(deadline=None)
def test_any_json_is_a_state_or_is_refused_in_one_line(document):
    try:
        state = decode(document, BOOT)
    except (BadState, NewerState) as error:
        refusal = error
    else:
        assert decode(encode(state, BOOT), BOOT) == state
        return
    assert str(refusal).isprintable()
