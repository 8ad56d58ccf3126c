# SPDX-License-Identifier: Apache-2.0
"""The order in which a pass stores and writes, what it keeps of it, and what it tells of each guest."""

import errno
from collections.abc import Callable

import pytest

from irqaffinity.apply.execute import Execution
from irqaffinity.apply.writer import AffinityWriter
from irqaffinity.guests.life import Lives
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Fixed
from irqaffinity.model.verdict import IrqReason, Verdict
from irqaffinity.observe.domain import Domain
from irqaffinity.passes.finish import Finish
from irqaffinity.plan.policy import Scope
from irqaffinity.report.outcome import Part
from irqaffinity.state.folder import StateError
from irqaffinity.state.memory import MemoryStore
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene
from tests.fakes.snapshots import VF, VF2, make_record

A, B = GuestId(GUEST), GuestId(OTHER)
THIRD = "33333333-3333-3333-3333-333333333333"


@pytest.fixture
def served(scene: Scene) -> Scene:
    """Two guests with a device each; the second was started first."""
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.add_guest(VF0)
    return scene


def test_what_is_changed_before_the_writes_is_stored_at_once_and_what_is_learned_after_them(served: Scene) -> None:
    served.host.refuse(41, errno.EINVAL)
    served.host.refuse(51, errno.EINVAL)
    at: list[int] = []
    served.host.on_open_for_write = lambda _number: at.append(served.saves)
    served.audit()
    assert (at, served.saves) == ([1] * 4, 2)
    state = served.store.load()
    assert {number for records in state.records.values() for number in records} == {40, 50}
    assert {irq.number for irq in state.fixed} == {41, 51}


def test_guests_are_served_by_uuid_and_their_interrupts_by_number(scene: Scene) -> None:
    scene.add_guest(VF0, uuid=OTHER, pins=("4", "12"))
    scene.add_guest(VF1)
    scene.audit()
    assert scene.host.written == [(50, "10-11"), (51, "10-11"), (40, "4"), (41, "4")]


def test_where_nothing_changes_nothing_is_stored(served: Scene) -> None:
    for _ in range(2):
        served.audit()
    saves = served.saves
    served.host.put(served.host.proc / "irq/40/smp_affinity_list", "0-15")
    served.audit()
    assert served.saves == saves


class FullStore(MemoryStore):
    """A state that cannot be stored."""

    def save(self, _changes: Changes) -> None:
        raise StateError("No space left on device")


IRQ, IRQ2 = IrqId(VF, 40), IrqId(VF2, 41)
GONE, FIXED = Changes({IRQ: None}), Changes({IRQ2: None}, {IRQ2: Fixed("", Verdict.MANAGED)})


def test_what_executions_taught_is_stored_together(scene: Scene) -> None:
    store = MemoryStore()
    store.save(Changes({IRQ: make_record(), IRQ2: make_record()}))
    finish = Finish(store, AffinityWriter(scene.host.root), Lives())
    assert finish.learn([Execution((), GONE), Execution((), Changes()), Execution((), FIXED)]) is None
    assert (store.load().records, store.load().fixed) == ({}, {IRQ2: Fixed("", Verdict.MANAGED)})


@pytest.mark.parametrize(
    ("done", "unsaved"),
    [
        ([], None),
        ([Execution((), Changes())], None),
        ([Execution((), GONE)], "No space left on device"),
        ([Execution((), Changes(), "first"), Execution((), Changes())], "first"),
        ([Execution((), Changes(), "first"), Execution((), Changes(), "second")], "second"),
        ([Execution((), GONE, "first")], "No space left on device"),
    ],
)
def test_why_something_could_not_be_stored_is_returned(
    scene: Scene, done: list[Execution], unsaved: str | None
) -> None:
    finish = Finish(FullStore(), AffinityWriter(scene.host.root), Lives())
    assert finish.learn(done) == unsaved


def quiet(scene: Scene) -> None:
    """Have the hardware follow no more."""
    scene.host.put(scene.host.proc / "irq/40/effective_affinity_list", "9")


AFTER: dict[str, tuple[Callable[[Scene], object], str, bool]] = {
    "ok": (lambda scene: None, "ok", True),
    "immovable": (lambda scene: scene.host.refuse(40, errno.EINVAL), "immovable", True),
    "pending": (quiet, "pending", False),
    "no_vector": (lambda scene: scene.host.refuse(40, errno.ENOSPC), "no_vector", False),
    "set": (lambda scene: None, "set", False),
}


@pytest.mark.parametrize(("happen", "verdict", "is_at_rest"), AFTER.values(), ids=AFTER.keys())
def test_only_a_guest_of_which_nothing_is_left_to_be_done_is_as_before(
    served: Scene, happen: Callable[[Scene], object], verdict: str, is_at_rest: bool
) -> None:
    if verdict != "set":
        served.audit()
        happen(served)
        if verdict in ("immovable", "no_vector"):
            served.host.put(served.host.proc / "irq/40/smp_affinity_list", "0-15")
            served.audit()
    made = served.auditor.audit()
    assert made.parts[A].results[0].verdict.value == verdict
    life = served.auditor.lives.of(A)
    assert (life.part, life.decision) == (made.parts[A], made.draft.decisions[A])
    assert bool(life.basis) is is_at_rest
    assert life.decided_from == (made.frame, made.guests[A], served.policy, None)
    assert (A in served.auditor.audit().draft.unchanged) is (verdict == "ok")


