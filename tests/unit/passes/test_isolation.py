# SPDX-License-Identifier: Apache-2.0
"""Passes that keep the host's own interrupts off the guests' CPUs, on a fake host with libvirt's own test driver."""

import errno
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import parse_guest_id
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.verdict import IrqReason, Verdict
from irqaffinity.observe.host_interrupts import HostInterrupts
from irqaffinity.observe.moment import read_moment
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.holds import add_hold
from irqaffinity.plan.policy import Isolation, IsolationMode, Policy, Scope
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.table import render_table
from tests.fakes.scene import GUEST, IRQS0, IRQS1, OTHER, VF0, VF1, Scene, document

NIC, NVME = "0000:01:00.0", "0000:02:00.0"
WIDE, BROAD, PINNED, FAR, MANAGED, TIMER, ELSEWHERE = 60, 61, 62, 63, 64, 9, 65
"""The host's interrupts: on all CPUs, on its node, on one guest's CPU, on both guests' CPUs, and so on."""

HOSTS = {WIDE: "0-15", BROAD: "0-7", PINNED: "2", FAR: "10-11", MANAGED: "3", TIMER: "0-15", ELSEWHERE: "4-5"}
ENFORCE = Isolation(mode=IsolationMode.ENFORCE, housekeeping_cpus=CpuSet.parse("0-1,8-9"))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path, Policy(isolation=ENFORCE))
    host = scene.host
    host.put(host.proc / "irq/default_smp_affinity", "ffff")
    host.add_device(NIC, 0, "mlx5_core")
    host.add_device(NVME, 1, "nvme")
    host.add_host_interrupt(WIDE, "eth0-0", HOSTS[WIDE], "2", address=NIC)
    host.add_host_interrupt(BROAD, "eth0-1", HOSTS[BROAD], "4", address=NIC)
    host.add_host_interrupt(PINNED, "eth0-2", HOSTS[PINNED], "2", address=NIC)
    host.add_host_interrupt(FAR, "nvme0q0", HOSTS[FAR], "10", address=NVME)
    host.add_host_interrupt(MANAGED, "nvme0q3", HOSTS[MANAGED], "3", address=NVME, is_managed=True)
    host.add_host_interrupt(TIMER, "acpi", HOSTS[TIMER], "0")
    host.add_host_interrupt(ELSEWHERE, "eth0-3", HOSTS[ELSEWHERE], "4", address=NIC)
    return scene


def places(scene: Scene) -> dict[int, str]:
    return {number: scene.host.smp(number) for number in HOSTS}


def default(scene: Scene) -> int:
    return int((scene.host.proc / "irq/default_smp_affinity").read_text().replace(",", ""), 16)


def described(outcome: Outcome) -> dict[str, Any]:
    return document(outcome)


def moved(outcome: Outcome) -> dict[int, str]:
    return {row["irq"]: row["verdict"] for row in described(outcome)["isolation"]["irqs"] if row["irq"] in HOSTS}


def test_no_movable_interrupt_of_the_host_can_come_to_a_guests_cpus(scene: Scene) -> None:
    scene.add_guest()
    outcome = scene.audit()
    assert places(scene) == {
        WIDE: "0-1,4-9,12-15",
        BROAD: "0-1,4-7",
        PINNED: "0-1",
        FAR: "8-9",
        MANAGED: "3",
        TIMER: "0-1,4-9,12-15",
        ELSEWHERE: "4-5",
    }
    assert default(scene) == 0b1111001111110011
    assert moved(outcome) == dict.fromkeys((WIDE, BROAD, PINNED, FAR, TIMER), "set")
    assert [row["irq"] for row in described(outcome)["intruders"]] == [MANAGED]
    assert outcome.exit_status() == 0


