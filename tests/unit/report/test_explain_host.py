# SPDX-License-Identifier: Apache-2.0
"""Why an interrupt of the host is where it is."""

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.isolation import HostInterrupt, Kept
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.record import Record
from irqaffinity.plan.policy import Isolation, IsolationMode
from irqaffinity.report.explain_host import explain_isolation
from tests.fakes.scene import GUEST

REPORT = Isolation()
ENFORCE = Isolation(IsolationMode.ENFORCE)
KEPT = Kept({2: (GuestId(GUEST),), 3: (GuestId(GUEST),)}, CpuSet.parse("2-3"))
HERE = f"it may come to CPU 3, kept for {GUEST}"
WHERE = f"it may come to CPUs 2-3, kept for {GUEST}"


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
            f"stays: {WHERE}, but the kernel lets nobody move it; only the kernel ",
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
        (interrupt(), ENFORCE, "1 CPU is online", f"stays: {WHERE}, but 1 CPU is online"),
        (interrupt(), ENFORCE, None, f"leaves these CPUs: {WHERE}"),
        (interrupt("3"), ENFORCE, None, f"leaves these CPUs: it may come to CPU 3, kept for {GUEST}"),
    ],
)
def test_the_first_reason_is_told(seen: HostInterrupt, policy: Isolation, trouble: str | None, told: str) -> None:
    ((name, text),) = explain_isolation(seen, KEPT, policy, None, trouble)
    assert name == "isolation"
    assert text == told or (told.endswith("only the kernel ") and text.startswith(told))


@pytest.mark.parametrize(("original", "told"), [("0-15", "0-15"), (None, "the default affinity")])
def test_where_it_was_before_it_was_moved_is_told(original: str | None, told: str) -> None:
    before = None if original is None else CpuSet.parse(original)
    record = Record(HOST, None, before, CpuSet.parse("0-1"))
    rules = dict(explain_isolation(interrupt("0-1"), KEPT, ENFORCE, record, None))
    assert rules["moved"] == f"from {told} to 0-1; it goes back there when no guest keeps these CPUs"