def test_a_guest_that_a_narrowed_pass_did_not_cover_is_as_its_own_last_pass_left_it(served: Scene) -> None:
    served.audit()
    life = served.auditor.lives.of(B)
    part, decided_from = life.part, life.decided_from
    served.auditor.look(A)
    assert life.part is part
    assert life.decided_from is decided_from


def test_a_pass_that_is_narrowed_to_a_device_leaves_no_basis(served: Scene) -> None:
    for _ in range(2):
        served.audit()
    served.audit(Scope(device=PciAddress.parse(VF0)))
    assert served.auditor.lives.of(A).basis == ()
    assert A not in served.auditor.audit().draft.unchanged


def test_a_dry_pass_leaves_lives_as_they_were_and_writes_nothing(served: Scene) -> None:
    made = served.auditor.rehearse()
    life = served.auditor.lives.of(A)
    assert (life.decision, life.part, life.basis, life.decided_from) == (None, None, (), ())
    assert [result.verdict for result in made.parts[A].results] == [Verdict.WOULD_SET] * 2
    assert (served.host.writes, served.saves) == (0, 0)


def test_a_dry_pass_tells_the_same_of_a_guest_that_is_as_before(served: Scene) -> None:
    for _ in range(2):
        served.audit()
    made = served.auditor.audit()
    assert served.auditor.rehearse().parts == made.parts


def test_each_guest_has_its_part_and_what_was_given_back_for_it(served: Scene) -> None:
    served.audit()
    served.domains.pop()
    made = served.auditor.audit()
    assert list(made.parts) == [A, B]
    gone, kept = made.parts[A], made.parts[B]
    assert gone.guest is None
    assert [(plan.address, plan.guest, plan.driver, plan.numa_node) for plan in gone.devices] == [
        (PciAddress.parse(VF0), None, "vfio-pci", 0)
    ]
    assert [(result.action.number, result.reason) for result in gone.results] == [
        (40, IrqReason.RELEASED),
        (41, IrqReason.RELEASED),
    ]
    assert kept.guest is not None
    assert (kept.guest.uuid, [str(plan.address) for plan in kept.devices]) == (B, [VF1])
    assert [result.action.number for result in kept.results] == [50, 51]


def test_devices_of_a_part_come_by_address_also_those_that_are_given_back(scene: Scene) -> None:
    scene.add_guest(VF1, VF0)
    scene.audit()
    scene.domains.clear()
    scene.add_guest(VF1)
    made = scene.auditor.audit()
    assert [(str(plan.address), plan.guest) for plan in made.parts[A].devices] == [(VF0, None), (VF1, GUEST)]


def test_a_device_that_went_to_another_guest_is_listed_once(served: Scene) -> None:
    served.audit()
    served.domains.clear()
    served.add_guest(VF0, VF1, uuid=OTHER, pins=("4", "12"))
    made = served.auditor.audit()
    assert list(made.parts) == [B]
    assert [(str(plan.address), plan.guest) for plan in made.parts[B].devices] == [(VF0, OTHER), (VF1, OTHER)]


def test_a_pass_for_one_guest_tells_of_it_alone(served: Scene) -> None:
    assert list(served.auditor.audit(Scope(guest=A)).parts) == [A]


def test_a_pass_for_one_device_tells_of_it_alone(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    made = scene.auditor.audit(Scope(device=PciAddress.parse(VF1)))
    part = made.parts[A]
    assert part.guest is not None
    assert [str(plan.address) for plan in part.devices] == [VF1]
    assert [result.action.number for result in part.results] == [50, 51]


def test_a_pass_for_one_device_tells_of_each_guest_that_claims_it(served: Scene) -> None:
    served.add_guest(VF0, uuid=THIRD, pins=("6", "7"))
    made = served.auditor.audit(Scope(device=PciAddress.parse(VF0)))
    reasons = {uuid: [plan.reason.value for plan in part.devices if plan.reason] for uuid, part in made.parts.items()}
    assert reasons == {GUEST: ["claimed_twice"], THIRD: ["claimed_twice"]}


def test_a_guest_that_cannot_be_read_is_told_of_in_no_pass_for_a_device(served: Scene) -> None:
    served.audit()
    served.list_domains = lambda: [Domain(GUEST, "instance-1", error="busy"), Domain(OTHER, "instance-0", error="busy")]
    served.audit()
    served.add_guest(VF0, uuid=THIRD, pins=("6", "7"))
    unread, served.list_domains = served.list_domains(), None
    third = served.domain(THIRD)
    served.list_domains = lambda: [*unread, third]
    made = served.auditor.audit(Scope(device=PciAddress.parse(VF0)))
    assert {uuid: part.guest is None for uuid, part in made.parts.items()} == {A: True, THIRD: False}
    assert {part.guest.status.value for part in served.auditor.audit().parts.values() if part.guest} == {
        "xml_invalid",
        "placed",
    }


def test_a_guest_that_is_gone_has_an_empty_part_in_its_own_pass(served: Scene) -> None:
    served.audit()
    served.domains.pop()
    served.auditor.audit_guest(A)
    assert dict(served.auditor.look(A).parts) == {A: Part(None, (), ())}


def test_a_reset_tells_what_was_given_back(served: Scene) -> None:
    served.audit()
    made = served.auditor.reset()
    assert {uuid: (part.guest, len(part.devices), len(part.results)) for uuid, part in made.parts.items()} == {
        A: (None, 1, 2),
        B: (None, 1, 2),
    }
