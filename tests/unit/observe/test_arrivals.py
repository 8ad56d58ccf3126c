# SPDX-License-Identifier: Apache-2.0
"""What arrives is the difference of the kernel's counts, within one life of an interrupt."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.model.arrivals import Interval, KernelOwn
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.observe.arrivals import ArrivalCounter
from irqaffinity.observe.root import HostRoot, HostUnreadable
from tests.fakes.counts import Counts
from tests.fakes.host import FakeHost

ONLINE = "0-2,4"
POSSIBLE = "0-5"


class Clock:
    """Goes two seconds on with each look."""

    now = 100.0

    def __call__(self) -> float:
        self.now += 2.0
        return self.now


@pytest.fixture(params=["table", "files"])
def source(request: pytest.FixtureRequest) -> str:
    """Which of the kernel's two places is there."""
    found: str = request.param
    return found


@pytest.fixture
def counts(host: FakeHost, source: str) -> Counts:
    made = Counts(host, ONLINE, POSSIBLE)
    made.writes_table, made.writes_files = source == "table", source == "files"
    made.add(24, "eth0", {0: 7, 4: 1})
    made.add(25, "eth1")
    made.write()
    return made


@pytest.fixture
def counter(host: FakeHost, counts: Counts) -> ArrivalCounter:
    """A counter that has read once."""
    made = ArrivalCounter(host.root, Clock())
    assert made.read() == Interval()
    return made


def test_what_arrived_is_told_by_cpu_with_the_names_of_what_arrived(counter: ArrivalCounter, counts: Counts) -> None:
    counts.arrive(24, 4, 30)
    counts.arrive(24, 1)
    counts.write()
    assert counter.read() == Interval(2.0, {24: {1: 1, 4: 30}, 25: {}}, {24: "eth0"})
    assert counter.read() == Interval(2.0, {24: {}, 25: {}}, {})


def test_a_count_goes_round_after_32_bits(counter: ArrivalCounter, counts: Counts) -> None:
    counts.interrupts[24].arrived[4] = (1 << 32) - 1
    counts.write()
    counter.read()
    counts.arrive(24, 4, 3)
    assert counts.interrupts[24].arrived[4] == 2
    counts.write()
    assert counter.read().arrived[24] == {4: 3}


def test_an_interrupt_whose_count_fell_begins_anew(counter: ArrivalCounter, counts: Counts) -> None:
    counts.add(24, "eth0", {1: 5})
    counts.write()
    assert counter.read().arrived == {25: {}}
    counts.arrive(24, 1, 2)
    counts.write()
    assert counter.read().arrived == {24: {1: 2}, 25: {}}


def test_one_whose_count_fell_begins_anew_also_where_the_readings_are_a_day_apart(
    counter: ArrivalCounter, counts: Counts
) -> None:
    counter._clock.now += 86400.0  # type: ignore[attr-defined]
    counts.arrive(24, 0, -7)
    counts.arrive(25, 0, 7)
    counts.write()
    assert counter.read().arrived == {25: {0: 7}}


def test_one_that_is_there_for_the_first_time_is_only_remembered(counter: ArrivalCounter, counts: Counts) -> None:
    counts.add(26, "new", {1: 5})
    counts.write()
    assert 26 not in counter.read().arrived
    counts.arrive(26, 1)
    counts.write()
    assert counter.read().arrived[26] == {1: 1}


def test_no_rate_is_more_than_a_cpu_can_serve(counter: ArrivalCounter, counts: Counts) -> None:
    counts.arrive(24, 0, 5_000_000)
    counts.write()
    assert 24 not in counter.read().arrived


def test_another_handler_of_the_same_number_is_another_interrupt(host: FakeHost) -> None:
    counts = Counts(host, ONLINE)
    counts.add(24, "eth0", {0: 7})
    counts.write()
    counter = ArrivalCounter(host.root, Clock())
    counter.read()
    counts.add(24, "vfio-msix[0](0000:41:00.1)", {0: 9})
    counts.write()
    assert counter.read().arrived == {}


