# SPDX-License-Identifier: Apache-2.0
"""What holds for every host whose interrupts are kept off guests' CPUs, in a small model of the kernel."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.isolation import Kept
from irqaffinity.model.record import State
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.isolate import IsolationPlan, give_back_all
from irqaffinity.plan.policy import Isolation, IsolationMode
from tests.fakes.kernel import Kernel

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]
Steps = list[tuple[CpuSet, list[tuple[int | None, CpuSet | None]], frozenset[int], frozenset[int]]]
"""Kept CPUs, births by node and affinity, numbers whose writes are refused, and numbers that end."""

ALL = CpuSet(range(8))
NODES = {0: CpuSet(range(4)), 1: CpuSet(range(4, 8))}
HOUSEKEEPING = CpuSet([0, 4])
GUESTS = ALL - HOUSEKEEPING
ENFORCE = Isolation(mode=IsolationMode.ENFORCE, minimum=1)

examples = settings(deadline=None, max_examples=200)

cpu_sets = st.integers(1, 255).map(CpuSet.from_mask)
kept_sets = st.sampled_from([CpuSet(), CpuSet([7]), CpuSet([6, 7]), CpuSet([2, 3]), GUESTS]) | st.integers(0, 255).map(
    lambda mask: CpuSet.from_mask(mask) & GUESTS
)
nodes = st.sampled_from([None, 0, 1])
capacities = st.sampled_from([4, 8, 200])
defaults = st.sampled_from([ALL, ALL, ALL - CpuSet([1]), NODES[1]])
likely = st.sampled_from(
    [ALL, ALL - CpuSet([7]), ALL - CpuSet([6, 7]), *NODES.values(), CpuSet([5]), CpuSet([0]), GUESTS]
)


@st.composite
def kernels(draw: Draw) -> Kernel:
    kernel = Kernel(Topology(ALL, NODES), draw(defaults), draw(capacities))
    for number in range(20, 20 + draw(st.integers(0, 8))):
        kernel.bear(number, draw(nodes), draw(likely | cpu_sets | st.none()), writable=draw(st.integers(0, 4)) > 0)
    return kernel


def keep(cpus: CpuSet) -> Kept:
    return Kept({cpu: (GuestId("one"),) for cpu in cpus}, cpus)


def writes(plan: IsolationPlan) -> list[int]:
    return [each.number for each in plan.actions if each.foregone is None and each.current != each.target]


def check(kernel: Kernel, plan: IsolationPlan, kept: CpuSet, before: dict[int, int]) -> None:
    """Check what has to hold after a plan was carried out without a refusal."""
    full = {each.number for each in plan.actions if each.foregone is Verdict.NO_VECTOR}
    used = kernel.used()
    for number, line in kernel.lines.items():
        assert line.smp & kernel.topology.online or not line.writable
        if line.writable and number not in full and plan.trouble is None:
            assert not line.smp & kept, number
            assert not line.effective & kept, number
    for cpu in kernel.topology.online:
        is_back_home = any(each.is_release for each in plan.actions)
        assert is_back_home or 2 * used[cpu] <= kernel.capacity or used[cpu] <= before[cpu], cpu


@examples
@given(kernels(), kept_sets, st.sampled_from([HOUSEKEEPING, CpuSet([0]), CpuSet([0, 1, 2]), CpuSet()]))
def test_no_movable_interrupt_can_come_to_a_kept_cpu_and_no_cpu_gets_full(
    kernel: Kernel, kept: CpuSet, housekeeping: CpuSet
) -> None:
    state, before = State(), kernel.used()
    plan = kernel.plan(keep(kept), housekeeping, state, ENFORCE)
    kernel.carry_out(plan, state)
    check(kernel, plan, kept, before)
    assert (plan.trouble is None) == (not kept or bool(housekeeping - kept))
    if plan.trouble is None:
        assert not kernel.default & kept
    assert set(kernel.writes) <= {DEFAULT.number, *(irq for records in state.records.values() for irq in records)}

    again = kernel.plan(keep(kept), housekeeping, state, ENFORCE)
    if not any(each.foregone for each in plan.actions):
        assert (writes(again), bool(again.changes)) == ([], False)


@st.composite
def steps(draw: Draw) -> Steps:
    births = st.lists(st.tuples(nodes, st.none() | likely), max_size=2)
    some = st.frozensets(st.sampled_from([DEFAULT.number, *range(20, 40)]), max_size=4) | st.just(frozenset())
    return draw(st.lists(st.tuples(kept_sets, births, some, some), min_size=1, max_size=6))


@examples
@given(kernels(), kept_sets, cpu_sets, kept_sets)
def test_cpus_that_go_offline_are_followed_and_not_fought_over(
    kernel: Kernel, kept: CpuSet, lost: CpuSet, kept_then: CpuSet
) -> None:
    state = State()
    kernel.carry_out(kernel.plan(keep(kept), HOUSEKEEPING, state, ENFORCE), state)
    kernel.take_offline(lost - CpuSet([4]))
    for _ in range(2):
        before = kernel.used()
        plan = kernel.plan(keep(kept_then), HOUSEKEEPING, state, ENFORCE)
        kernel.carry_out(plan, state)
        check(kernel, plan, kept_then, before)
    again = kernel.plan(keep(kept_then), HOUSEKEEPING, state, ENFORCE)
    if not any(each.foregone for each in plan.actions):
        assert (writes(again), bool(again.changes)) == ([], False)


def bear(kernel: Kernel, state: State, births: list[tuple[int | None, CpuSet | None]]) -> None:
    """Make interrupts; nobody can tell one that is born with a mask like the narrowed default from others."""
    known = state.records.get(DEFAULT.device, {}).get(DEFAULT.number)
    narrowed = {cpus for cpus in (kernel.default, known and known.written, known and known.previous) if cpus}
    alike = narrowed | {cpus & on_node for cpus in narrowed for on_node in NODES.values()}
    for node, own in births:
        kernel.bear(max(kernel.lines, default=19) + 1, node, None if own in alike else own)


@examples
@given(kernels(), steps())
def test_guests_come_and_go_and_every_original_comes_back(kernel: Kernel, steps: Steps) -> None:
    state = State()
    for kept, births, refused, ended in steps:
        before = kernel.used()
        plan = kernel.plan(keep(kept), HOUSEKEEPING, state, ENFORCE)
        kernel.carry_out(plan, state, refused)
        if not refused:
            check(kernel, plan, kept, before)
        bear(kernel, state, births)
        for number in ended & kernel.lines.keys():
            del kernel.lines[number]
    for _ in range(2):
        kernel.carry_out(kernel.plan(keep(CpuSet()), HOUSEKEEPING, state, ENFORCE), state)
    assert {number: line.smp for number, line in kernel.lines.items()} == {
        number: line.own for number, line in kernel.lines.items()
    }
    assert (kernel.default, state) == (kernel.wide, State())


@examples
@given(kernels(), steps())
def test_reset_gives_back_every_original_at_once(kernel: Kernel, steps: Steps) -> None:
    state = State()
    for kept, births, refused, _ in steps:
        kernel.carry_out(kernel.plan(keep(kept), HOUSEKEEPING, state, ENFORCE), state, refused)
        bear(kernel, state, births)
    kernel.carry_out(give_back_all(kernel.read(), kernel.topology, state, kernel.default), state)
    assert {number: line.smp for number, line in kernel.lines.items()} == {
        number: line.own for number, line in kernel.lines.items()
    }
    assert (kernel.default, state) == (kernel.wide, State())
