# SPDX-License-Identifier: Apache-2.0
"""Each cause, by what is known of a guest before and now."""

from dataclasses import replace

import pytest

from irqaffinity.guests.cause import HOST_TABLE, Grounds, Occasion, find_cause, find_causes, find_deferred_cause
from irqaffinity.guests.drift import Drift
from irqaffinity.model.action import Action, Result
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record
from irqaffinity.model.verdict import Cause, DeviceReason, Status, Verdict
from irqaffinity.plan.guests import GuestPlan, MaskSource
from irqaffinity.plan.plan import Decision
from irqaffinity.plan.policy import Policy, WithoutMask
from irqaffinity.plan.targets import DevicePlan
from tests.fakes.snapshots import VF, VF2, cpus, guest_id, make_record

A = guest_id(1)
IRQ = IrqId(VF, 40)
SET = Result(Action(40, VF, A, cpus("0-15"), None, cpus("2-3")), Verdict.SET, cpus("2-3"), cpus("2-3"), None)
SET = SET._replace(was_written=True)
OK = SET._replace(verdict=Verdict.OK, was_written=False)
FAILED = SET._replace(verdict=Verdict.NO_VECTOR, was_written=False)
FREED = SET._replace(action=SET.action._replace(is_release=True))


def grounds(
    *devices: PciAddress,
    pins: tuple[int, ...] | None = (2, 3),
    mask: str | None = None,
    source: MaskSource = MaskSource.METADATA,
    policy: Policy = Policy(),
    reason: DeviceReason | None = None,
) -> Grounds:
    chosen = None if pins is None else dict(enumerate(pins))
    status = Status.SHARED_CPUS if pins is None else Status.PLACED
    guest = GuestPlan(A, "vm", status, mask=mask, mask_source=source, chosen=chosen)
    plans = tuple(DevicePlan(device, A, 0, "vfio-pci", reason=reason) for device in devices or (VF,))
    return Grounds(policy, Decision(guest, plans, {}))


def drift(*, is_fight: bool = False, is_news: bool = True) -> dict[IrqId, Drift]:
    return {IRQ: Drift(IRQ, A, cpus("2-3"), is_fight, is_news)}


SAME = Occasion(before=grounds(), now=grounds(), places={IRQ: cpus("2-3")})
"""An interrupt that was in its place at the last pass, and nothing has changed for its guest."""

OTHER_POLICY = replace(SAME, now=grounds(policy=Policy(without_mask=WithoutMask.SKIP)))
OTHER_MASK = replace(SAME, now=grounds(mask="0"))
NOW_HEARD = replace(SAME, before=grounds(source=MaskSource.NONE), now=grounds(source=MaskSource.NOTIFICATION))
OTHER_PINS = replace(SAME, now=grounds(pins=(4, 5)))
ATTACHED = replace(SAME, before=grounds(VF2), now=grounds(VF, VF2), places={})
DETACHED = replace(SAME, now=grounds(VF2))
NEW_GUEST = Occasion(now=grounds())
GONE = Occasion(is_gone=True, before=grounds(), now=grounds())

CASES: dict[str, tuple[Result, Occasion, Cause | None]] = {
    "nothing was done": (OK, Occasion(Cause.START), None),
    "it begins to fail": (FAILED, SAME, Cause.ERROR),
    "it begins to fail in the first pass": (FAILED, Occasion(Cause.START), Cause.ERROR),
    "it fails still": (FAILED, replace(SAME, failing={IRQ}), None),
    "it works again": (SET, replace(SAME, failing={IRQ}), Cause.RECOVERED),
    "another one has failed": (SET, replace(SAME, failing={IrqId(VF, 41)}), Cause.BIRTH),
    "it works again at its birth": (SET, Occasion(Cause.BIRTH, failing={IRQ}), Cause.RECOVERED),
    "first pass": (SET, Occasion(Cause.START, now=grounds()), Cause.START),
    "first pass, of a guest that has ended": (FREED, replace(GONE, of_pass=Cause.START), Cause.GONE),
    "first pass, of a device that has left": (FREED, replace(DETACHED, of_pass=Cause.START), Cause.START),
    "command line": (SET, replace(SAME, of_pass=Cause.AUDIT), Cause.AUDIT),
    "command line, of a guest that has ended": (FREED, replace(GONE, of_pass=Cause.AUDIT), Cause.GONE),
    "reset": (FREED, replace(SAME, of_pass=Cause.RESET), Cause.RESET),
    "reset, of a guest that has ended": (FREED, replace(GONE, of_pass=Cause.RESET), Cause.RESET),
    "born": (SET, Occasion(Cause.BIRTH), Cause.BIRTH),
    "guest has ended": (FREED, GONE, Cause.GONE),
    "guest is new": (SET, NEW_GUEST, Cause.BIRTH),
    "new at a look": (SET, replace(SAME, places={}), Cause.BIRTH),
    "born again in a guest that settles": (SET, SAME, Cause.BIRTH),
    "drifted": (SET, replace(SAME, drifted=drift()), Cause.DRIFT),
    "drifted while the configuration changed": (SET, replace(OTHER_POLICY, drifted=drift()), Cause.DRIFT),
    "fought over": (SET, replace(SAME, drifted=drift(is_fight=True)), Cause.FIGHT),
    "fought over still": (SET, replace(SAME, drifted=drift(is_fight=True, is_news=False)), None),
    "device attached": (SET, ATTACHED, Cause.DEVICE),
    "device detached": (FREED, DETACHED, Cause.DEVICE),
    "configuration": (SET, OTHER_POLICY, Cause.CONFIG),
    "excluded by the configuration": (FREED, OTHER_POLICY, Cause.CONFIG),
    "included by the configuration": (SET, replace(OTHER_POLICY, places={}), Cause.CONFIG),
    "mask": (SET, OTHER_MASK, Cause.MASK),
    "mask leaves nothing": (FREED, OTHER_MASK, Cause.MASK),
    "the specs have come": (SET, replace(NOW_HEARD, places={}), Cause.MASK),
    "pins": (SET, OTHER_PINS, Cause.PINS),
    "pins are shared now": (FREED, replace(SAME, now=grounds(pins=None)), Cause.PINS),
    "pins are dedicated now": (SET, replace(SAME, before=grounds(pins=None), places={}), Cause.PINS),
    "another target by the same pins": (SET, replace(SAME, places={IRQ: cpus("2")}), Cause.PINS),
    "given back late": (FREED, SAME, Cause.PINS),
    "a hold has ended": (SET, replace(SAME, drifted=drift(), deferred={IRQ}), Cause.HOLD),
    "a hold has ended, by the command line": (SET, replace(SAME, of_pass=Cause.AUDIT, deferred={IRQ}), Cause.HOLD),
    "a hold has ended after its guest": (FREED, replace(GONE, of_pass=Cause.START, deferred={IRQ}), Cause.HOLD),
    "a hold of another one has ended": (SET, replace(SAME, deferred={IrqId(VF, 41)}), Cause.BIRTH),
    "reset, after a hold": (FREED, replace(SAME, of_pass=Cause.RESET, deferred={IRQ}), Cause.RESET),
}