def test_under_another_name_of_its_life_it_begins_anew(counter: ArrivalCounter, counts: Counts) -> None:
    counter.read({24: "vf0", 25: "vf1"})
    counts.arrive(24, 0)
    counts.arrive(25, 0)
    counts.write()
    assert counter.read({24: "vf2", 25: "vf1"}).arrived == {25: {0: 1}}


def test_a_cpu_that_comes_or_goes_between_two_readings_counts_in_neither(
    counter: ArrivalCounter, counts: Counts, source: str
) -> None:
    counts.online = counts.online.parse("0,2-4")
    for cpu in (0, 1, 3):
        counts.arrive(24, cpu, 10)
    counts.write()
    everywhere = {0: 10, 1: 10, 3: 10}
    assert counter.read().arrived[24] == ({0: 10} if source == "table" else everywhere)


def test_a_row_of_the_same_counts_on_other_cpus_is_another_row(host: FakeHost) -> None:
    counts = Counts(host, "0-2")
    counts.add(24, "eth0", {1: 9, 2: 4, 3: 4})
    counts.write()
    counter = ArrivalCounter(host.root, Clock())
    counter.read()
    counts.arrive(24, 2, 5)
    counts.online = counts.online.parse("0,2-3")
    counts.write()
    assert counter.read().arrived == {24: {2: 5}}


def test_a_cpu_that_comes_while_the_rows_are_written_makes_them_unknown(host: FakeHost) -> None:
    counts = Counts(host, "0-1")
    counts.add(24, "eth0", {0: 7})
    counts.add(25, "eth1", {0: 7})
    counts.write()
    counter = ArrivalCounter(host.root, Clock())
    counter.read()
    path = host.proc / "interrupts"
    head, row, other, *rest = path.read_text().split("\n")
    more = row.replace("7          0", "8          0          3")
    fewer = other.replace("7          0", "8")
    path.write_text("\n".join([head, more, fewer, *rest]))
    assert counter.read().arrived == {}


def test_a_list_that_is_cut_at_the_page_is_unknown(host: FakeHost) -> None:
    counts = Counts(host, "0-3")
    counts.writes_table = False
    counts.add(24, "eth0", {0: 7})
    counts.add(25, "eth1")
    counts.write()
    path = host.sys / "kernel/irq/24/per_cpu_count"
    counter = ArrivalCounter(host.root, Clock())
    for cut in ("7,0,0\n", "7,0,0,0"):
        path.write_text(cut)
        counter.read()
        assert counter.read().arrived == {25: {}}


def test_after_a_cut_list_the_table_is_read(host: FakeHost) -> None:
    counts = Counts(host, "0-3")
    for number in range(24, 60):
        host.add_interrupt(number, "0")
        counts.add(number, "eth0", {0: 7})
    counts.write()
    counter = ArrivalCounter(host.root, Clock())
    (host.sys / "kernel/irq/24/per_cpu_count").write_text("7,0,0\n")
    counter.read({24: "", 25: ""})
    counter.read({24: "", 25: ""})
    counts.arrive(24, 3, 5)
    counts.write()
    assert counter.read({24: "", 25: ""}).arrived == {24: {3: 5}, 25: {}}


@pytest.mark.parametrize(("wanted", "opened"), [(2, "per_cpu_count"), (30, "interrupts")])
def test_few_interrupts_are_read_by_their_files_and_many_by_the_table(host: FakeHost, wanted: int, opened: str) -> None:
    counts = Counts(host, "0-3")
    for number in range(24, 60):
        host.add_interrupt(number, "0")
        counts.add(number, "eth0")
    counts.write()
    paths: list[str] = []
    host.called = lambda call, path: paths.append(path) if call == "open" else None  # type: ignore[method-assign]
    ArrivalCounter(host.root).read(dict.fromkeys(range(24, 24 + wanted), ""))
    assert {path.rsplit("/", 1)[-1] for path in paths} - {"possible"} == {opened}


def test_without_either_place_the_next_step_is_told(host: FakeHost) -> None:
    with pytest.raises(HostUnreadable, match=r"interrupts cannot be read \(No such file.*\): point --proc"):
        ArrivalCounter(host.root).read()


