# SPDX-License-Identifier: Apache-2.0
"""Whole passes over a fake host with libvirt's own test driver."""

import errno
import functools
import gc
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.model.guest import HOST, GuestId, parse_guest_id
from irqaffinity.model.host import MsiSource
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, RememberedSpecs, State
from irqaffinity.model.target import Narrowing, UnknownTarget
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.made import Pass
from irqaffinity.plan.policy import Distribution, HostDriver, HostDrivers, Numa, Policy, Profile, Scope
from irqaffinity.state.folder import StateError
from irqaffinity.state.store import Store
from tests.fakes.scene import GUEST, IRQS0, OTHER, VF0, VF1, Scene, document, verdicts
from tests.fakes.snapshots import guest_id, make_record


def affinities(scene: Scene) -> dict[int, str]:
    return {number: scene.host.smp(number) for number in (40, 41, 50, 51)}


def place_by_name(scene: Scene) -> None:
    """Start a guest that names its device by the network interface on it, and place that one's interrupts."""
    scene.policy = Policy(host_driver=HostDrivers.both(HostDriver.VCPU))
    scene.host.add_device("0000:41:00.0", 0)
    scene.host.link(scene.host.device_folder(VF0) / "physfn", scene.host.device_folder("0000:41:00.0"))
    scene.host.add_netdev("vf0", VF0)
    scene.add_guest("<interface type='direct'><source dev='vf0' mode='passthrough'/></interface>")
    assert verdicts(scene.audit()) == {40: "set", 41: "set"}


def test_each_device_gets_the_cpus_of_its_guest_on_its_own_node(scene: Scene) -> None:
    scene.add_masked_guest("1-3,^3", VF0, VF1)
    outcome = scene.audit()
    assert affinities(scene) == {40: "3", 41: "3", 50: "10", 51: "10"}
    assert verdicts(outcome) == dict.fromkeys((40, 41, 50, 51), "set")
    assert outcome.exit_status() == 0