@pytest.mark.parametrize(("result", "occasion", "cause"), CASES.values(), ids=CASES)
def test_the_first_line_that_applies_decides(result: Result, occasion: Occasion, cause: Cause | None) -> None:
    assert find_cause(result, occasion) is cause
    assert list(find_causes([result], occasion)) == ([] if cause is None else [(result, cause)])


HOST_CASES: dict[str, tuple[Result, Occasion, Cause | None]] = {
    "nothing was done": (OK, Occasion(), None),
    "it begins to fail": (FAILED, Occasion(), Cause.ERROR),
    "it fails still": (FAILED, Occasion(failing={IRQ}), None),
    "it works again": (SET, Occasion(failing={IRQ}, has_new_policy=True), Cause.RECOVERED),
    "a guest has come": (SET, Occasion(), Cause.ISOLATION),
    "a guest has gone": (FREED, Occasion(), Cause.ISOLATION),
    "reset": (FREED, Occasion(Cause.RESET, failing={IRQ}), Cause.RESET),
    "drifted": (SET, Occasion(drifted=drift(), has_new_policy=True), Cause.DRIFT),
    "fought over": (SET, Occasion(drifted=drift(is_fight=True)), Cause.FIGHT),
    "fought over still": (SET, Occasion(drifted=drift(is_fight=True, is_news=False)), None),
    "configuration": (FREED, Occasion(has_new_policy=True), Cause.CONFIG),
    "a hold has ended": (SET, Occasion(has_new_policy=True, deferred={IRQ}), Cause.HOLD),
}


@pytest.mark.parametrize(("result", "occasion", "cause"), HOST_CASES.values(), ids=HOST_CASES)
def test_the_host_has_a_table_of_its_own(result: Result, occasion: Occasion, cause: Cause | None) -> None:
    assert list(find_causes([result], occasion, HOST_TABLE)) == ([] if cause is None else [(result, cause)])


def test_every_cause_is_found_in_some_case() -> None:
    assert {cause for _, _, cause in (*CASES.values(), *HOST_CASES.values())} == {*Cause, None} - {Cause.SRIOV}


HELD = SET._replace(verdict=Verdict.HELD, was_written=False, smp=cpus("0-15"))
HELD_FREED = HELD._replace(action=FREED.action)
THERE, ELSEWHERE = make_record(written="2-3"), make_record(written="4-5")
"""Records of one that somebody else has moved, and of one that belongs elsewhere now."""

DEFERRED_CASES: dict[str, tuple[Result, Occasion, Record | None, Cause]] = {
    "drifted": (HELD, replace(SAME, drifted=drift()), THERE, Cause.DRIFT),
    "drifted before the first pass": (HELD, Occasion(Cause.START, now=grounds()), THERE, Cause.DRIFT),
    "drifted while a guest settles": (HELD, SAME, THERE, Cause.DRIFT),
    "fought over still": (HELD, replace(SAME, drifted=drift(is_fight=True, is_news=False)), ELSEWHERE, Cause.FIGHT),
    "mask": (HELD, OTHER_MASK, ELSEWHERE, Cause.MASK),
    "pins": (HELD, OTHER_PINS, ELSEWHERE, Cause.PINS),
    "pins, which the state knows already": (HELD, replace(OTHER_PINS, deferred={IRQ}), ELSEWHERE, Cause.PINS),
    "guest has ended": (HELD_FREED, GONE, THERE, Cause.GONE),
    "device detached": (HELD_FREED, DETACHED, THERE, Cause.DEVICE),
    "born under a hold on everything": (HELD, NEW_GUEST, None, Cause.BIRTH),
}


@pytest.mark.parametrize(("result", "occasion", "record", "cause"), DEFERRED_CASES.values(), ids=DEFERRED_CASES)
def test_what_is_held_has_the_cause_of_what_would_have_been_done(
    result: Result, occasion: Occasion, record: Record | None, cause: Cause
) -> None:
    assert find_cause(result, occasion) is None
    assert find_deferred_cause(result, occasion, record) is cause
