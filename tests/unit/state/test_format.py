# SPDX-License-Identifier: Apache-2.0
"""The state of 0.1.0 as JSON: what it wrote is read, and what is not ours is refused with the field that is wrong."""

import copy
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Fixed, Record, RememberedSpecs, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.state.fields import BadState
from irqaffinity.state.format import NewerState, decode
from tests.unit.state.sample import BOOT, DISK, GUEST, NIC, OTHER_BOOT

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
"""As 0.1.0 wrote it."""

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
IRQ = {"device": "0000:81:00.2", "irq": 1}
BROKEN = [
    ("boot_id", 5, "boot_id 5 is not a text"),
    ("records", None, "records None is not a list"),
    ("records", {}, "records (dict) is not a list"),
    ("records", ["x"], "records: x has no fields"),
    ("records", [None], "records: None has no fields"),
    ("records", [{}], "records: owner is missing"),
    ("managed", 5, "managed 5 is not a list"),
    ("managed", [[]], "managed: (list) has no fields"),
    ("managed", [{**IRQ, "action": None}], "managed of 0000:81:00.2 1: action None is not a text"),
    ("managed", [{**IRQ, "action": "a", "verdict": "ok"}], "verdict ok is none of managed, immovable"),
    ("extra_specs", [], "extra_specs (list) is not an object"),
    ("extra_specs", {"x": {"mask": None, "timestamp": ""}}, "extra_specs of x: uuid x is not a uuid"),
    ("extra_specs", {GUEST: None}, "extra_specs: None has no fields"),
    ("extra_specs", {GUEST: {}}, f"extra_specs of {GUEST}: mask is missing"),
]
BROKEN_RECORDS = {
    "device": [None, 5, "", "81:00.2", "../../0000:81:00.2"],
    "irq": [None, "142", -1, 1.5, [], "../142", True, 1_000_000_000, 10**4000],
    "owner": [None, 5, [], "", "guest"],
    "driver": [5, [], {}],
    "original": [5, "x", "3-1", "65536", []],
    "written": [None, 5, "x"],
    "previous": [5, "x"],
    "spread_over": [5, "x"],
    "next_cpu": [None, "true", 2, 1.0],
}


def data_of(document: object) -> bytes:
    return json.dumps(document).encode()


DATA = data_of(
    {
        "schema": 1,
        "boot_id": BOOT,
        "records": [{**DOCUMENT["records"][0], "irq": number} for number in (100, 101)],
        "managed": [{**DOCUMENT["managed"][0], "verdict": "managed"}],
        "extra_specs": DOCUMENT["extra_specs"],
    }
)
"""The file of the state `make_state(2)`."""


def test_what_0_1_0_wrote_is_read():
    assert decode(data_of(DOCUMENT), BOOT) == STATE


def test_of_another_boot_only_the_extra_specs_are_read(caplog):
    caplog.set_level("INFO")
    assert decode(data_of(DOCUMENT), OTHER_BOOT) == State(extra_specs=STATE.extra_specs)
    assert caplog.messages == ["the state is of another boot: its interrupts are forgotten"]


def test_what_a_program_before_did_not_note_may_be_missing():
    document = copy.deepcopy(DOCUMENT)
    document["extra_specs"] = {GUEST: {"mask": "1-4,^3", "timestamp": "2026-11-20 12:00:00"}}
    del document["managed"][0]["verdict"]
    state = decode(data_of(document), BOOT)
    assert state.extra_specs == {GUEST: RememberedSpecs("1-4,^3", "2026-11-20 12:00:00")}
    assert state.fixed == {IrqId(DISK, 36): Fixed("nvme0q1", Verdict.MANAGED)}


@pytest.mark.parametrize(
    ("schema", "error", "said"),
    [
        (2, NewerState, "its schema is 2, and this program knows 1"),
        (0, BadState, "the document: schema 0 is not 1"),
        ("1", BadState, "the document: schema 1 is not 1"),
        (True, BadState, "the document: schema True is not 1"),
        (None, BadState, "the document: schema None is not 1"),
    ],
)
def test_another_schema_is_refused_by_its_number_whatever_else_it_holds(schema, error, said):
    with pytest.raises(error, match=said):
        decode(data_of({"schema": schema, "unheard of": 1}), BOOT)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"\0" * 100, b"1" * 5000])
def test_a_file_of_another_kind_is_refused(data):
    with pytest.raises(BadState, match="it is not whole"):
        decode(data, BOOT)


@pytest.mark.parametrize("document", [None, 1, "", [], [DOCUMENT]])
def test_a_document_of_another_kind_is_refused(document):
    with pytest.raises(BadState, match=r"the document: .* has no fields"):
        decode(data_of(document), BOOT)


def test_a_file_cut_short_anywhere_is_refused():
    for length in range(len(DATA)):
        with pytest.raises(BadState, match="it is not whole"):
            decode(DATA[:length], BOOT)


@pytest.mark.parametrize("key", DOCUMENT)
def test_a_document_with_a_part_missing_is_refused(key):
    with pytest.raises(BadState, match=f"the document: {key} is missing"):
        decode(data_of({name: value for name, value in DOCUMENT.items() if name != key}), BOOT)


@pytest.mark.parametrize("key", DOCUMENT["records"][0])
def test_a_record_with_a_part_missing_is_refused(key):
    document = copy.deepcopy(DOCUMENT)
    del document["records"][1][key]
    with pytest.raises(BadState, match=f"records.*: {key} is missing"):
        decode(data_of(document), BOOT)


@pytest.mark.parametrize(("key", "value", "said"), BROKEN)
def test_a_part_of_the_wrong_kind_is_named(key, value, said):
    with pytest.raises(BadState, match=re.escape(said)):
        decode(data_of(DOCUMENT | {key: value}), BOOT)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BROKEN_RECORDS.items() for value in values])
def test_a_record_with_a_field_of_the_wrong_kind_is_named(key, value):
    document = copy.deepcopy(DOCUMENT)
    document["records"][1][key] = value
    with pytest.raises(BadState, match=f"records of .*: {key} .* is n"):
        decode(data_of(document), BOOT)


def test_texts_of_a_file_are_cleaned():
    document = copy.deepcopy(DOCUMENT)
    document["records"][0]["driver"] = "vfio\n"
    document["managed"][0]["action"] = "\u202e"
    document["extra_specs"][GUEST] = {"mask": "1\x1b", "timestamp": "\0"}
    state = decode(data_of(document), BOOT)
    assert state.records[NIC][142].driver == r"vfio\x0a"
    assert state.fixed == {IrqId(DISK, 36): Fixed(r"\x202e", Verdict.IMMOVABLE)}
    assert state.extra_specs == {GUEST: RememberedSpecs(r"1\x1b", r"\x00")}


@given(st.fixed_dictionaries({key: JSON | st.just(value) for key, value in DOCUMENT.items()}) | JSON)
@settings(deadline=None)
def test_any_json_is_a_state_or_is_refused_in_one_line(document):
    found: State | str
    try:
        found = decode(data_of(document), BOOT)
    except (BadState, NewerState) as error:
        found = str(error)
    assert isinstance(found, State) or found.isprintable()