Step = tuple[str, int, int, int]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "born", "renamed", "look"]),
        st.integers(24, 26),
        st.integers(0, 3),
        st.integers(1, 2_000_000),
    ),
    max_size=40,
)


class Truth:
    """Who arrived where since the last look, told by whoever made it arrive; lives are counted, never compared."""

    def __init__(self) -> None:
        self.arrived: dict[int, dict[int, int]] = {}
        self.lives: dict[int, int] = {}
        self.seen: dict[int, int] = {}

    def look(self) -> Mapping[int, dict[int, int]]:
        """Return what arrived of the interrupts that were there at the last look as well."""
        known = {
            number: {cpu: count for cpu, count in self.arrived.get(number, {}).items() if count}
            for number, life in self.lives.items()
            if self.seen.get(number) == life
        }
        self.arrived, self.seen = {}, dict(self.lives)
        return known


@given(steps=STEPS, has_table=st.booleans(), start=st.sampled_from([0, 1000, (1 << 32) - 1_000_000]))
def test_arrivals_are_those_that_were_made_within_one_life(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step], has_table: bool, start: int
) -> None:
    host = FakeHost(tmp_path_factory.mktemp("host"))
    counts, truth = Counts(host, "0-3"), Truth()
    counts.writes_table, counts.writes_files = has_table, not has_table
    counter = ArrivalCounter(host.root, Clock())
    for number in (24, 25):
        counts.add(number, "first", {0: start})
        truth.lives[number] = 1
    for what, number, cpu, count in [*steps, ("look", 0, 0, 0)]:
        if what == "arrive" and number in counts.interrupts:
            counts.arrive(number, cpu, min(count, 3_000_000 - truth.arrived.get(number, {}).get(cpu, 0)))
            of_irq = truth.arrived.setdefault(number, {})
            of_irq[cpu] = min(of_irq.get(cpu, 0) + count, 3_000_000)
        elif what in ("born", "renamed"):
            # the table alone shows other handlers of a new life; both show a count that fell
            is_told = has_table or sum(counts.interrupts[number].arrived.values() if number in truth.lives else ()) > 0
            name = f"life {truth.lives.get(number, 0) + 1}" if has_table else "same"
            if is_told or number not in truth.lives:
                counts.add(number, name)
                truth.lives[number] = truth.lives.get(number, 0) + 1
                truth.arrived.pop(number, None)
        elif what == "look":
            counts.write()
            found, all_of_life = counter.read().arrived, truth.arrived
            expected = truth.look()
            assert {number: found[number] for number in found.keys() & expected.keys()} == expected
            if has_table:
                assert found.keys() == expected.keys()
            elif start < 1_000_000:  # above, a count of one CPU alone that fell may also have gone round
                for irq, arrived in found.items():
                    made = all_of_life.get(irq, {})
                    assert all(0 <= count <= made.get(cpu, 0) for cpu, count in arrived.items())


def test_this_machine_tells_the_same_in_both_places() -> None:
    root = HostRoot()
    table, files = ArrivalCounter(root), ArrivalCounter(HostRoot("/nowhere", "/sys"))
    table.read()
    files.read()
    assert set(table.numbers) <= set(files.numbers)
    assert table.read().arrived


@pytest.mark.parametrize("source", ["table"], indirect=True)
def test_rows_without_a_number_are_counted_by_their_word_on_request(counter: ArrivalCounter, counts: Counts) -> None:
    counts.timer[2] += 500
    counts.timer[4] += 3
    counts.write()
    assert counter.read().kernel == {"LOC": KernelOwn("Local timer interrupts", {2: 500, 4: 3})}
    assert counter.read().kernel == {}
    counts.timer[2] += 500
    counts.write()
    assert counter.read({24: ""}).kernel == {}


@pytest.mark.parametrize("source", ["table"], indirect=True)
def test_a_cpu_that_has_come_has_no_timer_of_before(counter: ArrivalCounter, counts: Counts) -> None:
    counts.online = CpuSet.parse("0-4")
    counts.timer |= {1: 8, 3: 9000}
    counts.write()
    assert counter.read().kernel == {"LOC": KernelOwn("Local timer interrupts", {1: 7})}