def test_a_second_pass_writes_nothing(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()
    scene.restart()
    writes = scene.host.writes
    outcome = scene.audit()
    assert moved(outcome) == {}
    assert (scene.host.writes, scene.saves) == (writes, 0)
    assert described(outcome)["isolation"]["moved"] == 5 + 4, "with those of devices that no guest has"
    assert "; 9 interrupts of the host kept away" in render_table(outcome)


def test_all_goes_back_when_the_guest_has_ended(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()
    scene.domains.clear()
    scene.restart()
    outcome = scene.audit()
    assert places(scene) == HOSTS
    assert default(scene) == 0xFFFF
    assert moved(outcome) == dict.fromkeys((WIDE, BROAD, PINNED, FAR, TIMER), "set")
    scene.audit()
    assert not scene.store.load().records


def test_what_was_moved_for_one_of_two_guests_goes_back_when_that_one_ends(scene: Scene) -> None:
    scene.add_guest(pins=("2", "3"))
    scene.add_guest(uuid=OTHER, pins=("10", "11"))
    scene.audit()
    assert (scene.host.smp(BROAD), scene.host.smp(FAR)) == ("0-1,4-7", "8-9")
    del scene.domains[0]
    scene.audit()
    assert (scene.host.smp(BROAD), scene.host.smp(PINNED), scene.host.smp(FAR)) == ("0-7", "2", "8-9")
    assert scene.host.smp(WIDE) == "0-9,12-15"
    assert default(scene) == 0b1111001111111111


def test_report_shows_the_intruders_and_moves_nothing(scene: Scene) -> None:
    scene.policy = Policy()
    scene.add_guest()
    outcome = scene.audit()
    assert places(scene) == HOSTS
    assert default(scene) == 0xFFFF
    assert scene.host.writes == 0
    rows = {row["irq"]: row for row in described(outcome)["intruders"]}
    assert {number: (row["cpus"], row["movable"], row["verdict"]) for number, row in rows.items()} == {
        WIDE: ("2", True, None),
        PINNED: ("2", True, None),
        FAR: ("10", True, None),
        MANAGED: ("3", False, "managed"),
    }
    assert rows[PINNED]["guests"] == [GUEST]
    assert rows[MANAGED]["name"] == "nvme0q3"
    assert rows[MANAGED]["device"] == NVME
    assert outcome.exit_status() == 0


def test_off_reads_none_of_the_hosts_interrupts(scene: Scene) -> None:
    scene.policy = Policy(isolation=Isolation(mode=IsolationMode.OFF))
    scene.add_guest()
    asked: list[str] = []
    scene.host.called = lambda call, path: asked.append(path)  # type: ignore[method-assign]
    outcome = scene.audit()
    assert described(outcome)["intruders"] == []
    assert not [path for path in asked if f"/irq/{WIDE}/" in path]


def test_a_switch_to_report_gives_all_back(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()
    for mode in (IsolationMode.REPORT, IsolationMode.OFF):
        scene.auditor.policy = Policy(isolation=ENFORCE)
        scene.audit()
        assert places(scene) != HOSTS
        scene.auditor.policy = Policy(isolation=Isolation(mode=mode))
        scene.audit()
        assert places(scene) == HOSTS
        assert default(scene) == 0xFFFF


def test_what_goes_back_in_report_mode_is_an_intruder_without_a_verdict(scene: Scene) -> None:
    scene.add_guest()
    scene.host.quiet.add(PINNED)
    scene.audit()
    scene.auditor.policy = Policy()
    outcome = scene.rehearse()
    assert moved(outcome) == dict.fromkeys((WIDE, BROAD, PINNED, FAR, TIMER), "would_set")
    rows = [row for row in described(outcome)["intruders"] if row["movable"]]
    assert [(row["irq"], row["target"], row["verdict"]) for row in rows] == [(PINNED, None, None)]


def test_a_dry_run_says_what_would_be_moved(scene: Scene) -> None:
    scene.add_guest()
    outcome = scene.rehearse()
    assert moved(outcome) == dict.fromkeys((WIDE, BROAD, PINNED, FAR, TIMER), "would_set")
    made = described(outcome)
    assert made["isolation"]["default"]["verdict"] == "would_set"
    assert {row["irq"]: row["verdict"] for row in made["intruders"] if row["irq"] in HOSTS} == {
        WIDE: "would_set",
        PINNED: "would_set",
        FAR: "would_set",
        MANAGED: "managed",
    }
    assert outcome.exit_status() == 2
    assert scene.host.writes == 0
    assert default(scene) == 0xFFFF


def test_a_reset_gives_all_back_without_libvirt(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    scene.audit()
    assert scene.host.smp(40) == "2-3"

    def unreachable() -> Any:
        raise LibvirtUnreachable("it is away")

    scene.restart()
    scene.list_domains = unreachable
    scene.auditor.reset()
    assert places(scene) == HOSTS
    assert default(scene) == 0xFFFF
    assert scene.host.smp(40) == "0-15"
    assert not scene.store.load().records


def test_too_few_housekeeping_cpus_move_nothing_and_that_is_a_failure(scene: Scene) -> None:
    scene.policy = Policy(isolation=Isolation(IsolationMode.ENFORCE, CpuSet.parse("0-1"), minimum=3))
    scene.add_guest()
    outcome = scene.audit()
    assert places(scene) == HOSTS
    assert default(scene) == 0xFFFF
    message = described(outcome)["isolation"]["message"]
    assert "2" in message
    assert "3" in message
    assert "minimum" in message
    assert outcome.exit_status() == 1
    bans = scene.auditor.bans()
    assert bans is not None
    assert str(bans.cpus) == "", "nor does irqbalance move it to the two"
    scene.auditor.policy = Policy(isolation=ENFORCE)
    scene.audit()
    bans = scene.auditor.bans()
    assert bans is not None
    assert bans.cpus


def test_a_narrowed_pass_shows_its_guests_intruders_and_moves_none(scene: Scene) -> None:
    scene.add_guest(VF0, pins=("2", "3"))
    scene.add_guest(VF1, uuid=OTHER, pins=("10", "11"))
    outcome = scene.audit(Scope(guest=parse_guest_id(OTHER)))
    assert places(scene) == HOSTS
    assert [row["irq"] for row in described(outcome)["intruders"]] == [FAR]


def test_pins_that_move_are_followed_by_the_pass_of_that_guest(scene: Scene) -> None:
    scene.add_guest(pins=("2", "3"))
    scene.audit()
    scene.domains.clear()
    scene.add_guest(pins=("4", "5"))
    scene.auditor.audit_guest(parse_guest_id(GUEST))
    assert scene.host.smp(PINNED) == "2"
    assert scene.host.smp(ELSEWHERE) == "0-1"
    assert scene.host.smp(BROAD) == "0-3,6-7"


def test_a_look_at_a_guest_with_the_same_cpus_reads_none_of_the_hosts_interrupts(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    asked: list[str] = []
    scene.host.called = lambda call, path: asked.append(path)  # type: ignore[method-assign]
    scene.auditor.look(parse_guest_id(GUEST))
    assert asked
    assert not [path for path in asked if f"/irq/{WIDE}/" in path]


def test_a_guests_own_interrupt_is_an_intruder_on_another_guests_cpus_alone(scene: Scene) -> None:
    scene.policy = Policy()
    scene.add_guest(VF0, pins=("2", "3"))
    scene.add_guest(VF1, uuid=OTHER, pins=("10", "11"))
    scene.host.put(scene.host.sys / "kernel/irq/50/actions", "vfio-msix[0](there)")
    scene.host.refuse(50, errno.ENOSPC)
    scene.host.put(scene.host.proc / "irq/50/effective_affinity_list", "2")
    scene.host.refuse(51, errno.ENOSPC)
    scene.host.put(scene.host.proc / "irq/51/effective_affinity_list", "10")
    outcome = scene.audit()
    rows = {row["irq"]: (row["cpus"], row["guests"], row["owner"]) for row in described(outcome)["intruders"]}
    assert rows[50] == ("2", [GUEST], OTHER)
    assert [row["name"] for row in described(outcome)["intruders"] if row["irq"] == 50] == ["vfio-msix[0](there)"]
    assert 51 not in rows
    assert 40 not in rows


def test_an_interrupt_born_with_the_narrowed_default_gets_the_wide_one_later(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()
    born = scene.host.proc / "irq/default_smp_affinity"
    narrow = CpuSet.from_mask(int(born.read_text(), 16))
    scene.host.add_host_interrupt(70, "eth0-9", str(narrow), "0", address=NIC)
    scene.audit()
    assert scene.host.smp(70) == str(narrow)
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(70) == "0-15"


def test_an_interrupt_that_had_the_narrow_value_before_keeps_it(scene: Scene) -> None:
    narrow = "0-1,4-9,12-15"
    scene.host.add_host_interrupt(70, "eth0-9", narrow, "0", address=NIC)
    scene.add_guest()
    scene.audit()
    scene.restart()
    scene.audit()
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(70) == narrow


def test_a_guests_interrupt_born_with_the_narrowed_default_gets_the_wide_one_later(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()
    scene.domains.clear()
    narrow = CpuSet.from_mask(default(scene))
    scene.add_guest(VF0)
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", str(narrow))
    scene.audit()
    assert scene.host.smp(40) == "2-3"
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(40) == "0-15"


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_guests_interrupt_that_had_the_narrow_value_before_gets_it_back(scene: Scene, *, is_reset: bool) -> None:
    """Somebody had chosen it: that it is the narrowed default as well is chance."""
    narrow = "0-1,4-9,12-15"
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", narrow)
    scene.add_guest(VF0)
    scene.audit()
    scene.restart()
    if is_reset:
        scene.auditor.reset()
    else:
        scene.domains.clear()
        scene.add_guest()
        scene.audit()
        scene.restart()
        scene.domains.clear()
        scene.audit()
    assert scene.host.smp(40) == narrow


def test_the_state_that_cannot_be_stored_keeps_everything_where_it_is(scene: Scene) -> None:
    scene.add_guest()
    scene.rehearse()
    scene.fill_disk()
    outcome = scene.audit()
    assert places(scene) == HOSTS
    assert default(scene) == 0xFFFF
    assert outcome.unsaved is not None
    assert outcome.exit_status() == 1


def test_an_interrupt_that_somebody_moves_to_a_guests_cpu_is_put_back(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()
    (scene.host.proc / f"irq/{BROAD}/smp_affinity_list").write_text("3\n")
    made = scene.auditor.audit()
    assert scene.host.smp(BROAD) == "0-1,4-7"
    assert [drift.irq.number for drift in made.drifts] == [BROAD]
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(BROAD) == "0-7"


def test_what_moves_as_cpus_go_offline_and_come_back_has_not_drifted(scene: Scene) -> None:
    """virtio_net gives its interrupts to all online CPUs then; three drifts within an hour would be a fight."""
    scene.add_guest()
    scene.audit()
    for online in ("0-14", "0-15", "0-14", "0-15"):
        scene.host.put(scene.host.sys / "devices/system/cpu/online", online)
        (scene.host.proc / f"irq/{BROAD}/smp_affinity_list").write_text(f"{online}\n")
        made = scene.auditor.audit()
        assert (scene.host.smp(BROAD), made.drifts) == ("0-1,4-7", [])


@pytest.mark.parametrize(("is_reborn", "original"), [(False, "0-1,4,6-7"), (True, "0-7")])
def test_an_old_interrupt_is_not_taken_for_a_new_one_because_cpus_are_offline(
    scene: Scene, is_reborn: bool, original: str
) -> None:
    """With CPU 5 offline, the default leaves a new interrupt on this node just what an old one has had all along."""
    (scene.host.proc / f"irq/{ELSEWHERE}/smp_affinity_list").write_text("0-1,4,6-7\n")
    scene.add_guest()
    scene.audit()
    scene.host.put(scene.host.sys / "devices/system/cpu/online", "0-4,6-15")
    if is_reborn:
        scene.auditor.note_ends([ELSEWHERE])
    scene.audit()
    scene.audit()
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(ELSEWHERE) == original


@pytest.mark.parametrize(("born", "place"), [("3-5", "4-5"), (HOSTS[BROAD], "0-1,4-7")])
def test_an_interrupt_that_was_born_again_has_not_drifted(scene: Scene, born: str, place: str) -> None:
    scene.add_guest()
    scene.audit()
    scene.auditor.note_ends([BROAD])
    (scene.host.proc / f"irq/{BROAD}/smp_affinity_list").write_text(f"{born}\n")
    made = scene.auditor.audit()
    assert (scene.host.smp(BROAD), made.drifts) == (place, [])
    (scene.host.proc / f"irq/{BROAD}/smp_affinity_list").write_text("2\n")
    assert [drift.irq.number for drift in scene.auditor.audit().drifts] == [BROAD], "it is known again"
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(BROAD) == born


def test_an_interrupt_that_was_allocated_anew_under_its_number_has_its_new_original(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()
    scene.host.remove_interrupt(BROAD)
    other = scene.host.device_folder(NIC) / "msi_irqs/between"  # takes the inode number, which sysfs never gives twice
    scene.host.put(other, "msix")
    scene.host.add_host_interrupt(BROAD, "eth0-1", "3-5", "4", address=NIC)
    made = scene.auditor.audit()
    assert (scene.host.smp(BROAD), made.drifts) == ("4-5", [])
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(BROAD) == "3-5"


@pytest.mark.parametrize("hears", [True, False])
@pytest.mark.parametrize(("born", "original"), [("3-5", "3-5"), ("0-15", "0-15"), ("0-1,4-7", "0-7")])
def test_what_another_process_has_moved_since_it_was_born_again_goes_back_to_its_new_original(
    scene: Scene, hears: bool, born: str, original: str
) -> None:
    scene.add_guest()
    scene.audit()
    scene.host.remove_interrupt(ELSEWHERE)
    scene.host.put(scene.host.device_folder(NIC) / "msi_irqs/between", "msix")
    scene.host.add_host_interrupt(ELSEWHERE, "eth0-3", born, "4", address=NIC)
    if hears:
        scene.auditor.note_ends([ELSEWHERE])
    Auditor("cmp-12", scene.host.root, scene, scene.policy, scene.store).audit()
    assert not CpuSet.parse(scene.host.smp(ELSEWHERE)) & CpuSet([2, 3, 10, 11])
    scene.audit()
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(ELSEWHERE) == original


def test_an_interrupt_that_was_allocated_anew_is_tried_again_and_waits_anew(scene: Scene) -> None:
    scene.add_guest(pins=("2",))
    scene.host.refuse(PINNED, errno.EIO)
    scene.audit()
    assert [irq.number for irq in scene.store.load().fixed] == [PINNED]
    moment = read_moment(scene.host.root)
    add_hold(scene.store, moment, moment.now + timedelta(hours=1), "why")
    scene.add_guest(uuid=OTHER, pins=("5",))
    scene.audit()
    scene.audit()
    assert {irq.number: row.times for irq, row in scene.store.load().deferred.items()}[BROAD] == 2
    scene.host.accept(PINNED)
    for number in (PINNED, BROAD):
        scene.host.remove_interrupt(number)
        scene.host.put(scene.host.device_folder(NIC) / f"msi_irqs/between-{number}", "msix")
        scene.host.add_host_interrupt(number, f"eth0-{number - BROAD + 1}", HOSTS[number], "2", address=NIC)
    scene.audit()
    state = scene.store.load()
    assert not state.fixed
    assert {irq.number: row.times for irq, row in state.deferred.items()}[BROAD] == 1
    assert scene.host.smp(PINNED) == HOSTS[PINNED]


def test_a_birth_beside_the_end_of_a_guests_interrupt_is_seen(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.auditor.isolate()
    scene.host.remove_interrupt(41)
    scene.auditor.note_ends([41])
    scene.host.add_host_interrupt(70, "eth0-9", "3-5", "4", address=NIC)
    scene.auditor.birth(70)
    scene.auditor.isolate()
    assert scene.host.smp(70) == "4-5"


def test_while_not_all_devices_of_guests_are_known_no_interrupt_of_vfio_is_moved_or_forgotten(scene: Scene) -> None:
    dpdk = "0000:05:00.0"
    scene.host.add_device(dpdk, 0, "vfio-pci")
    scene.host.add_host_interrupt(72, f"vfio-msix[0]({dpdk})", "2-5", "2", address=dpdk)
    scene.add_guest(pins=("2", "3"))
    scene.audit()
    assert scene.host.smp(72) == "4-5"
    scene.add_guest(uuid=OTHER, pins=("4",))
    domains = scene.active_domains()
    scene.list_domains = lambda: [replace(each, xml="<domain") if each.uuid == OTHER else each for each in domains]
    (scene.host.proc / "irq/72/smp_affinity_list").write_text("3\n")
    scene.audit()
    assert scene.host.smp(72) == "3"
    scene.list_domains = list
    (scene.host.proc / "irq/72/smp_affinity_list").write_text("4-5\n")
    scene.audit()
    assert scene.host.smp(72) == "2-5"


def test_an_interrupt_born_with_the_number_that_a_guest_had_until_then_leaves_before_the_guest_is_looked_at(
    scene: Scene,
) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.host.remove_interrupt(41)
    scene.auditor.note_ends([41])
    scene.host.add_host_interrupt(41, "eth0-9", "3-5", "4", address=NIC)
    assert scene.auditor.birth(41).may_be_hosts
    for _ in range(2):
        scene.auditor.isolate()
        assert scene.host.smp(41) == "4-5"
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(41) == "3-5"


def test_a_number_that_is_a_guests_again_is_left_to_the_guest(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.host.remove_interrupt(41)
    scene.auditor.note_ends([41])
    assert scene.auditor.birth(41).may_be_hosts, "it is not in its place yet"
    scene.host.add_vectors(VF0, [41], "0-15", effective="0")
    scene.auditor.isolate()
    assert scene.host.smp(41) == "0-15"
    scene.audit()
    assert scene.host.smp(41) == "2-3"


def test_an_interrupt_without_a_vector_is_a_warning_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.policy = Policy(isolation=Isolation(IsolationMode.ENFORCE, CpuSet.parse("0-1"), minimum=1))
    scene.add_guest(pins=("2",))
    rows = "".join(f"    {cpu}     3     0     0  195  33-37\n" for cpu in range(16))
    table = f"name:   VECTOR\nSystem: 38: 0-19\n | CPU | avl | man | mac | act | vectors\n{rows}"
    scene.host.put(scene.host.sys / "kernel/debug/irq/domains/VECTOR", table)
    for _ in range(3):
        outcome = scene.audit()
    assert moved(outcome)[PINNED] == "no_vector"
    assert outcome.exit_status() == 1
    assert sum(f"irq {WIDE} stays on 0-15: no_vector" in message for message in caplog.messages) == 1


def test_one_that_is_tried_again_and_again_is_a_warning_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    auditor = Auditor("cmp-12", scene.host.root, scene, scene.policy, scene.store, clock=lambda: now[0])
    scene.add_guest(VF0)
    for number in (PINNED, 40):
        scene.host.refuse(number, errno.ENOSPC)
    tries = []
    for _ in range(12):
        outcome = auditor.audit().outcome
        now[0] += 50.0
        results = (*outcome.results, *(outcome.isolated.results if outcome.isolated is not None else ()))
        tries += [result.reason for result in results if result.verdict is Verdict.NO_VECTOR]
    assert {None, IrqReason.BACKOFF} == set(tries)
    assert tries.count(None) > 2 * 2
    for number in (PINNED, 40):
        assert sum(f"irq {number} stays on " in message for message in caplog.messages) == 1


@pytest.mark.parametrize(("code", "verdict"), [(errno.EIO, "managed"), (errno.EINVAL, "immovable")])
def test_an_intruder_that_turns_out_to_be_fixed_is_not_told_as_movable(scene: Scene, code: int, verdict: str) -> None:
    scene.add_guest()
    scene.host.refuse(PINNED, code)
    for _ in range(2):
        rows = {row["irq"]: row for row in described(scene.audit())["intruders"]}
        assert rows[PINNED]["movable"] is False
        assert (rows[PINNED]["target"], rows[PINNED]["verdict"]) == (None, verdict)


def test_a_guests_intruder_that_turned_out_to_be_fixed_is_not_told_as_movable(scene: Scene) -> None:
    scene.add_guest(VF0, pins=("4",))
    scene.add_guest(VF1, uuid=OTHER, pins=("0",))
    scene.host.refuse(40, errno.EINVAL)
    (row,) = (row for row in described(scene.audit())["intruders"] if row["irq"] == 40)
    assert (row["movable"], row["verdict"]) == (False, "immovable")


def test_one_that_could_not_be_moved_does_not_count_as_kept_away(scene: Scene) -> None:
    scene.add_guest()
    scene.host.refuse(PINNED, errno.ENOSPC)
    counts = [described(scene.audit())["isolation"]["moved"]]
    scene.host.accept(PINNED)
    scene.restart()
    counts.append(described(scene.audit())["isolation"]["moved"])
    others = (WIDE, BROAD, FAR, TIMER, *IRQS0, *IRQS1)
    assert counts == [len(others), len(others) + 1]


def test_one_that_cannot_be_read_for_a_while_still_gets_its_original_back(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()

    def fail(call: str, path: str) -> None:
        if call == "open" and path.endswith(f"/irq/{PINNED}/smp_affinity_list"):
            raise OSError(errno.EMFILE, "Too many open files")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene.host, "called", fail)
        outcome = scene.audit()
    assert moved(outcome)[PINNED] == "unread"
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(PINNED) == HOSTS[PINNED]


@pytest.mark.parametrize(("minimum", "banned"), [(2, "2-3,10-11"), (5, "")])
def test_irqbalance_shall_leave_guests_cpus_unless_nothing_is_moved_away_from_them(
    scene: Scene, minimum: int, banned: str
) -> None:
    scene.policy = Policy(isolation=replace(ENFORCE, minimum=minimum))
    scene.host.put(scene.host.proc / "irq/default_smp_affinity", "")
    scene.add_guest()
    outcome = scene.audit()
    assert outcome.isolated is not None
    assert outcome.isolated.trouble is not None
    bans = scene.auditor.bans()
    assert (None if bans is None else str(bans.cpus)) == banned


def test_until_libvirt_has_named_the_guests_once_nothing_is_given_back(scene: Scene) -> None:
    scene.add_guest()
    scene.audit()
    before = places(scene)
    scene.restart()
    assert scene.auditor.isolate() is None
    assert (places(scene), scene.saves) == (before, 0)
    scene.audit()
    assert scene.auditor.isolate() is not None


def test_a_vfio_interrupt_of_no_device_holds_up_no_other_record(scene: Scene) -> None:
    scene.host.add_host_interrupt(71, "vfio-msi[0](0000:99:00.0)", "2", "2")
    scene.add_guest()
    scene.audit()
    assert scene.host.smp(71) == "2"
    scene.domains.clear()
    scene.audit()
    scene.audit()
    assert not scene.store.load().records


@pytest.mark.parametrize("handlers", ["vfio-intx({0}),ehci_hcd:usb1", "ehci_hcd:usb1,vfio-intx({0})"])
def test_a_line_that_a_guest_shares_with_the_host_stays_whoever_came_first(scene: Scene, handlers: str) -> None:
    guests, hosts = "0000:05:00.0", "0000:06:00.0"
    for address, driver in ((guests, "vfio-pci"), (hosts, "ehci-pci")):
        scene.host.add_device(address, 0, driver)
        scene.host.put(scene.host.device_folder(address) / "irq", "18")
    scene.host.add_host_interrupt(18, handlers.format(guests), "0-15", "2")
    scene.add_guest(guests)
    scene.audit()
    assert scene.host.smp(18) == "0-15"


def test_what_is_wrong_with_the_host_is_logged_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.policy = Policy(isolation=Isolation(IsolationMode.ENFORCE, CpuSet.parse("0-1"), minimum=3))
    scene.add_guest()
    scene.audit()
    scene.audit()
    assert sum("host: " in message and "minimum" in message for message in caplog.messages) == 1


def test_a_dry_run_logs_why_it_would_fail(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """With --quiet nothing else says it."""
    scene.policy = Policy(isolation=Isolation(IsolationMode.ENFORCE, CpuSet.parse("0-1"), minimum=3))
    scene.add_guest()
    assert scene.rehearse().exit_status() == 1
    assert sum("host: " in message and "minimum" in message for message in caplog.messages) == 1


def test_a_target_that_is_about_to_run_out_of_vectors_is_logged_before_it_does(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.add_guest(VF0, pins=("2", "3"))
    table = scene.host.sys / "kernel/debug/irq/domains/VECTOR"
    rows = "".join(f"    {cpu}   {3 if cpu in (2, 3) else 197}     0     0    5  33-37\n" for cpu in range(16))
    scene.host.put(table, f"name:   VECTOR\nSystem: 38: 0-19\n | CPU | avl | man | mac | act | vectors\n{rows}")
    outcome = scene.audit()
    scene.audit()
    assert sum("CPUs 2-3, where interrupts belong, have 6 of 16 " in message for message in caplog.messages) == 0
    rows = "".join(f"    {cpu}   {3 if cpu in (2, 3) else 197}     0     0  195  33-37\n" for cpu in range(16))
    scene.host.put(table, f"name:   VECTOR\nSystem: 38: 0-19\n | CPU | avl | man | mac | act | vectors\n{rows}")
    outcome = scene.audit()
    scene.audit()
    assert outcome.isolated is not None
    assert [(str(each.cpus), each.free) for each in outcome.isolated.shortages] == [("2-3", 6)]
    assert sum("CPUs 2-3, where interrupts belong" in message for message in caplog.messages) == 1


def test_the_cpus_of_a_guest_that_was_never_readable_get_nothing_back(scene: Scene) -> None:
    scene.add_guest(pins=("2", "3"))
    scene.add_guest(uuid=OTHER, pins=("10", "11"))
    scene.audit()
    before, narrow = places(scene), default(scene)
    scene.restart()
    domains = scene.active_domains()
    broken = [replace(domain, xml="<domain") if domain.uuid == OTHER else domain for domain in domains]
    scene.list_domains = lambda: broken
    writes = scene.host.writes
    scene.audit()
    assert (places(scene), default(scene), scene.host.writes) == (before, narrow, writes)
    (scene.host.proc / f"irq/{BROAD}/smp_affinity_list").write_text("3\n")
    scene.audit()
    assert scene.host.smp(BROAD) == "0-1,4-7", "what is known to be a guest's is still kept"
    scene.list_domains = lambda: [domain for domain in domains if domain.uuid != OTHER]
    scene.audit()
    assert scene.host.smp(FAR) == HOSTS[FAR]


@pytest.mark.parametrize("kind", [HostUnreadable, OSError])
def test_a_host_that_cannot_be_read_any_more_costs_no_report_of_the_guests(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(*_arguments: object) -> Any:
        raise kind("/proc/irq cannot be read")

    scene.add_guest(VF0)
    monkeypatch.setattr(HostInterrupts, "read", fail)
    outcome = scene.audit()
    assert {result.action.number for result in outcome.results} == {40, 41}
    assert described(outcome)["isolation"]["message"] == "/proc/irq cannot be read"
    assert outcome.exit_status() == 1


def test_a_hold_on_the_host_leaves_its_interrupts_by_any_way(scene: Scene) -> None:
    scene.add_guest(pins=("2", "3"))
    scene.audit()
    moment = read_moment(scene.host.root)
    add_hold(scene.store, moment, moment.now + timedelta(hours=1), "why")
    scene.host.put(scene.host.proc / f"irq/{WIDE}/smp_affinity_list", HOSTS[WIDE])
    before, writes = places(scene), scene.host.writes
    for _ in range(2):
        scene.auditor.isolate()
    assert waits(scene) == {WIDE: 1}
    scene.add_guest(uuid=OTHER, pins=("10", "11"))
    scene.auditor.audit_guest(parse_guest_id(OTHER))
    assert waits(scene)[WIDE] == 1, "a look is not one time more that it was asked for"
    assert waits(scene).keys() >= {WIDE, FAR, DEFAULT.number}
    assert moved(scene.audit())[WIDE] == "held"
    assert waits(scene)[WIDE] == 2
    assert (places(scene), scene.host.writes) == (before, writes)
    scene.auditor.reset(is_forced=True)
    assert (places(scene), waits(scene)) == (HOSTS, {})


def waits(scene: Scene) -> dict[int, int]:
    """Return how often each interrupt that waits was asked for."""
    return {irq.number: row.times for irq, row in scene.store.load().deferred.items()}