def test_a_second_pass_writes_nothing_at_all(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    scene.audit()
    scene.restart()
    writes = scene.host.writes
    outcome = scene.audit()
    assert verdicts(outcome) == dict.fromkeys((40, 41, 50, 51), "ok")
    assert scene.host.writes == writes == 4
    assert scene.saves == 0


def test_a_steady_pass_opens_and_reads_two_files_an_interrupt(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()

    def cost() -> tuple[int, int]:
        opens, reads = scene.host.opens, scene.host.reads
        scene.audit()
        return scene.host.opens - opens, scene.host.reads - reads

    few = cost()
    scene.host.add_vectors(VF0, range(100, 200), "2-3", effective="2")
    scene.audit()
    many = cost()
    assert (many[0] - few[0], many[1] - few[1]) == (200, 200)


def test_all_originals_are_stored_before_the_first_write(scene: Scene) -> None:
    stored: list[set[int]] = []

    def look(_number: int) -> None:
        records = scene.store.load().records.values()
        stored.append({number for device in records for number in device})

    scene.host.on_open_for_write = look
    scene.add_guest(VF0, VF1)
    scene.audit()
    assert stored == [{40, 41, 50, 51}] * 4


def test_a_state_that_cannot_be_saved_stops_every_write(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.host.add_vectors(VF1, [60], "0-15")
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    writes = scene.host.writes
    scene.fill_disk()
    with pytest.raises(StateError, match=r"state\.db"):
        scene.audit()
    assert scene.host.writes == writes


def test_what_could_not_be_saved_after_the_writes_is_reported(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.host.refuse(41, errno.EPERM)
    scene.host.on_open_for_write = lambda _number: scene.fill_disk()
    outcome = scene.audit()
    assert verdicts(outcome) == {40: "set", 41: "immovable"}
    assert "state.db" in (outcome.unsaved or "")
    assert outcome.exit_status() == 1


def test_interrupts_go_back_when_the_guest_is_gone(scene: Scene) -> None:
    scene.host.put(scene.host.proc / "irq/41/smp_affinity_list", "4-7")
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.restart()
    found = document(scene.audit())
    assert (scene.host.smp(40), scene.host.smp(41)) == ("0-15", "4-7")
    assert [(row["guest"], row["reason"], row["target"]) for row in found["irqs"]] == [
        (None, "released", "0-15"),
        (None, "released", "4-7"),
    ]
    assert [(row["address"], row["guest"], row["target"]) for row in found["devices"]] == [(VF0, None, None)]
    assert scene.store.load().records == {}
    assert document(scene.audit())["irqs"] == []


def test_a_guest_that_cannot_be_read_keeps_what_it_has(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    writes = scene.host.writes
    scene.list_domains = lambda: [Domain(GUEST, "instance-0", error="internal error: monitor is busy")]
    found = document(scene.audit())
    assert found["guests"][0]["status"] == "xml_invalid"
    assert "monitor is busy" in found["guests"][0]["message"]
    assert (scene.host.writes, scene.host.smp(40)) == (writes, "2-3")
    assert scene.store.load().records


@pytest.mark.parametrize("xml", ["<domain", "<network/>", "<domain id='1'><vcpu>x</vcpu></domain>"])
def test_a_guest_whose_xml_is_not_understood_stops_no_other(scene: Scene, xml: str) -> None:
    scene.add_guest(VF0)
    good = scene.active_domains()
    scene.list_domains = lambda: [Domain(OTHER, "broken\nguest", xml=xml), *good]
    outcome = scene.audit()
    assert {row["uuid"]: row["status"] for row in document(outcome)["guests"]} == {
        GUEST: "placed",
        OTHER: "xml_invalid",
    }
    assert verdicts(outcome) == {40: "set", 41: "set"}
    assert outcome.exit_status() == 1
    assert "broken\\x0aguest" in document(outcome)["guests"][1]["name"]


def test_nothing_is_released_when_libvirt_does_not_answer(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    writes = scene.host.writes

    def unreachable() -> list[Domain]:
        raise LibvirtUnreachable("libvirt is not reachable")

    scene.list_domains = unreachable
    with pytest.raises(LibvirtUnreachable):
        scene.audit()
    assert (scene.host.writes, scene.host.smp(40)) == (writes, "2-3")
    assert scene.store.load().records


def test_reset_needs_no_libvirt_and_gives_everything_back(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    scene.audit()
    scene.restart()
    scene.list_domains = lambda: pytest.fail("reset asked libvirt")
    outcome = scene.auditor.reset().outcome
    assert affinities(scene) == dict.fromkeys((40, 41, 50, 51), "0-15")
    assert outcome.exit_status() == 0
    assert scene.store.load().records == {}


ENTRANCES: dict[str, Callable[[Auditor], object]] = {
    "audit": lambda auditor: auditor.audit(),
    "audit_guest": lambda auditor: auditor.audit_guest(GuestId(GUEST)),
    "audit_guest, of one that is gone": lambda auditor: auditor.audit_guest(GuestId(OTHER)),
    "look": lambda auditor: auditor.look(GuestId(GUEST)),
    "birth": lambda auditor: auditor.birth(40),
    "birth, of a number that nobody had": lambda auditor: auditor.birth(7),
    "reset": lambda auditor: auditor.reset(),
    "rehearse": lambda auditor: auditor.rehearse(),
}


@pytest.mark.parametrize("missing", ["proc/irq/default_smp_affinity", "sys/bus/pci/devices"])
@pytest.mark.parametrize("enter", ENTRANCES.values(), ids=ENTRANCES.keys())
def test_nothing_is_forgotten_when_a_part_of_the_host_is_not_mounted(
    scene: Scene, enter: Callable[[Auditor], object], missing: str
) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    before, writes, saves = scene.store.load().records, scene.host.writes, scene.saves
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", "4-7")
    (scene.folder / "host" / missing).rename(scene.folder / "away")
    scene.domains.pop()
    with pytest.raises(HostUnreadable, match=f"{missing} does not exist: point --{missing.partition('/')[0]}"):
        enter(scene.auditor)
    assert (scene.store.load().records, scene.host.writes, scene.saves) == (before, writes, saves)


@pytest.mark.parametrize("enter", [ENTRANCES["audit"], ENTRANCES["audit_guest"], ENTRANCES["rehearse"]])
def test_what_a_guest_claims_by_name_is_not_lost_on_a_host_that_was_not_mounted_for_a_moment(
    scene: Scene, enter: Callable[[Auditor], object]
) -> None:
    place_by_name(scene)
    away = scene.host.sys.rename(scene.folder / "away")
    with pytest.raises(HostUnreadable):
        enter(scene.auditor)
    away.rename(scene.host.sys)
    assert verdicts(scene.auditor.look(GuestId(GUEST)).outcome) == {40: "ok", 41: "ok"}
    assert scene.host.smp(40) == "2-3"


def rebear(scene: Scene, smp: str) -> None:
    """Have the kernel free interrupt 40, and give the same device the same number again."""
    scene.host.remove_interrupt(40)
    scene.host.add_vectors(VF0, [40], smp, effective="4")


@pytest.mark.parametrize("by_birth", [True, False], ids=["birth", "look"])
@pytest.mark.parametrize(("is_told", "original"), [(True, "4-7"), (False, "0-15")])
def test_a_life_whose_end_was_told_leaves_nothing_to_the_next_one(
    scene: Scene, is_told: bool, original: str, by_birth: bool
) -> None:
    scene.add_guest(VF0)
    scene.audit()
    rebear(scene, "4-7")
    if is_told:
        scene.auditor.note_ends([40])
    if by_birth:
        scene.auditor.birth(40)
    else:
        scene.auditor.look(GuestId(GUEST))
    assert (scene.host.smp(40), scene.host.smp(41)) == ("2-3", "2-3")
    scene.domains.clear()
    scene.audit()
    assert (scene.host.smp(40), scene.host.smp(41)) == (original, "0-15")


@pytest.mark.parametrize(("is_told", "left"), [(True, "4-7"), (False, "0-15")])
def test_a_number_that_ended_has_no_record_and_is_not_given_back(scene: Scene, is_told: bool, left: str) -> None:
    """Not even where it has been born with what the program wrote once."""
    scene.add_guest(VF0)
    scene.audit()
    record = make_record(owner=GuestId(GUEST), previous="4-7")
    scene.save(Changes({IrqId(PciAddress.parse(VF0), 40): record}))
    rebear(scene, "4-7")
    if is_told:
        scene.auditor.note_ends([40])
    scene.domains.clear()
    scene.audit()
    assert (scene.host.smp(40), scene.host.smp(41)) == (left, "0-15")


AFTERWARDS: dict[str, Callable[[Auditor], object]] = {
    "birth": lambda auditor: auditor.birth(42),
    "look": lambda auditor: auditor.look(GuestId(GUEST)),
    "audit": Auditor.audit,
    "nothing": lambda _auditor: None,
}


@pytest.mark.parametrize("distribution", list(Distribution))
@pytest.mark.parametrize("then", AFTERWARDS.values(), ids=AFTERWARDS.keys())
def test_a_birth_that_is_handled_after_the_next_one_costs_no_original(
    scene: Scene, then: Callable[[Auditor], object], distribution: Distribution
) -> None:
    """QEMU frees all vectors of a device to enable one more, and the kernel gives it the same numbers again."""
    scene.policy = Policy(distribution=distribution)
    scene.add_guest(VF0)
    scene.audit()
    scene.host.add_vectors(VF0, [42], "4-7", effective="4")
    scene.auditor.birth(42)
    scene.auditor.look(GuestId(GUEST))
    moved = scene.host.smp(42)
    scene.auditor.note_ends([42])
    then(scene.auditor)
    scene.restart()
    scene.audit()
    assert scene.host.smp(42) == moved != "4-7"
    scene.restart()
    scene.auditor.reset()
    assert scene.host.smp(42) == "4-7"


def test_a_life_that_a_pass_saw_before_the_earlier_end_was_heard_is_given_back_what_that_one_had(scene: Scene) -> None:
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", "4-7")
    scene.add_guest(VF0)
    scene.audit()
    rebear(scene, "4-7")
    scene.audit()
    scene.auditor.note_ends([40])
    scene.audit()
    scene.auditor.reset()
    assert scene.host.smp(40) == "4-7"


def test_a_mask_that_is_told_while_a_pass_stores_news_is_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.add_guest(VF0, metadata="")
    scene.audit()
    save, threads = Store.save, []

    def remember(mask: str, second: int) -> None:
        scene.auditor.remember(GuestId(GUEST), RememberedSpecs(mask, f"2026-11-20 12:00:0{second}"))

    def save_meanwhile(store: Store, changes: Changes) -> None:
        if changes.extra_specs and not threads:
            threads.append(threading.Thread(target=remember, args=("1", 2)))
            threads[0].start()
            threads[0].join(0.1)  # it has to wait for this pass; where it does not, it is done at once
        save(store, changes)

    monkeypatch.setattr(Store, "save", save_meanwhile)
    remember("0", 1)
    scene.auditor.look(GuestId(GUEST))
    threads[0].join()
    scene.auditor.look(GuestId(GUEST))
    assert scene.host.smp(40) == "3"


@pytest.mark.parametrize("entrance", ["audit", "audit_guest", "look", "birth", "reset"])
def test_passes_are_made_one_at_a_time(scene: Scene, entrance: str) -> None:
    scene.add_guest(VF0)
    scene.audit()
    free: list[bool] = []

    def try_lock() -> None:
        free.append(scene.auditor.lock.acquire(blocking=False))

    def called(call: str, path: str) -> None:
        if path.endswith(("default_smp_affinity", "msi_irqs/40")) and call == "stat":
            thread = threading.Thread(target=try_lock)
            thread.start()
            thread.join()

    scene.host.called = called  # type: ignore[method-assign]
    ENTRANCES[entrance](scene.auditor)
    assert free
    assert not any(free)


LOOKS: dict[str, Callable[[Auditor], Pass]] = {
    "audit": lambda auditor: auditor.audit(),
    "audit_guest": lambda auditor: auditor.audit_guest(GuestId(GUEST)),
    "rehearse": lambda auditor: auditor.rehearse(),
}


@pytest.mark.parametrize("make_pass", LOOKS.values(), ids=LOOKS.keys())
def test_whoever_asks_libvirt_looks_at_the_cpus_too(scene: Scene, make_pass: Callable[[Auditor], Pass]) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.host.put(scene.host.sys / "devices/system/cpu/online", "0-1,3-15")
    made = scene.auditor.look(GuestId(GUEST))
    assert {str(result.action.target) for result in made.outcome.results} == {"2-3"}
    made = make_pass(scene.auditor)
    assert {str(result.action.target) for result in made.outcome.results} == {"3"}


def test_a_reset_looks_at_the_cpus_too(scene: Scene) -> None:
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", "7")
    scene.add_guest(VF0)
    scene.audit()
    scene.host.put(scene.host.sys / "devices/system/cpu/online", "0-6,8-15")
    assert verdicts(scene.auditor.reset().outcome) == {40: "offline", 41: "set"}


def test_a_full_pass_copies_the_log_of_the_state_and_a_look_does_not(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    database = scene.folder / "state/state.db"
    before = database.read_bytes()
    scene.host.add_vectors(VF0, [42], "0-15")
    scene.auditor.look(GuestId(GUEST))
    assert database.read_bytes() == before
    scene.audit()
    assert database.read_bytes() != before


def test_a_dry_pass_names_an_unknown_target(scene: Scene) -> None:
    scene.add_guest(VF0)
    with pytest.raises(UnknownTarget, match=f"no active guest has the uuid {OTHER}"):
        scene.rehearse(Scope(guest=GuestId(OTHER)))


def test_a_dry_pass_is_not_interrupted_by_the_collector(scene: Scene) -> None:
    scene.add_guest(VF0)
    enabled: list[bool] = []
    scene.host.called = lambda _call, path: enabled.append(gc.isenabled()) if "/irq/40/" in path else None  # type: ignore[func-returns-value, method-assign]
    scene.rehearse()
    assert enabled
    assert not any(enabled)
    assert gc.isenabled()


def test_a_guest_for_which_nothing_was_moved_lives_on_after_a_look(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()
    life = scene.auditor.lives.of(GuestId(GUEST))
    scene.auditor.look(GuestId(GUEST))
    assert scene.auditor.lives.get(GuestId(GUEST)) is life


def test_a_dry_pass_logs_what_is_wrong_unless_it_is_told_not_to(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.add_masked_guest("9", VF0)
    scene.auditor.rehearse(logs=False)
    assert caplog.messages == []
    scene.auditor.rehearse()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_each_interrupt_is_logged_in_full_passes_where_something_is_new_and_in_looks_that_write(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    def lines(make_pass: Callable[[], object]) -> int:
        caplog.clear()
        make_pass()
        return sum(record.levelname == "DEBUG" and "irq" in record.getMessage() for record in caplog.records)

    scene.add_guest(VF0)
    look = functools.partial(scene.auditor.look, GuestId(GUEST))
    assert lines(scene.auditor.audit) == 2
    assert lines(scene.auditor.audit) == 2
    assert lines(scene.auditor.audit) == 0
    scene.host.quiet.add(40)
    scene.host.put(scene.host.proc / "irq/40/effective_affinity_list", "9")
    assert lines(look) == 0
    scene.host.put(scene.host.proc / "irq/41/smp_affinity_list", "9")
    assert lines(look) == 2


NARROWINGS: dict[str, tuple[Narrowing, set[int]]] = {
    "guest by name": (Narrowing("instance-1"), {50, 51}),
    "guest by uuid": (Narrowing(OTHER), {50, 51}),
    "device": (Narrowing(device="81:00.1"), {50, 51}),
    "device by interrupt": (Narrowing(device="41"), {40, 41}),
    "both": (Narrowing("instance-0", VF0), {40, 41}),
    "nothing": (Narrowing(), {40, 41, 50, 51}),
}


@pytest.mark.parametrize(("narrowing", "numbers"), NARROWINGS.values(), ids=NARROWINGS.keys())
@pytest.mark.parametrize("is_dry", [True, False])
def test_what_a_person_names_is_looked_for_among_the_guests(
    scene: Scene, narrowing: Narrowing, numbers: set[int], is_dry: bool
) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    outcome = (scene.auditor.rehearse(narrowing) if is_dry else scene.auditor.audit(narrowing)).outcome
    assert (set(verdicts(outcome)), outcome.dry_run) == (numbers, is_dry)


def test_a_person_may_name_a_guest_that_is_gone_while_something_is_to_be_given_back(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    assert verdicts(scene.auditor.audit(Narrowing(GUEST)).outcome) == {40: "set", 41: "set"}
    with pytest.raises(UnknownTarget):
        scene.auditor.audit(Narrowing(GUEST))


def test_a_guest_without_devices_is_no_unknown_target(scene: Scene) -> None:
    scene.add_guest()
    outcome = scene.audit(Scope(guest=GuestId(GUEST)))
    assert [guest.status.value for guest in outcome.guests] == ["no_devices"]


def test_a_device_that_only_gives_back_is_no_unknown_target(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    assert verdicts(scene.audit(Scope(device=PciAddress.parse(VF0)))) == {40: "set", 41: "set"}


@pytest.mark.parametrize("source", list(MsiSource))
def test_the_report_says_how_interrupts_are_learnt_of(scene: Scene, source: MsiSource) -> None:
    scene.auditor.learn_from(source)
    assert scene.audit().facts.msi_source is source


def known(scene: Scene) -> list[GuestId]:
    """Return the guests that have a life; the host's is always there."""
    return [life.uuid for life in scene.auditor.lives if life.uuid != HOST]


@pytest.mark.parametrize("whole", [Scope(), Narrowing()], ids=["agent", "command line"])
def test_a_guest_that_ended_is_held_by_nothing(scene: Scene, whole: Scope | Narrowing) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    life = weakref.ref(scene.auditor.lives.of(GuestId(GUEST)))
    del scene.domains[0]
    scene.auditor.audit(whole)
    gc.collect()
    assert life() is None
    assert known(scene) == [OTHER]


def test_a_guest_that_ended_is_remembered_until_all_is_given_back(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.host.refuse(40, errno.EBUSY)
    scene.audit()
    assert known(scene) == [GUEST]
    scene.host.accept(40)
    scene.audit()
    assert known(scene) == []


def test_a_guest_that_a_look_finds_gone_is_forgotten_and_no_other_is(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    del scene.domains[0]
    scene.auditor.lives.of(guest_id(9))
    scene.auditor.audit_guest(GuestId(GUEST))
    assert known(scene) == [OTHER, guest_id(9)]


def test_a_pass_that_is_narrowed_ends_no_life(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.auditor.lives.of(guest_id(9))
    scene.audit(Scope(guest=GuestId(GUEST)))
    scene.auditor.look(GuestId(GUEST))
    assert guest_id(9) in scene.auditor.lives
    scene.audit()
    assert guest_id(9) not in scene.auditor.lives


def test_reset_leaves_alone_what_another_program_has_moved_since(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", "7")
    outcome = scene.auditor.reset().outcome
    assert (scene.host.smp(40), scene.host.smp(41)) == ("7", "0-15")
    assert [result.action.number for result in outcome.results] == [41]
    assert caplog.messages == [
        f"guest {GUEST}: {VF0}: 1 interrupt (40) not given back: they have 7, and not the 2-3 that was written"
    ]


def test_a_narrowed_pass_warns_of_nothing_that_was_moved_for_another_guest(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.add_guest(VF0)
    scene.audit()
    device = PciAddress.parse(VF0)
    scene.save(Changes({IrqId(device, 41): replace(scene.store.load().records[device][41], owner=GuestId(OTHER))}))
    scene.domains.clear()
    scene.add_guest()
    (scene.host.device_folder(VF0) / "driver").unlink()
    scene.audit(Scope(guest=GuestId(GUEST)))
    why = "the driver is none, and was vfio-pci when they were moved"
    assert caplog.messages == [f"guest {GUEST}: {VF0}: 1 interrupt (40) not given back: {why}"]


def test_a_release_that_is_refused_is_tried_again(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.host.refuse(40, errno.ERANGE)
    assert scene.audit().exit_status() == 1
    scene.host.accept(40)
    assert verdicts(scene.audit()) == {40: "set"}
    assert scene.host.smp(40) == "0-15"


def test_the_original_survives_a_write_that_failed_under_a_new_target(scene: Scene) -> None:
    """The kernel refuses the second target: what holds then is our first one, and still goes back to the original."""
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.add_guest(VF0, pins=("4", "5"))
    scene.host.refuse(40, errno.ENOSPC)
    assert verdicts(scene.audit()) == {40: "no_vector", 41: "set"}
    scene.domains.clear()
    scene.host.accept(40)
    scene.restart()
    scene.audit()
    assert (scene.host.smp(40), scene.host.smp(41)) == ("0-15", "0-15")


@pytest.mark.parametrize(("action", "verdict"), [("nvme0q1", "managed"), (f"vfio-msix[0]({VF0})", "immovable")])
def test_an_interrupt_that_cannot_be_moved_is_refused_once_and_remembered(
    scene: Scene, action: str, verdict: str
) -> None:
    scene.add_guest(VF0)
    scene.host.put(scene.host.sys / "kernel/irq/40/actions", action)
    scene.host.refuse(40, errno.EPERM)
    outcome = scene.audit()
    assert verdicts(outcome) == {40: verdict, 41: "set"}
    assert outcome.exit_status() == 0
    opens: list[int] = []
    scene.host.on_open_for_write = opens.append
    scene.restart()
    assert verdicts(scene.audit()) == {40: verdict, 41: "ok"}
    assert opens == []


def test_a_fixed_number_under_another_name_is_another_interrupt(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.host.refuse(40, errno.EPERM)
    scene.audit()
    scene.host.accept(40)
    scene.host.put(scene.host.sys / "kernel/irq/40/actions", "vfio-msix[7](0000:41:00.1)")
    assert verdicts(scene.audit()) == {40: "set", 41: "ok"}
    assert scene.store.load().fixed == {}


def test_a_file_without_write_permission_is_never_opened_for_writing(scene: Scene) -> None:
    scene.add_guest(VF0)
    (scene.host.proc / "irq/40/smp_affinity_list").chmod(0o444)
    opens: list[int] = []
    scene.host.on_open_for_write = opens.append
    assert verdicts(scene.audit()) == {40: "immovable", 41: "set"}
    assert opens == [41]
    assert 40 not in scene.store.load().records[PciAddress.parse(VF0)]


def test_a_profile_spreads_the_devices_with_its_tags_by_the_indexes_of_their_vectors(scene: Scene) -> None:
    both = parse_device_spec('{"address": "*:*:*.*", "physical_network": "b"}')
    one = parse_device_spec(f'{{"address": "{VF0}", "physical_network": "a"}}')
    profile = Profile({"physical_network": "a"}, distribution=Distribution.SPREAD)
    scene.policy = Policy(device_specs=(*one, *both), profiles=(profile,))
    for number, index in ((40, 1), (41, 0)):
        scene.host.put(scene.host.sys / f"kernel/irq/{number}/actions", f"vfio-msix[{index}]({VF0})")
        scene.host.put(scene.host.sys / f"kernel/irq/{number}/hwirq", str(index))
    scene.add_guest(VF0, VF1)
    scene.audit()
    assert [scene.host.smp(number) for number in (40, 41, 50, 51)] == ["3", "2", "10-11", "10-11"]


def test_spread_keeps_the_cpu_that_had_a_vector_until_the_target_changes(scene: Scene) -> None:
    scene.policy = Policy(distribution=Distribution.SPREAD)
    scene.add_guest(VF0)
    scene.host.refuse(40, errno.ENOSPC, when=lambda cpus: cpus == "2")
    found = document(scene.audit())["irqs"]
    assert [(row["irq"], row["target"], row["verdict"], row["reason"]) for row in found] == [
        (40, "3", "set", "next_cpu"),
        (41, "3", "set", None),
    ]
    scene.restart()
    scene.host.accept(40)
    found = document(scene.audit())["irqs"]
    assert [(row["target"], row["verdict"], row["reason"]) for row in found] == [("3", "ok", None)] * 2
    scene.domains.clear()
    scene.add_guest(VF0, pins=("2", "3", "4", "10"))
    scene.audit()
    assert (scene.host.smp(40), scene.host.smp(41)) == ("2", "3")


def test_a_full_target_is_left_in_peace_for_a_minute(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.host.refuse(40, errno.ENOSPC)
    assert document(scene.audit())["irqs"][0]["reason"] is None
    opens: list[int] = []
    scene.host.on_open_for_write = opens.append
    outcome = scene.audit()
    row = document(outcome)["irqs"][0]
    assert (row["verdict"], row["reason"], outcome.exit_status()) == ("no_vector", "backoff", 1)
    assert opens == []


def test_an_interrupt_that_vanishes_is_no_error(scene: Scene) -> None:
    scene.add_guest(VF0)

    def vanish(number: int) -> None:
        if number == 40:
            scene.host.remove_interrupt(40)

    scene.host.on_open_for_write = vanish
    outcome = scene.audit()
    assert verdicts(outcome) == {40: "gone", 41: "set"}
    assert outcome.exit_status() == 0
    assert list(scene.store.load().records[PciAddress.parse(VF0)]) == [41]


def test_a_dry_run_changes_nothing_and_needs_no_state_folder(scene: Scene) -> None:
    scene.add_guest(VF0)
    outcome = scene.rehearse()
    assert verdicts(outcome) == {40: "would_set", 41: "would_set"}
    assert outcome.exit_status() == 2
    assert (scene.host.writes, (scene.folder / "state").exists()) == (0, False)
    assert document(outcome)["dry_run"] is True


def test_a_dry_run_with_a_guest_in_error_is_a_failure(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_masked_guest("9", VF1, uuid=OTHER, pins=("4",))
    assert scene.rehearse().exit_status() == 1


def test_a_dry_run_works_beside_a_pass_that_holds_the_lock(scene: Scene) -> None:
    scene.add_guest(VF0)
    with scene.store.exclusive():
        assert scene.rehearse().exit_status() == 2


def test_the_scope_narrows_what_is_written_and_reported(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    found = document(scene.audit(Scope(device=PciAddress.parse(VF1))))
    assert affinities(scene) == {40: "0-15", 41: "0-15", 50: "10-11", 51: "10-11"}
    assert [row["address"] for row in found["devices"]] == [VF1]
    assert found["summary"]["irqs"] == 2


def test_the_scope_releases_nothing_outside(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    scene.domains.pop(0)
    scene.audit(Scope(guest=GuestId(OTHER)))
    assert scene.host.smp(40) == "2-3"
    scene.audit(Scope(guest=GuestId(GUEST)))
    assert scene.host.smp(40) == "0-15"


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        (Scope(guest=GuestId(OTHER)), f"no active guest has the uuid {OTHER}"),
        (Scope(device=PciAddress.parse(VF1)), f"no active guest has the device {VF1}"),
        (Scope(GuestId(GUEST), PciAddress.parse(VF1)), f"guest {GUEST} does not have the device {VF1}"),
    ],
)
def test_an_unknown_target_is_named_before_anything_is_written(scene: Scene, scope: Scope, told: str) -> None:
    scene.add_guest(VF0)
    with pytest.raises(UnknownTarget, match=told):
        scene.audit(scope)
    assert scene.host.writes == 0


def test_two_guests_that_claim_one_device_get_it_neither(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF0, VF1, uuid=OTHER, pins=("4", "12"))
    found = document(scene.audit())
    claims = [(row["guest"], row["reason"]) for row in found["devices"] if row["address"] == VF0]
    assert claims == [(GUEST, "claimed_twice"), (OTHER, "claimed_twice")]
    assert (scene.host.smp(40), scene.host.smp(50)) == ("0-15", "12")


def test_a_node_that_is_strict_keeps_what_it_has(scene: Scene) -> None:
    scene.add_guest(VF0, pins=("2", "3"))
    scene.audit()
    scene.domains.clear()
    scene.policy = Policy(numa=Numa.STRICT)
    scene.restart()
    scene.add_guest(VF0, pins=("10", "11"))
    found = document(scene.audit())
    assert found["devices"][0]["reason"] == "node_strict"
    assert scene.host.smp(40) == "2-3"


def test_a_crash_between_save_and_write_loses_no_original(scene: Scene) -> None:
    class Crash(BaseException):
        pass

    def crash(number: int) -> None:
        if number == 41:
            raise Crash

    scene.add_guest(VF0)
    scene.host.on_open_for_write = crash
    with pytest.raises(Crash):
        scene.audit()
    scene.host.on_open_for_write = lambda _number: None
    scene.restart()
    assert (scene.host.smp(40), scene.host.smp(41)) == ("2-3", "0-15")
    scene.audit()
    scene.domains.clear()
    scene.audit()
    assert (scene.host.smp(40), scene.host.smp(41)) == ("0-15", "0-15")


def test_an_interrupt_found_in_place_goes_back_to_the_default(scene: Scene) -> None:
    scene.host.put(scene.host.proc / "irq/default_smp_affinity", "0000,000000ff")
    for number in (40, 41):
        scene.host.put(scene.host.proc / f"irq/{number}/smp_affinity_list", "2-3")
    scene.add_guest(VF0)
    assert verdicts(scene.audit()) == {40: "pending", 41: "pending"}
    assert scene.host.writes == 0
    scene.domains.clear()
    scene.audit()
    assert (scene.host.smp(40), scene.host.smp(41)) == ("0-7", "0-7")


def test_no_pass_leaves_a_file_open(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    scene.audit()
    before = os.listdir("/proc/self/fd")
    for _ in range(20):
        scene.audit()
    assert len(os.listdir("/proc/self/fd")) <= len(before)


def break_xml(scene: Scene, uuid: str) -> None:
    """From now on libvirt does not give the XML of this guest."""
    domains = list(scene.active_domains())
    scene.list_domains = lambda: [
        Domain(domain.uuid, domain.name, error="stuck") if domain.uuid == uuid else domain for domain in domains
    ]


def test_a_guest_that_cannot_be_read_any_more_makes_no_other_dedicated(scene: Scene) -> None:
    scene.add_guest(VF0, pins=("4",), metadata="")
    scene.add_guest(VF1, pins=("4",), metadata="", uuid=OTHER)
    scene.audit()
    break_xml(scene, GUEST)
    outcome = scene.audit()
    assert {guest.uuid: guest.status.value for guest in outcome.guests} == {GUEST: "xml_invalid", OTHER: "shared_cpus"}
    assert scene.host.writes == 0


def test_an_interrupt_on_a_spare_cpu_goes_back_although_that_was_never_stored(scene: Scene) -> None:
    scene.policy = Policy(distribution=Distribution.SPREAD)
    scene.add_guest(VF0)
    scene.host.refuse(40, errno.ENOSPC, when=lambda cpus: cpus == "2")
    scene.host.on_open_for_write = lambda _number: scene.fill_disk()
    outcome = scene.audit()
    assert (scene.host.smp(40), outcome.exit_status()) == ("3", 1)
    assert "state.db" in (outcome.unsaved or "")

    scene.fill_disk(is_full=False)
    scene.host.on_open_for_write = lambda number: None
    scene.restart()
    scene.domains.clear()
    assert verdicts(scene.audit()) == {40: "set", 41: "set"}
    assert scene.host.smp(40) == "0-15"


def test_a_pass_for_one_guest_leaves_the_backoff_of_others(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.host.refuse(50, errno.ENOSPC)
    scene.audit()
    tried: list[int] = []
    scene.host.on_open_for_write = tried.append
    scene.audit(Scope(guest=GuestId(GUEST)))
    scene.audit()
    assert tried == []


def test_a_guest_is_looked_at_without_asking_libvirt_or_reading_others(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    scene.list_domains = lambda: pytest.fail("libvirt was asked")
    scene.host.add_vectors(VF0, [42], "0-15")
    scene.host.add_vectors(VF1, [52], "0-15")
    before = scene.store.load().records
    outcome = scene.auditor.look(GuestId(GUEST)).outcome
    assert verdicts(outcome) == {40: "ok", 41: "ok", 42: "set"}
    assert (scene.host.smp(42), scene.host.smp(52)) == ("2-3", "0-15")
    after = scene.store.load().records
    assert after[PciAddress.parse(VF1)] == before[PciAddress.parse(VF1)]


def test_one_guest_is_read_anew_and_what_it_lost_goes_back(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    del scene.domains[0]
    assert verdicts(scene.auditor.audit_guest(GuestId(GUEST)).outcome) == {40: "set", 41: "set"}
    assert (scene.host.smp(40), scene.host.smp(50)) == ("0-15", "12")
    assert set(scene.auditor.guests) == {OTHER}
    assert verdicts(scene.audit()) == {50: "ok", 51: "ok"}


def test_a_guest_that_moves_to_the_cpus_of_another_shares_them_in_its_own_pass(scene: Scene) -> None:
    """The pins of the others are as they were seen last."""
    scene.add_guest(VF0, pins=("2",), metadata="")
    scene.add_guest(VF1, pins=("4",), metadata="", uuid=OTHER)
    scene.audit()
    scene.domains.clear()
    scene.add_guest(VF0, pins=("4",), metadata="")
    (plan,) = scene.auditor.audit_guest(GuestId(GUEST)).outcome.guests
    assert plan.status.value == "shared_cpus"


def test_the_mask_of_a_notification_is_stored_and_heeded_after_a_restart(scene: Scene) -> None:
    scene.add_guest(VF0, metadata="")
    scene.audit()
    scene.auditor.remember(GuestId(GUEST), RememberedSpecs("1", "2026-11-20 12:00:01"))
    assert verdicts(scene.auditor.look(GuestId(GUEST)).outcome) == {40: "set", 41: "set"}
    assert scene.host.smp(40) == "3"
    scene.auditor.remember(GuestId(GUEST), RememberedSpecs("0", "2026-11-20 12:00:00"))
    scene.audit()
    scene.restart()
    outcome = scene.audit()
    assert [(guest.mask, guest.mask_source.value) for guest in outcome.guests] == [("1", "notification")]
    assert scene.host.smp(40) == "3"


def test_each_trouble_is_logged_once_with_guest_and_cause(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.add_masked_guest("9", VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.host.refuse(50, errno.EACCES)
    for _ in range(2):
        scene.audit()
    assert [record.levelname for record in caplog.records if record.levelname != "INFO"] == ["ERROR", "WARNING"]
    assert f"guest {GUEST}: instance-0: mask_out_of_range: " in caplog.text
    assert f"guest {OTHER}: {VF1} irq 50 stays on 0-15: denied: " in caplog.text

    scene.host.accept(50)
    scene.audit()
    scene.host.refuse(50, errno.EACCES)
    (scene.host.proc / "irq/50/smp_affinity_list").write_text("0-15\n")
    caplog.clear()
    scene.audit()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def reborn_at_write(scene: Scene, number: int, smp: str) -> None:
    """Have an interrupt born again, with another affinity, whenever it was opened and not yet written."""
    path, stale = scene.host.proc / f"irq/{number}/smp_affinity_list", [number]

    def bear(opened: int) -> None:
        if opened in stale:
            path.write_text(f"{smp}\n")

    scene.host.on_open_for_write = bear
    scene.host.refuse(number, errno.EIO, when=lambda _cpus: bool(stale) and stale.pop() == number)


def test_an_interrupt_that_is_born_again_before_its_write_is_placed_with_the_original_of_its_new_life(
    scene: Scene,
) -> None:
    scene.add_guest(VF0)
    reborn_at_write(scene, 40, "4-7")
    assert verdicts(scene.audit()) == {40: "set", 41: "set"}
    assert (scene.host.smp(40), scene.store.load().fixed) == ("2-3", {})
    scene.domains.clear()
    scene.audit()
    assert (scene.host.smp(40), scene.host.smp(41)) == ("4-7", "0-15")


def test_an_interrupt_that_is_born_again_in_its_place_has_no_known_original(scene: Scene) -> None:
    scene.add_guest(VF0)
    reborn_at_write(scene, 40, "2-3")
    assert verdicts(scene.audit()) == {40: "pending", 41: "set"}
    assert (scene.host.written, scene.host.smp(40)) == ([(41, "2-3")], "2-3")
    assert scene.store.load().records[PciAddress.parse(VF0)][40].original is None


def test_what_an_earlier_life_had_is_not_given_back_to_a_later_one(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    reborn_at_write(scene, 40, "4-7")
    assert verdicts(scene.audit()) == {40: "gone", 41: "set"}
    assert (scene.host.smp(40), scene.store.load().records) == ("4-7", {})


def test_the_original_of_a_new_life_is_stored_before_it_is_moved(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.add_guest(VF0)
    reborn_at_write(scene, 40, "4-7")
    save, stored = Store.save, []

    def refuse_the_second(store: Store, state: State) -> None:
        stored.append(state)
        if len(stored) == 2:
            raise StateError("disk full")
        save(store, state)

    monkeypatch.setattr(Store, "save", refuse_the_second)
    outcome = scene.audit()
    assert (verdicts(outcome)[40], outcome.exit_status(), scene.host.smp(40)) == ("denied", 1, "4-7")


def test_an_affinity_that_cannot_be_read_waits_and_keeps_its_true_original(scene: Scene) -> None:
    scene.add_guest(VF0)
    path = scene.host.proc / "irq/40/smp_affinity_list"
    path.write_text("unreadable\n")
    outcome = scene.audit()
    assert verdicts(outcome) == {40: "unread", 41: "set"}
    assert (outcome.exit_status(), outcome.summary()["pending"]) == (0, 1)
    assert set(scene.store.load().records[PciAddress.parse(VF0)]) == {41}
    path.write_text("8-15\n")
    assert verdicts(scene.audit()) == {40: "set", 41: "ok"}
    scene.domains.clear()
    path.write_text("unreadable\n")
    assert verdicts(scene.audit()) == {40: "unread", 41: "set"}
    path.write_text("2-3\n")
    assert verdicts(scene.audit()) == {40: "set"}
    assert (scene.host.smp(40), scene.host.smp(41)) == ("8-15", "0-15")


def test_a_file_that_a_kill_left_empty_is_ours(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    path = scene.host.proc / "irq/40/smp_affinity_list"
    path.write_text("")
    assert (verdicts(scene.audit()), scene.host.smp(40)) == ({40: "set", 41: "ok"}, "2-3")
    path.write_text("")
    scene.domains.clear()
    assert (verdicts(scene.audit()), scene.host.smp(40)) == ({40: "set", 41: "set"}, "0-15")


def test_an_empty_file_of_nobody_is_no_original(scene: Scene) -> None:
    (scene.host.proc / "irq/40/smp_affinity_list").write_text("")
    scene.add_guest(VF0)
    assert (verdicts(scene.audit()), scene.host.smp(40)) == ({40: "set", 41: "set"}, "2-3")
    assert scene.store.load().records[PciAddress.parse(VF0)][40].original is None


def test_an_original_whose_cpus_are_offline_is_given_back_when_they_return(scene: Scene) -> None:
    online = scene.host.sys / "devices/system/cpu/online"
    (scene.host.proc / "irq/40/smp_affinity_list").write_text("7\n")
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.host.put(online, "0-6,8-15")
    outcome = scene.audit()
    assert (verdicts(outcome), outcome.exit_status()) == ({40: "offline", 41: "set"}, 1)
    assert scene.host.smp(40) == "2-3"
    scene.restart()
    scene.host.put(online, "0-15")
    assert (verdicts(scene.audit()), scene.host.smp(40)) == ({40: "set"}, "7")


@pytest.mark.parametrize("code", [errno.EBUSY, errno.ENOSPC])
def test_a_release_that_did_not_happen_keeps_its_record(scene: Scene, code: int) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.host.refuse(40, code)
    scene.audit()
    scene.host.accept(40)
    scene.restart()
    assert (verdicts(scene.audit()), scene.host.smp(40)) == ({40: "set"}, "0-15")


def test_a_device_whose_files_fail_costs_nobody_else_anything(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    scene.audit()
    folder = scene.host.device_folder(VF0) / "msi_irqs"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("")
    for number in (40, 50):
        (scene.host.proc / f"irq/{number}/smp_affinity_list").write_text("0-15\n")
    outcome = scene.audit()
    assert (verdicts(outcome), outcome.exit_status()) == ({50: "set", 51: "ok"}, 0)
    reasons = {row["address"]: row["reason"] for row in document(outcome)["devices"]}
    assert reasons == {VF0: "unreadable", VF1: None}
    assert set(scene.store.load().records[PciAddress.parse(VF0)]) == {40, 41}


def rebind(scene: Scene, driver: str) -> None:
    link = scene.host.device_folder(VF0) / "driver"
    link.unlink()
    scene.host.link(link, scene.host.sys / "bus/pci/drivers" / driver)


def test_a_device_that_left_its_guest_is_not_written_until_libvirt_names_it_again(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.auditor.audit()
    rebind(scene, "iavf")
    for number in IRQS0:
        (scene.host.proc / f"irq/{number}/smp_affinity_list").write_text("8-15\n")
    looked = scene.auditor.look(parse_guest_id(GUEST))
    assert (verdicts(looked.outcome), [plan.is_unconfirmed for plan in looked.outcome.devices]) == ({}, [True])
    assert scene.host.smp(40) == "8-15"
    scene.domains.clear()
    scene.audit()
    assert (scene.host.smp(40), scene.store.load().records) == ("8-15", {})
    scene.add_guest(VF0)
    assert verdicts(scene.audit()) == {40: "set", 41: "set"}


@pytest.mark.parametrize("driver", ["vfio-pci", "mlx5_vfio_pci", "virtio-pci", "nvidia"])
def test_a_device_is_confirmed_with_whatever_driver_it_has_when_libvirt_names_it(scene: Scene, driver: str) -> None:
    scene.add_guest(VF0)
    rebind(scene, driver)
    assert verdicts(scene.audit()) == {40: "set", 41: "set"}


def test_a_device_of_which_the_kernel_has_told_waits_until_libvirt_is_asked(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    for number in IRQS0:
        (scene.host.proc / f"irq/{number}/smp_affinity_list").write_text("8-15\n")
    scene.auditor.doubt(PciAddress.parse(VF0))
    assert verdicts(scene.auditor.look(parse_guest_id(GUEST)).outcome) == {}
    assert (scene.host.smp(40), set(scene.store.load().records[PciAddress.parse(VF0)])) == ("8-15", {40, 41})
    assert verdicts(scene.auditor.audit_guest(parse_guest_id(GUEST)).outcome) == {40: "set", 41: "set"}


def test_an_interrupt_that_could_not_be_moved_is_tried_again_in_its_next_life(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.host.refuse(40, errno.EINVAL)
    assert verdicts(scene.audit())[40] == "immovable"
    scene.host.accept(40)
    assert verdicts(scene.audit())[40] == "immovable"
    born = scene.auditor.birth(40)
    assert born.result is not None
    assert (born.result.verdict.value, scene.host.smp(40)) == ("set", "2-3")
    assert verdicts(scene.audit())[40] == "ok"
    assert scene.store.load().fixed == {}


def test_a_claim_that_cannot_be_looked_up_for_a_moment_is_not_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_by_name(scene)

    def fail(path: str) -> str:
        if path.endswith("class/net/vf0"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return os.readlink(path)

    with monkeypatch.context() as broken:
        broken.setattr(scene.host, "readlink", fail)
        assert verdicts(scene.audit()) == {40: "ok", 41: "ok"}
        scene.restart()
        outcome = scene.audit()
        assert verdicts(outcome) == {}
        assert "Too many open files" in document(outcome)["guests"][0]["left_out"][0]["message"]
    assert (verdicts(scene.audit()), scene.host.smp(40)) == ({40: "ok", 41: "ok"}, "2-3")


def test_two_guests_on_the_same_cpus_are_placed_and_told(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("11", "12"))
    rows = {row["uuid"]: row for row in document(scene.audit())["guests"]}
    assert {uuid: (row["status"], row["reason"]) for uuid, row in rows.items()} == {
        GUEST: ("placed", "cpus_overlap"),
        OTHER: ("placed", "cpus_overlap"),
    }
    assert f"guest {OTHER} has CPU 11" in rows[GUEST]["message"]
    assert f"guest {GUEST} has CPU 11" in rows[OTHER]["message"]


def test_an_element_that_leads_to_no_device_costs_the_guest_nothing_else(scene: Scene) -> None:
    odd = "<interface type='vdpa'><source dev='/dev/vdpa-of-mine'/></interface>"
    scene.add_guest(VF0, odd)
    outcome = scene.audit()
    assert (verdicts(outcome), outcome.exit_status()) == ({40: "set", 41: "set"}, 0)
    left = document(outcome)["guests"][0]["left_out"]
    assert [(entry["element"], entry["reason"]) for entry in left] == [("interface type='vdpa'", "unresolved")]
    assert "/dev/vdpa-of-mine" in left[0]["message"]
