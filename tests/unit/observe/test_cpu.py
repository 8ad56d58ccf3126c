# SPDX-License-Identifier: Apache-2.0
"""What the host shows of one CPU."""

import pytest

from irqaffinity.model.cpu import CpuFacts
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.observe.cpu import read_cpu, read_present
from irqaffinity.observe.topology import read_topology
from tests.fakes.counts import Counts
from tests.fakes.scene import Scene

NVME = "0000:03:00.0"


def facts(scene: Scene, cpu: int) -> CpuFacts:
    return read_cpu(scene.host.root, cpu, read_topology(scene.host.root))


@pytest.fixture
def counts(scene: Scene) -> Counts:
    """An NVMe queue that the kernel manages, a timer that came here once, and an interrupt that is elsewhere."""
    scene.host.add_device(NVME, 0, "nvme")
    scene.host.add_host_interrupt(102, "nvme0q3", "2", "2", address=NVME, is_managed=True)
    scene.host.add_host_interrupt(9, "acpi", "0-1", "0")
    scene.host.add_host_interrupt(8, "rtc0", "0-1", "0")
    made = Counts(scene.host, "0-15")
    for number, name, arrived in ((102, "nvme0q3", {2: 1205}), (9, "acpi", {2: 7}), (8, "rtc0", {0: 9})):
        made.add(number, name, arrived)
    return made


def test_what_may_come_and_what_came_is_there(scene: Scene, counts: Counts) -> None:
    counts.write()
    found = {each.interrupt.number: each for each in facts(scene, 2).interrupts}
    assert found.keys() == {9, 40, 41, 50, 51, 102}
    assert [(found[number].name, found[number].arrived) for number in (9, 102)] == [("acpi", 7), ("nvme0q3", 1205)]
    assert [found[number].device for number in (9, 102)] == [NO_DEVICE, PciAddress.parse(NVME)]
    assert [found[number].interrupt.writable for number in (9, 102)] == [True, False]
    assert found[40].arrived is None


def test_the_counts_come_from_the_other_place_where_one_is_missing(scene: Scene, counts: Counts) -> None:
    counts.writes_table = False
    counts.write()
    seen = facts(scene, 2)
    assert {each.interrupt.number: each.arrived for each in seen.interrupts if each.arrived} == {9: 7, 102: 1205}
    assert seen.ticks is None


def test_without_any_counts_the_affinity_is_shown(scene: Scene) -> None:
    scene.host.add_host_interrupt(9, "acpi", "0-1", "0")
    assert {each.interrupt.number: each.arrived for each in facts(scene, 0).interrupts} == {
        9: None,
        40: None,
        41: None,
        50: None,
        51: None,
    }


def test_the_local_timer_is_that_of_the_cpu(scene: Scene, counts: Counts) -> None:
    counts.online = CpuSet.parse("0-6,8-15")
    counts.write()
    assert [facts(scene, cpu).ticks for cpu in (0, 6, 7, 8, 15)] == [0, 6, None, 8, 15]
    table = scene.host.proc / "interrupts"
    table.write_text(table.read_text().replace("LOC:", "IPI0:"))
    assert facts(scene, 6).ticks is None


def test_its_place_and_what_the_kernel_was_told(scene: Scene) -> None:
    folder = scene.host.sys / "devices/system/cpu"
    scene.host.put(folder / "present", "0-16")
    scene.host.put(folder / "isolated", "2-3")
    scene.host.put(folder / "nohz_full", "  (null)")
    scene.host.put(folder / "cpu2/topology/thread_siblings_list", "2,10")
    scene.host.add_process(77, "irqbalance")
    seen = facts(scene, 2)
    assert (seen.is_online, seen.node, seen.core) == (True, 0, CpuSet.parse("2,10"))
    assert (seen.isolated, seen.nohz_full) == (CpuSet.parse("2-3"), None)
    assert [name for name, found, advice in seen.rivals if found and advice] == ["irqbalance"]
    offline = facts(scene, 16)
    assert (offline.is_online, offline.node, offline.core) == (False, None, CpuSet())
    assert read_present(scene.host.root) == CpuSet.parse("0-16")


def test_a_host_that_does_not_tell_its_cpus_has_those_that_are_online(scene: Scene) -> None:
    assert read_present(scene.host.root) == CpuSet.parse("0-15")
