# SPDX-License-Identifier: Apache-2.0
"""The rows of the state and how they change, and which of two masks is the newer one, whatever the clocks say."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, parse_guest_id
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.isolation import Told
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Fixed, Record, RememberedSpecs, State
from irqaffinity.model.verdict import Verdict
from tests.fakes.snapshots import VF, VF2, VF3, cpus, guest_id, make_record


def sent(timestamp: str, arrived: str, publisher: str = "cmp-1") -> RememberedSpecs:
    """Extra specs whose payload says one time of this day, and which came at another."""
    return RememberedSpecs("1", f"2026-11-20 {timestamp}", publisher, f"2026-11-20 {arrived}")


RIGHT, AHEAD, BEHIND = "12:00:00", "13:00:00", "11:00:00"

CASES = {
    # older, newer
    "one right clock": (sent(RIGHT, "12:00:01"), sent("12:00:02", "12:00:03")),
    "one right clock, out of order": (sent("12:00:02", "12:00:04"), sent("12:00:03", "12:00:01")),
    "a fraction of a second": (sent(RIGHT, RIGHT), sent("12:00:00.000001", RIGHT)),
    "one clock an hour ahead": (sent(AHEAD, RIGHT), sent("13:00:01", "12:00:01")),
    "one clock an hour ahead, out of order": (sent("13:00:02", "12:00:04"), sent("13:00:03", "12:00:01")),
    "one clock an hour behind": (sent(BEHIND, RIGHT), sent("11:00:01", "12:00:01")),
    "one clock ahead, then set right": (sent(AHEAD, RIGHT), sent("12:10:00", "12:10:00")),
    "one clock ahead, then set right at once": (sent(AHEAD, RIGHT), sent("12:00:01", "12:00:01")),
    "one clock right, then ahead": (sent(RIGHT, RIGHT), sent(AHEAD, "12:00:01")),
    "two right clocks": (sent(RIGHT, "12:00:05"), sent("12:00:01", "12:00:02", "api-1")),
    "two clocks, the older ahead": (sent(AHEAD, RIGHT), sent("12:00:10", "12:00:10", "api-1")),
    "two clocks, the newer ahead": (sent(RIGHT, RIGHT), sent(AHEAD, "12:00:10", "api-1")),
    "two clocks, both ahead": (sent(AHEAD, RIGHT), sent("12:59:00", "12:00:10", "api-1")),
    "a state that does not tell the publisher": (
        RememberedSpecs("1", "2026-11-20 12:00:00"),
        sent("12:00:01", "12:00:01"),
    ),
}


@pytest.mark.parametrize(("older", "newer"), CASES.values(), ids=CASES)
def test_the_newer_one_counts(older: RememberedSpecs, newer: RememberedSpecs) -> None:
    assert newer.is_newer_than(older)
    assert not older.is_newer_than(newer)
    assert not newer.is_newer_than(newer)


def test_a_clock_at_the_end_of_time_outlasts_nobody() -> None:
    never = RememberedSpecs("1", "9999-12-31 23:59:59", "cmp-1", "2026-11-20 12:00:00")
    assert sent("12:00:01", "12:00:01").is_newer_than(never)
    assert sent("12:00:01", "12:00:01", "cmp-2").is_newer_than(never)
    assert never.is_newer_than(sent("11:59:59", "11:59:59"))


@pytest.mark.parametrize(("fraction", "ahead"), [("", 0), (".5", 500_000), (".25", 250_000), (".123456789", 123_456)])
def test_a_fraction_of_a_second_may_have_any_number_of_digits(fraction: str, ahead: int) -> None:
    assert sent(f"{RIGHT}{fraction}", RIGHT).ahead == timedelta(microseconds=ahead)


@pytest.mark.parametrize("text", ["", "x", "2026-11-20 12:00:00+00:00", "2026-13-01 00:00:00"])
def test_a_time_that_is_none_is_compared_as_text(text: str) -> None:
    odd = RememberedSpecs("1", text, "cmp-1", "2026-11-20 12:00:00")
    assert odd.ahead == timedelta()
    assert odd.is_newer_than(odd) is False


GUESTS = [HOST, *(parse_guest_id(f"0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f{digit}") for digit in range(3))]
DEVICES = [PciAddress.parse(f"0000:81:00.{function}") for function in range(3)]
IRQS = st.builds(IrqId, st.sampled_from(DEVICES), st.integers(0, 3))
RECORDS = st.builds(Record, st.sampled_from(GUESTS), st.just("vfio-pci"), st.none(), st.builds(CpuSet, st.just([1])))


def told(cpu: int) -> Told:
    return Told(None, (), CpuSet([cpu]), (40,))


SOME_FIXED = st.sampled_from([Fixed("nvme0q1", Verdict.MANAGED), Fixed("vfio-msi", Verdict.IMMOVABLE)])
CHANGES = st.builds(
    Changes,
    st.dictionaries(IRQS, st.none() | RECORDS, max_size=6),
    st.dictionaries(IRQS, st.none() | SOME_FIXED, max_size=3),
    st.dictionaries(
        st.sampled_from(GUESTS), st.none() | st.builds(RememberedSpecs, st.none(), st.just("")), max_size=3
    ),
    told=st.dictionaries(st.sampled_from(["a.sock", "b.sock"]), st.none() | st.builds(told, st.integers(0, 9))),
)


def rows(state: State) -> dict[IrqId, Record]:
    return {
        IrqId(device, number): row for device, of_device in state.records.items() for number, row in of_device.items()
    }


@given(st.lists(CHANGES, max_size=8))
@settings(deadline=None)
def test_a_state_has_what_its_changes_say_and_finds_the_devices_of_each_owner(steps: list[Changes]) -> None:
    state = State()
    records: dict[IrqId, Record] = {}
    for step in steps:
        state.apply(step)
        records = {irq: row for irq, row in {**records, **step.records}.items() if row is not None}
        assert rows(state) == records
        assert all(state.records.values())
        assert set(state.owners) == {row.owner for row in records.values()}
        for guest in GUESTS:
            assert set(state.devices_of(guest)) == {irq.device for irq, row in records.items() if row.owner == guest}
        pairs = ((state.fixed, step.fixed), (state.extra_specs, step.extra_specs), (state.told, step.told))
        for mine, theirs in pairs:
            assert all(mine.get(key) == value for key, value in theirs.items())
    assert state == State(state.records, state.fixed, state.extra_specs, told=state.told)


@given(st.tuples(CHANGES, CHANGES), CHANGES)
@settings(deadline=None)
def test_changes_after_others_are_both(steps: tuple[Changes, Changes], begin: Changes) -> None:
    one_by_one, at_once = State(), State()
    for state in (one_by_one, at_once):
        state.apply(begin)
    for step in steps:
        one_by_one.apply(step)
    at_once.apply(steps[0].then(steps[1]))
    assert at_once == one_by_one
    assert set(at_once.owners) == set(one_by_one.owners)
    assert bool(steps[0].then(steps[1])) == (bool(steps[0]) or bool(steps[1]))


def test_a_state_is_no_part_of_what_it_was_made_from() -> None:
    row = Record(GUESTS[0], None, None, CpuSet([1]))
    records = {DEVICES[0]: {1: row}}
    state = State(records)
    state.apply(Changes({IrqId(DEVICES[0], 1): None, IrqId(DEVICES[1], 2): row}))
    assert records == {DEVICES[0]: {1: row}}
    assert state.records == {DEVICES[1]: {2: row}}


A, B = guest_id(1), guest_id(2)
IRQ, IRQ2 = IrqId(VF, 40), IrqId(VF2, 50)
FIXED = Fixed("vfio-msix[0](0000:41:00.1)", Verdict.IMMOVABLE)
OLD, NEW = RememberedSpecs("1", "2026-11-20 12:00:00"), RememberedSpecs("2", "2026-11-20 12:00:01")


@pytest.mark.parametrize(
    ("record", "smp", "is_ours"),
    [
        (make_record(written="2-3"), "2-3", True),
        (make_record(written="2-3", previous="9"), "9", True),
        (make_record(written="2-3"), "9", False),
        (make_record(written="2-3"), "", True),
        (make_record(written="2-3"), None, False),
        (make_record(written="2-3", original="9"), "9", False),
        (make_record(written="2", spread_over=cpus("2-4")), "4", True),
        (make_record(written="2", spread_over=cpus("4")), "4", True),
        (make_record(written="2", spread_over=cpus("2-4")), "5", False),
        (make_record(written="2", spread_over=cpus("2-4")), "3-4", False),
    ],
)
def test_what_was_or_may_have_been_written_is_ours(record: Record, smp: str | None, is_ours: bool) -> None:
    assert record.accounts_for(None if smp is None else cpus(smp)) is is_ours


def test_without_a_time_of_arrival_a_payload_was_sent_when_it_says() -> None:
    assert (OLD.sent, OLD.ahead) == ("2026-11-20 12:00:00", timedelta())
    early = sent(AHEAD, RIGHT)
    assert (early.sent, early.ahead) == (f"2026-11-20 {RIGHT}", timedelta(hours=1))
    late = sent(BEHIND, RIGHT)
    assert (late.sent, late.ahead) == (f"2026-11-20 {BEHIND}", -timedelta(hours=1))


def test_a_clock_that_differs_by_the_longest_way_is_the_same_one() -> None:
    first = sent("12:00:00", "12:00:00")
    assert sent("12:00:01", "11:50:01").is_newer_than(first)
    assert not sent("12:00:01", "11:50:00").is_newer_than(first)


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(hours=1), -timedelta(hours=1)])
def test_what_comes_twice_late_and_out_of_order_counts_by_the_clock_of_its_publisher(ahead: timedelta) -> None:
    """A relay that dies leaves what it had handed on to the next one, and a queue may keep it for five minutes."""

    def message(sent_at: int, came_at: int) -> RememberedSpecs:
        noon = datetime(2026, 11, 20, 12)
        timestamp, arrived = noon + ahead + timedelta(minutes=sent_at), noon + timedelta(minutes=came_at)
        return RememberedSpecs("1", f"{timestamp}", "cmp-1", f"{arrived}")

    first, second = message(0, 0), message(1, 1)
    assert second.is_newer_than(first)
    for late in (message(0, 2), message(0, 9)):
        assert not late.is_newer_than(second)
        assert second.is_newer_than(late)
        assert not late.is_newer_than(first)
    assert message(2, 11).is_newer_than(second)


def test_what_was_sent_at_the_same_time_by_two_is_not_newer() -> None:
    first, second = sent(RIGHT, RIGHT), sent(RIGHT, RIGHT, "api-1")
    assert not first.is_newer_than(second)
    assert not second.is_newer_than(first)


def test_changes_follow_each_other_and_the_later_ones_count() -> None:
    first = Changes({IRQ: None, IRQ2: make_record(1)}, {IRQ: FIXED}, {A: OLD, B: OLD})
    second = Changes({IRQ: make_record(2)}, {IRQ: None, IRQ2: FIXED}, {B: NEW})
    assert first.then(second) == Changes(
        {IRQ: make_record(2), IRQ2: make_record(1)}, {IRQ: None, IRQ2: FIXED}, {A: OLD, B: NEW}
    )
    assert first.then(Changes()) == first == Changes().then(first)


def test_changes_are_some_when_one_row_is() -> None:
    some = [Changes({IRQ: None}), Changes(fixed={IRQ: None}), Changes(extra_specs={A: None}), Changes(told={"a": None})]
    assert [bool(changes) for changes in [*some, Changes()]] == [True, True, True, True, False]
    assert [len(changes) for changes in [*some, Changes()]] == [1, 1, 1, 1, 0]


def test_a_state_is_what_was_put_into_it() -> None:
    state = State({VF: {40: make_record(1), 41: make_record(2)}, VF2: {}}, {IRQ: FIXED}, {A: OLD})
    assert state.records == {VF: {40: make_record(1), 41: make_record(2)}}
    assert (state.fixed, state.extra_specs) == ({IRQ: FIXED}, {A: OLD})
    assert (set(state.owners), list(state.devices_of(A)), list(state.devices_of(guest_id(9)))) == ({A, B}, [VF], [])


def test_a_state_takes_nothing_of_what_it_was_made_from() -> None:
    fixed, specs = {IRQ: FIXED}, {A: OLD}
    state = State({}, fixed, specs)
    state.apply(Changes(fixed={IRQ: None}, extra_specs={A: None, B: NEW}))
    assert (fixed, specs) == ({IRQ: FIXED}, {A: OLD})
    assert (state.fixed, state.extra_specs) == ({}, {B: NEW})


def test_rows_come_change_and_go() -> None:
    state = State()
    state.apply(Changes({IRQ: make_record(1), IRQ2: make_record(1)}, {IRQ: FIXED}, {A: OLD}))
    state.apply(Changes({IRQ: make_record(2), IrqId(VF, 41): make_record(1)}, {IRQ2: FIXED}, {A: NEW}))
    assert state == State(
        {VF: {40: make_record(2), 41: make_record(1)}, VF2: {50: make_record(1)}}, {IRQ: FIXED, IRQ2: FIXED}, {A: NEW}
    )
    assert (set(state.devices_of(A)), set(state.devices_of(B))) == ({VF, VF2}, {VF})
    state.apply(Changes({IRQ: None, IRQ2: None, IrqId(VF3, 1): None}, {IRQ: None}, {B: None}))
    assert state == State({VF: {41: make_record(1)}}, {IRQ2: FIXED}, {A: NEW})
    assert (set(state.owners), set(state.devices_of(A))) == ({A}, {VF})
    state.apply(Changes({IrqId(VF, 41): None}))
    assert (state.records, set(state.owners)) == ({}, set())


def test_an_owner_has_a_device_until_its_last_record_of_it_goes() -> None:
    state = State({VF: {40: make_record(1), 41: make_record(1)}})
    state.apply(Changes({IRQ: None}))
    assert list(state.devices_of(A)) == [VF]
    state.apply(Changes({IrqId(VF, 41): make_record(2)}))
    assert (list(state.devices_of(A)), list(state.devices_of(B)), set(state.owners)) == ([], [VF], {B})


def are_same(before: tuple[object, ...], after: tuple[object, ...]) -> list[bool]:
    return [one is other for one, other in zip(before, after, strict=True)]


def test_marks_tell_what_of_which_device_has_changed() -> None:
    state = State({VF: {40: make_record()}})
    before = state.marks([VF, VF2])
    assert are_same(before, state.marks([VF, VF2])) == [True] * 4
    for changes, same in (
        (Changes({IRQ: make_record(2)}), [True, True, False, True]),
        (Changes({IrqId(VF, 41): None}), [True, True, False, True]),
        (Changes({IRQ2: make_record()}), [True, True, True, False]),
        (Changes(fixed={IRQ: FIXED}), [True, False, True, True]),
        (Changes(fixed={IRQ: None}), [True, False, True, True]),
        (Changes(extra_specs={A: NEW}), [True, True, True, True]),
        (Changes(), [True, True, True, True]),
    ):
        before = state.marks([VF, VF2])
        state.apply(changes)
        assert are_same(before, state.marks([VF, VF2])) == same


def test_marks_of_two_states_differ() -> None:
    one, other = State(), State()
    assert are_same(one.marks([VF]), other.marks([VF])) == [False] * 3
    assert len(one.marks([])) == 2


@pytest.mark.parametrize(
    "other",
    [
        State(),
        State({VF: {40: make_record(2)}}, {IRQ: FIXED}, {A: OLD}),
        State({VF: {40: make_record()}}),
        State({VF: {40: make_record()}}, {IRQ: FIXED}, {A: OLD}, told={"a.sock": told(1)}),
    ],
)
def test_states_are_told_apart_by_all_that_they_hold(other: State) -> None:
    state = State({VF: {40: make_record()}}, {IRQ: FIXED}, {A: OLD})
    assert state != other
    assert state == State({VF: {40: make_record()}}, {IRQ: FIXED}, {A: OLD})
    assert state != ({VF: {40: make_record()}}, {IRQ: FIXED}, {A: OLD})
    assert repr(state).startswith("State({")


DEFAULT_RECORD = make_record(original="0-15", written="0-3", owner=HOST, driver=None)


def test_a_state_finds_the_record_of_the_default_affinity() -> None:
    state = State()
    assert state.default is None
    state.apply(Changes({DEFAULT: DEFAULT_RECORD, IRQ: make_record()}))
    assert state.default == DEFAULT_RECORD
    assert set(state.owners) == {HOST, A}
    state.apply(Changes({DEFAULT: None}))
    assert (state.default, set(state.owners)) == (None, {A})
