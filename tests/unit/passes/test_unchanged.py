# SPDX-License-Identifier: Apache-2.0
"""What a full pass costs while nothing changes, and that nothing which changes is overlooked for it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Fixed, RememberedSpecs
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.policy import Numa, Policy
from tests.fakes.domains import nova_metadata
from tests.fakes.scene import GUEST, IRQS0, IRQS1, OTHER, VF0, VF1, Scene
from tests.fakes.snapshots import make_record


@pytest.fixture
def steady(scene: Scene) -> Scene:
    """Two guests that a full pass found in their places, with originals stored."""
    scene.add_guest(VF0, metadata=nova_metadata("nfv"))
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"), metadata=nova_metadata("nfv"))
    domains = list(scene.active_domains())
    scene.list_domains = lambda: domains
    for _ in range(2):
        scene.audit()
    return scene


def test_a_full_pass_over_unchanged_guests_reads_two_files_an_interrupt_and_makes_nothing_anew(steady: Scene) -> None:
    lives = [steady.auditor.lives.of(GuestId(uuid)) for uuid in (GUEST, OTHER)]
    before = steady.auditor.audit()
    kept = [(life.part, life.decision, life.basis, dict(life.readings)) for life in lives]
    paths: Counter[tuple[str, str]] = Counter()
    steady.host.called = lambda call, path: paths.update([(call, path)])  # type: ignore[method-assign]
    after = steady.auditor.audit()
    below = f"{steady.host.proc}/irq/"
    assert {(call, path.removeprefix(below)): count for (call, path), count in paths.items() if below in path} == {
        (call, f"{number}/{name}"): 1
        for call in ("open", "read")
        for number in (*IRQS0, *IRQS1)
        for name in ("smp_affinity_list", "effective_affinity_list")
    } | {
        (call, "default_smp_affinity"): paths[call, f"{below}default_smp_affinity"] for call in ("open", "read", "stat")
    }
    assert not any("/kernel/irq/" in path or (path.endswith("/irq") and call == "read") for call, path in paths)
    assert after.draft.unchanged == {GUEST, OTHER}
    assert (after.draft.devices, after.draft.work.handled, after.draft.work.actions()) == ({}, {}, {})
    assert (after.frame, after.guests) == (before.frame, before.guests)
    assert [after.parts[life.uuid] is before.parts[life.uuid] is life.part for life in lives] == [True, True]
    for life, (part, decision, basis, readings) in zip(lives, kept, strict=True):
        assert (life.part, life.decision) == (part, decision)
        assert life.part is part
        assert life.decision is decision
        assert life.basis is basis
        assert all(life.readings[address] is reading for address, reading in readings.items())


def change_record(scene: Scene) -> None:
    """Store another original, as another process would."""
    with scene.store.exclusive():
        store = scene.store
        record = store.load().records[PciAddress.parse(VF0)][40]
        store.save(Changes({IrqId(PciAddress.parse(VF0), 40): replace(record, original=CpuSet([5]))}))


def put(path: str, text: str) -> Callable[[Scene], None]:
    return lambda scene: scene.host.put(scene.host.proc.parent / path, text)


def take_cpu(scene: Scene) -> None:
    scene.list_domains = None
    scene.add_guest(uuid="33333333-3333-3333-3333-333333333333", pins=("2",), metadata="")


def rename_guest(scene: Scene) -> None:
    scene.list_domains = None
    scene.domains[0] = scene.domains[0].replace("<name>instance-0<", "<name>another<")


def rebind(scene: Scene, driver: str) -> None:
    link = scene.host.device_folder(VF0) / "driver"
    link.unlink()
    scene.host.link(link, scene.host.driver_folder(driver))


INPUTS: dict[str, Callable[[Scene], object]] = {
    "affinity": put("proc/irq/41/smp_affinity_list", "0-15"),
    "effective affinity": put("proc/irq/41/effective_affinity_list", "3"),
    "interrupt that came": lambda scene: scene.host.add_vectors(VF0, [42], "0-15", "0"),
    "interrupt that went": lambda scene: (scene.host.device_folder(VF0) / "msi_irqs/41").unlink(),
    "interrupt that proc has no more": lambda scene: (scene.host.proc / "irq/41/smp_affinity_list").unlink(),
    "driver": lambda scene: rebind(scene, "mlx5_vfio_pci"),
    "no driver": lambda scene: (scene.host.device_folder(VF0) / "driver").unlink(),
    "numa_node": lambda scene: scene.host.put(scene.host.device_folder(VF0) / "numa_node", "1"),
    "physfn": lambda scene: scene.host.link(
        scene.host.device_folder(VF0) / "physfn", scene.host.device_folder("0000:41:00.0")
    ),
    "guest that takes a CPU": take_cpu,
    "policy": lambda scene: setattr(scene.auditor, "policy", Policy(numa=Numa.STRICT)),
    "remembered specs": lambda scene: scene.auditor.remember(
        GuestId(GUEST), RememberedSpecs("1", "2026-11-20 12:00:00")
    ),
    "record of another process": change_record,
    "interrupt that is fixed": lambda scene: scene.save(
        Changes(fixed={IrqId(PciAddress.parse(VF0), 41): Fixed(f"vfio-msix[1]({VF0})", Verdict.IMMOVABLE)})
    ),
    "record of this process": lambda scene: scene.save(
        Changes({IrqId(PciAddress.parse(VF0), 41): make_record(owner=GuestId(GUEST), original="5")})
    ),
    "node whose CPUs go offline": put("sys/devices/system/cpu/online", "8-15"),
    "node that loses a CPU": put("sys/devices/system/node/node0/cpulist", "0-2,4-7"),
    "default affinity": put("proc/irq/default_smp_affinity", "ff"),
    "doubt": lambda scene: scene.auditor.doubt(PciAddress.parse(VF0)),
    "name of the guest": rename_guest,
}


@pytest.mark.parametrize("change", INPUTS.values(), ids=INPUTS.keys())
def test_a_change_of_any_input_has_a_guest_decided_anew(steady: Scene, change: Callable[[Scene], object]) -> None:
    made = steady.auditor.audit()
    assert GUEST in made.draft.unchanged
    change(steady)
    after = steady.auditor.audit()
    assert GUEST not in after.draft.unchanged
    assert after.parts[GuestId(GUEST)] is not made.parts[GuestId(GUEST)]


@pytest.mark.parametrize("change", ["affinity", "interrupt that came", "driver", "numa_node", "physfn", "doubt"])
def test_what_changes_of_one_guests_devices_leaves_the_other_as_it_was(steady: Scene, change: str) -> None:
    INPUTS[change](steady)
    assert steady.auditor.audit().draft.unchanged >= {OTHER}
