# SPDX-License-Identifier: Apache-2.0
"""Which interrupts come to whose CPUs without being theirs."""

from typing import Any

import pytest

from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.isolation import HostInterrupt, Kept
from irqaffinity.model.record import Fixed
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.intruders import find_intruders, guests_intruders
from tests.fakes.snapshots import VF, VF2, cpus, guest_id

ONE, TWO = guest_id(1), guest_id(2)
KEPT = Kept({2: (ONE,), 3: (ONE,), 4: (ONE, TWO), 5: (TWO,)}, cpus("2-5"))


def found(number: int = 40, smp: str | None = "0-7", effective: str | None = "2", **more: Any) -> HostInterrupt:
    interrupt = Interrupt(number, None if smp is None else cpus(smp), None if effective is None else cpus(effective))
    return HostInterrupt(interrupt._replace(**{"action": "nvme0q0", **more}), VF, "nvme", 0)


@pytest.mark.parametrize(
    ("smp", "effective", "comes_to", "guests"),
    [
        ("0-7", "2", "2", (ONE,)),
        ("0-7", "4", "4", (ONE, TWO)),
        ("0-7", "2-5", "2-5", (ONE, TWO)),
        ("0-7", None, "2-5", (ONE, TWO)),
        ("0,5", None, "5", (TWO,)),
    ],
)
def test_an_intruder_is_on_the_cpu_that_serves_it_or_else_on_all_that_may(
    smp: str, effective: str | None, comes_to: str, guests: tuple[str, ...]
) -> None:
    intruder = find_intruders(KEPT, [found(smp=smp, effective=effective)], {}, {})[0]
    assert (intruder.cpus, intruder.guests) == (cpus(comes_to), guests)
    assert (intruder.number, intruder.name, intruder.device, intruder.owner) == (40, "nvme0q0", VF, None)
    assert (intruder.is_movable, intruder.target, intruder.verdict, intruder.arrived) == (True, None, None, None)


@pytest.mark.parametrize(
    ("smp", "effective"),
    [("0-7", "0"), ("0-7", ""), ("0-1,6", None), (None, None)],
    ids=["served-elsewhere", "not-started", "may-not", "unread"],
)
def test_what_comes_to_no_kept_cpu_is_no_intruder(smp: str | None, effective: str | None) -> None:
    assert find_intruders(KEPT, [found(smp=smp, effective=effective)], {}, {}) == ()


def test_intruders_are_sorted_by_number_and_have_their_target() -> None:
    intruders = find_intruders(KEPT, [found(41), found(40)], {}, {40: cpus("0-1")})
    assert [(intruder.number, intruder.target) for intruder in intruders] == [(40, cpus("0-1")), (41, None)]


def test_what_nobody_can_move_says_so() -> None:
    fixed = {IrqId(VF, 41): Fixed("nvme0q0", Verdict.IMMOVABLE, True), IrqId(VF, 42): Fixed("older", Verdict.MANAGED)}
    intruders = find_intruders(KEPT, [found(40, writable=False), found(41), found(42)], fixed, {})
    assert [(intruder.is_movable, intruder.verdict) for intruder in intruders] == [
        (False, Verdict.MANAGED),
        (False, Verdict.IMMOVABLE),
        (True, None),
    ]


def test_a_guest_intrudes_on_others_cpus_and_not_on_one_that_is_its_own_too() -> None:
    def of(number: int, effective: str, *, writable: bool = True) -> Interrupt:
        return Interrupt(number, cpus("0-7"), cpus(effective), writable, f"vfio-msix[0]({VF2})")

    intruders = guests_intruders(
        KEPT,
        [
            (TWO, of(53, "2", writable=False), VF2),
            (TWO, of(52, "3-4"), VF2),
            (TWO, of(51, "4"), VF2),
            (ONE, of(50, "5"), VF),
            (ONE, of(49, "0"), VF),
        ],
    )
    assert [(each.number, each.owner, str(each.cpus), each.guests, each.verdict) for each in intruders] == [
        (50, ONE, "5", (TWO,), None),
        (52, TWO, "3", (ONE,), None),
        (53, TWO, "2", (ONE,), Verdict.IMMOVABLE),
    ]
    assert [each.is_movable for each in intruders] == [True, True, False]
    assert intruders[0].name == f"vfio-msix[0]({VF2})"
