# SPDX-License-Identifier: Apache-2.0
"""How long an interrupt without a free vector, or one that is fought over, is left in peace."""

import pytest

from irqaffinity.apply.backoff import FIRST, LONGEST, Backoff
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import Verdict

IRQ = IrqId(PciAddress.parse("0000:81:00.2"), 40)
OTHER = IrqId(IRQ.device, 41)
TARGET, ELSEWHERE = CpuSet([9]), CpuSet([10])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backoff(clock: Clock) -> Backoff:
    return Backoff(clock)


def measure(backoff: Backoff, clock: Clock, irq: IrqId = IRQ) -> float:
    """Let the wait of an interrupt pass, and return how many seconds it took."""
    start = clock.now
    while backoff.holds(irq, TARGET) and clock.now - start < 2 * LONGEST:
        clock.now += 60
    return clock.now - start


def test_the_wait_doubles_from_one_minute_to_an_hour(backoff: Backoff, clock: Clock) -> None:
    waits = []
    for _ in range(8):
        backoff.failed(IRQ, TARGET)
        waits.append(measure(backoff, clock) / 60)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_it_is_held_until_the_wait_is_over_and_no_longer(backoff: Backoff, clock: Clock) -> None:
    backoff.failed(IRQ, TARGET)
    clock.now += FIRST - 0.001
    assert backoff.holds(IRQ, TARGET) is Verdict.NO_VECTOR
    clock.now += 0.001
    assert backoff.holds(IRQ, TARGET) is None


def test_another_target_is_tried_at_once_and_starts_anew(backoff: Backoff, clock: Clock) -> None:
    for _ in range(2):
        backoff.failed(IRQ, TARGET)
    assert backoff.holds(IRQ, ELSEWHERE) is None
    backoff.failed(IRQ, ELSEWHERE)
    assert backoff.holds(IRQ, TARGET) is None
    clock.now += FIRST
    assert backoff.holds(IRQ, ELSEWHERE) is None


def test_interrupts_do_not_wait_for_each_other(backoff: Backoff) -> None:
    backoff.failed(IRQ, TARGET)
    assert backoff.holds(OTHER, TARGET) is None


def test_what_is_no_longer_refused_is_forgotten(backoff: Backoff) -> None:
    backoff.forget([IRQ])
    backoff.failed(IRQ, TARGET)
    backoff.failed(OTHER, TARGET)
    backoff.forget([IrqId(IRQ.device, 42), OTHER])
    assert (backoff.holds(IRQ, TARGET), backoff.holds(OTHER, TARGET)) == (Verdict.NO_VECTOR, None)
    backoff.forget([IRQ])
    assert backoff.holds(IRQ, TARGET) is None


@pytest.mark.parametrize(("silence", "length"), [(LONGEST - 1, 2 * FIRST), (LONGEST, FIRST)])
def test_a_wait_that_is_over_is_remembered_for_another_hour(
    backoff: Backoff, clock: Clock, silence: float, length: float
) -> None:
    """Whoever is tried less often than others fail doubles its wait all the same."""
    backoff.failed(IRQ, TARGET)
    clock.now += FIRST + silence
    backoff.failed(OTHER, TARGET)
    backoff.failed(IRQ, TARGET)
    assert measure(backoff, clock) == length


def test_a_fight_is_held_for_just_its_time(backoff: Backoff, clock: Clock) -> None:
    backoff.hold(IRQ, TARGET, 60.0)
    assert (backoff.holds(IRQ, ELSEWHERE), backoff.holds(OTHER, TARGET)) == (None, None)
    clock.now += 59.999
    assert backoff.holds(IRQ, TARGET) is Verdict.PENDING
    clock.now += 0.001
    assert backoff.holds(IRQ, TARGET) is None


def test_each_fight_has_its_own_time(backoff: Backoff, clock: Clock) -> None:
    backoff.hold(IRQ, TARGET, 60.0)
    clock.now += 59.0
    backoff.hold(OTHER, TARGET, 60.0)
    assert backoff.holds(IRQ, TARGET) is Verdict.PENDING
    clock.now += 1.0
    assert (backoff.holds(IRQ, TARGET), backoff.holds(OTHER, TARGET)) == (None, Verdict.PENDING)


def test_a_fight_that_is_held_anew_has_a_new_time(backoff: Backoff, clock: Clock) -> None:
    backoff.hold(IRQ, TARGET, 60.0)
    clock.now += 60.0
    backoff.hold(IRQ, TARGET, 60.0)
    assert backoff.holds(IRQ, TARGET) is Verdict.PENDING


def test_an_event_lifts_fights_and_leaves_waits(backoff: Backoff) -> None:
    backoff.hold(IRQ, TARGET, 60.0)
    backoff.failed(OTHER, TARGET)
    backoff.lift()
    assert (backoff.holds(IRQ, TARGET), backoff.holds(OTHER, TARGET)) == (None, Verdict.NO_VECTOR)


def test_without_a_vector_it_says_so_also_in_a_fight(backoff: Backoff) -> None:
    backoff.hold(IRQ, TARGET, 60.0)
    backoff.failed(IRQ, TARGET)
    assert backoff.holds(IRQ, TARGET) is Verdict.NO_VECTOR


def test_fights_that_are_over_take_no_memory(backoff: Backoff, clock: Clock) -> None:
    for number in range(3):
        backoff.hold(IrqId(IRQ.device, number), TARGET, 60.0)
        clock.now += 60.0
    assert len(backoff._fights) == 1
    backoff.hold(IRQ, TARGET, 60.0)
    backoff.hold(OTHER, TARGET, 60.0)
    assert set(backoff._fights) == {IRQ, OTHER}
