# SPDX-License-Identifier: Apache-2.0
"""Why an interrupt of the host is where it is."""

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.isolation import HostInterrupt, Kept
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.record import Record
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.intruders import find_fixed
from irqaffinity.plan.policy import Isolation, IsolationMode
from irqaffinity.report.explain_host import explain_isolation
from tests.fakes.scene import GUEST

REPORT = Isolation()
ENFORCE = Isolation(IsolationMode.ENFORCE)
KEPT = Kept({2: (GuestId(GUEST),), 3: (GuestId(GUEST),)}, CpuSet.parse("2-3"))
NAMES = {GuestId(GUEST): "vm"}
HERE = "it may come to CPU 3, kept for vm"
WHERE = "it may come to CPUs 2-3, kept for vm"


def interrupt(smp: str = "0-15", *, writable: bool = True, action: str = "nvme0q1") -> HostInterrupt:
    seen = Interrupt(60, CpuSet.parse(smp), None, writable, action)
    return HostInterrupt(seen, NO_DEVICE, driver="nvme")


@pytest.mark.parametrize(
    ("seen", "policy", "trouble", "told"),
    [
        (interrupt(), Isolation(IsolationMode.OFF), None, "not looked at: [isolation] mode is off"),
        (interrupt("0-1"), ENFORCE, None, "stays: none of its CPUs is kept for a guest"),
        (
            interrupt(writable=False),
            ENFORCE,
            None,
            f"stays: {WHERE}, but {Verdict.MANAGED.sentence}; with isolcpus=managed_irq,",
        ),
        (
            interrupt(action="vfio-msix[0](0000:41:00.1)", writable=False),
            ENFORCE,
            None,
            f"stays: {WHERE}, but {Verdict.IMMOVABLE.sentence}",
        ),
        (
            interrupt(),
            Isolation(IsolationMode.ENFORCE, leave=("x", "nv*")),
            None,
            f"stays: {WHERE}, but nv* of [isolation] leave names it",
        ),
        (
            interrupt(action="a,b"),
            Isolation(leave=("b",)),
            None,
            f"stays: {WHERE}, but b of [isolation] leave names it",
        ),
        (
            interrupt(action="a"),
            Isolation(leave=("nvme",)),
            None,
            f"stays: {WHERE}, but nvme of [isolation] leave names it",
        ),
        (
            interrupt(),
            REPORT,
            None,
            f"stays: {WHERE}, and [isolation] mode is report; enforce would move it to 0-1,4-15",
        ),
        (
            interrupt("3"),
            REPORT,
            None,
            f"stays: {HERE}, and [isolation] mode is report; enforce would move it to the housekeeping CPUs",
        ),
        (interrupt(), ENFORCE, "1 CPU is online", f"stays: {WHERE}; 1 CPU is online"),
        (interrupt(), ENFORCE, None, f"should leave these CPUs: {WHERE}"),
        (interrupt("3"), ENFORCE, None, f"should leave these CPUs: {HERE}"),
    ],
)
def test_the_first_reason_is_shown(seen: HostInterrupt, policy: Isolation, trouble: str | None, told: str) -> None:
    ((name, text),) = explain_isolation(seen, KEPT, NAMES, policy, None, trouble, find_fixed(seen, {}))
    assert name == "isolation"
    assert text == told or (told.endswith("managed_irq,") and text.startswith(told))


@pytest.mark.parametrize(("original", "told"), [("0-15", "0-15"), (None, "the default affinity")])
def test_the_original_of_a_moved_interrupt_is_shown(original: str | None, told: str) -> None:
    before = None if original is None else CpuSet.parse(original)
    record = Record(HOST, None, before, CpuSet.parse("0-1"))
    rules = dict(explain_isolation(interrupt("0-1"), KEPT, NAMES, ENFORCE, record, None))
    assert rules["moved"] == f"from {told} to 0-1; it goes back when the CPUs that it left are kept no longer"


@pytest.mark.parametrize("written", ["0-1", "0-15"])
def test_one_that_has_its_original_was_not_moved(written: str) -> None:
    """The kernel refused, or it had by itself what the default affinity became."""
    record = Record(HOST, None, CpuSet.parse("0-15"), CpuSet.parse(written))
    assert "moved" not in dict(explain_isolation(interrupt("0-15"), KEPT, NAMES, ENFORCE, record, None))


def test_one_whose_file_lets_root_write_stays_where_the_kernel_has_refused() -> None:
    rules = dict(explain_isolation(interrupt(), KEPT, NAMES, ENFORCE, None, None, Verdict.IMMOVABLE))
    assert rules["isolation"] == f"stays: {WHERE}, but {Verdict.IMMOVABLE.sentence}"


def test_of_one_that_cannot_be_read_nobody_knows_where_it_may_come() -> None:
    seen = interrupt()._replace(interrupt=Interrupt(60, None, CpuSet([0]), True, "nvme0q1"))
    rules = dict(explain_isolation(seen, KEPT, NAMES, ENFORCE, None, None))
    assert rules["isolation"] == f"stays: {Verdict.UNREAD.sentence}"


def test_of_many_guests_the_first_are_named_and_the_rest_counted() -> None:
    guests = [GuestId(f"{number:08}-1111-1111-1111-111111111111") for number in range(8)]
    kept = Kept({number: (guest,) for number, guest in enumerate(guests)}, CpuSet(range(8)))
    names = {guest: f"vm{number}" for number, guest in enumerate(guests) if number}
    rules = dict(explain_isolation(interrupt(), kept, names, ENFORCE, None, None))
    assert rules["isolation"].endswith(f", kept for {guests[0]}, vm1, vm2, vm3, vm4 and 3 more")


def test_hardware_that_has_not_followed_yet_is_named() -> None:
    late = interrupt("0-1")
    late = late._replace(interrupt=late.interrupt._replace(effective=CpuSet([3])))
    rules = dict(explain_isolation(late, KEPT, NAMES, ENFORCE, None, None))
    follows = "the hardware leaves CPU 3, kept for vm, at its next arrival"
    assert rules["isolation"] == f"stays: none of its CPUs is kept for a guest; {follows}"


@pytest.mark.parametrize(
    ("policy", "original", "told"),
    [
        (REPORT, "0-15", "goes back: [isolation] mode is report"),
        (Isolation(IsolationMode.OFF), "0-15", "goes back: [isolation] mode is off"),
        (Isolation(IsolationMode.ENFORCE, leave=("nvme*",)), "0-15", "goes back: nvme* of [isolation] leave names it"),
        (ENFORCE, "0-1,4", "goes back: no CPU that it had before is kept for a guest any more"),
        (ENFORCE, "0-2", "stays: none of its CPUs is kept for a guest"),
        (REPORT, "0-1", "stays: none of its CPUs is kept for a guest"),
    ],
)
def test_the_reason_why_a_moved_interrupt_goes_back_is_shown(policy: Isolation, original: str, told: str) -> None:
    record = Record(HOST, None, CpuSet.parse(original), CpuSet.parse("0-1"))
    assert dict(explain_isolation(interrupt("0-1"), KEPT, NAMES, policy, record, None))["isolation"] == told


def test_a_pattern_for_all_leaves_an_interrupt_without_a_handler_too() -> None:
    seen = interrupt(action="")._replace(driver=None)
    policy = Isolation(IsolationMode.ENFORCE, leave=("*",))
    told = dict(explain_isolation(seen, KEPT, NAMES, policy, None, None))["isolation"]
    assert told == f"stays: {WHERE}, but * of [isolation] leave names it"
