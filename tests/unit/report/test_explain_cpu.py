# SPDX-License-Identifier: Apache-2.0
"""All that is told of one CPU."""

import errno
import os
from dataclasses import replace

import pytest

from irqaffinity.cli.explain_cpu import explain_cpu_of
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.verdict import Verdict
from irqaffinity.passes.made import Pass
from irqaffinity.plan.policy import Isolation, IsolationMode, Policy
from irqaffinity.report.explain import Rule
from irqaffinity.report.explain_cpu import MOST_INTERRUPTS
from tests.fakes.counts import Counts
from tests.fakes.isolated import isolated, moved
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene

NVME = "0000:03:00.0"
ENFORCE = Policy(isolation=Isolation(IsolationMode.ENFORCE))


def rules_of(scene: Scene, cpu: int, made: Pass | None = None) -> list[Rule]:
    made = scene.auditor.rehearse(logs=False) if made is None else made
    return list(explain_cpu_of(cpu, made, scene.policy, scene.host.root, scene.store.peek().fixed))


def told(scene: Scene, cpu: int, name: str) -> list[str]:
    return [text for rule, text in rules_of(scene, cpu) if rule == name]


@pytest.fixture(autouse=True)
def x86(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine be of a kind whose CPUs have a known number of vectors."""
    machine = os.uname_result((*os.uname()[:4], "x86_64"))
    monkeypatch.setattr(os, "uname", lambda: machine)


@pytest.fixture
def counts(scene: Scene) -> Counts:
    """A guest with CPU 2, a managed queue on it, and receive queues of the host that may come there."""
    scene.add_guest(VF0)
    scene.host.add_device(NVME, 0, "nvme")
    scene.host.add_host_interrupt(102, "nvme0q3", "2", "2", address=NVME, is_managed=True)
    made = Counts(scene.host, "0-15")
    made.add(102, "nvme0q3", {2: 1205})
    made.writes_files = False
    for number in (60, 61):
        scene.host.add_host_interrupt(number, f"eth0-rx-{number - 60}", "0-15", "2")
        made.add(number, f"eth0-rx-{number - 60}", {2: number})
    made.write()
    return made


@pytest.mark.usefixtures("counts")
def test_a_kept_cpu_is_explained_from_its_guest_to_its_vectors(scene: Scene) -> None:
    remedy = (
        "with isolcpus=managed_irq,domain,2-3,10-11 on the kernel command line, a queue that has other CPUs too "
        "arrives on those; a queue that has isolated CPUs alone arrives only when one of these uses its device"
    )
    housekeeping = "[isolation] mode = enforce moves interrupts off the kept CPUs"
    nohz_full = "nohz_full=2-3,10-11 on the kernel command line stops it while a single task runs there"
    assert rules_of(scene, 2) == [
        ("cpu", "2: online, NUMA node 0"),
        ("kept for", f"vCPU 0 of guest instance-0 {GUEST}"),
        ("belong here", f"40-41 of {VF0}, device of guest instance-0"),
        ("may come", "7 interrupts by affinity; the hardware sends 3 here now"),
        ("irq 102", f"1205 since boot: nvme0q3 of {NVME}, affinity 2, effective 2; managed"),
        ("irq 61", "61 since boot: eth0-rx-1, affinity 0-15, effective 2"),
        ("irq 60", "60 since boot: eth0-rx-0, affinity 0-15, effective 2"),
        ("irq 40", f"not counted: vfio-msix[0]({VF0}), guest instance-0, affinity 0-15, effective 0"),
        ("irq 41", f"not counted: vfio-msix[1]({VF0}), guest instance-0, affinity 0-15, effective 0"),
        ("irq 50", f"not counted: vfio-msix[0]({VF1}), affinity 0-15, effective 0"),
        ("irq 51", f"not counted: vfio-msix[1]({VF1}), affinity 0-15, effective 0"),
        ("intruders", f"50-51,60-61 (vfio-msix[*]({VF1}), eth0-rx-*) of the host can be moved: {housekeeping}"),
        ("intruders", f"102 (nvme0q3) of the host cannot be moved: {remedy}"),
        ("timer", f"2 ticks since boot; {nohz_full}"),
        ("vectors", "at most 199 of 202 are free"),
    ]


@pytest.mark.usefixtures("counts")
def test_a_cpu_of_the_host_has_no_intruders(scene: Scene) -> None:
    rules = dict(rules_of(scene, 0))
    assert rules["kept for"] == "no guest has it to itself: the host's own work, and other guests, may run here"
    assert not {"intruders", "timer", "belong here", "also here"} & rules.keys()
    assert rules["vectors"] == "at most 198 of 202 are free"


def test_other_threads_of_guests_that_may_run_there_are_shown(scene: Scene) -> None:
    scene.add_guest(VF0)
    pinned = "<emulatorpin cpuset='2,5'/><iothreadpin iothread='1' cpuset='2'/>"
    scene.add_guest(uuid=OTHER, pins=("4", "0-7", "1"), cputune=pinned)
    scene.domains[1] = scene.domains[1].replace("<cputune>", "<iothreads>1</iothreads><cputune>")
    scene.add_guest(uuid=OTHER.replace("2", "3"), pins=("", ""), metadata="")
    scene.add_guest(uuid=OTHER.replace("2", "4"), pins=("", ""), metadata="")
    assert told(scene, 2, "also here") == [
        f"the emulator and iothreads and vCPU 1 of guest instance-1 {OTHER} may run on it",
        "vCPUs without a pin of guests instance-2, instance-3 may run on it",
    ]
    assert told(scene, 9, "also here") == ["vCPUs without a pin of guests instance-2, instance-3 may run on it"]


def test_no_boot_parameter_is_named_for_what_the_hardware_keeps(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.host.add_host_interrupt(70, "vfio-msix[0](0000:05:00.0)", "2", "2", is_managed=True)
    [why] = [text for text in told(scene, 2, "intruders") if text.startswith("70 ")]
    assert why.endswith(" of the host cannot be moved")


def test_an_interrupt_of_another_guest_is_an_intruder_where_it_comes(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4",))
    for number in (40, 50):
        (scene.host.proc / f"irq/{number}/effective_affinity_list").write_text("2")
    whose = "50 of guest instance-1: irqaffinity explain IRQ says why they are here"
    assert told(scene, 2, "intruders") == [whose]
    assert told(scene, 3, "intruders") == [
        "none: no interrupt of the host may come here, and none of another guest does"
    ]


def test_of_many_interrupts_the_first_are_listed_and_the_rest_counted(scene: Scene) -> None:
    scene.add_guest(VF0)
    counts = Counts(scene.host, "0-15")
    for number in range(200, 230):
        scene.host.add_host_interrupt(number, f"eth0-rx-{number}", "2", "2")
        counts.add(number, f"eth0-rx-{number}", {2: number - 190})
    counts.write()
    rules = rules_of(scene, 2)
    listed = [int(name[4:]) for name, _ in rules if name.startswith("irq ")]
    assert listed == list(range(229, 229 - MOST_INTERRUPTS, -1))
    assert dict(rules)["more"] == f"14 interrupts, of which {sum(range(10, 20))} came"


@pytest.mark.usefixtures("counts")
def test_what_turned_out_to_be_fixed_cannot_be_moved(scene: Scene) -> None:
    """Before Linux 6.18 the file of a managed interrupt looks as if it could be written."""
    scene.policy = replace(ENFORCE, isolation=replace(ENFORCE.isolation, housekeeping_cpus=CpuSet.parse("0-1,8-9")))
    scene.host.refuse(60, errno.EIO)
    scene.audit()
    intruders = [text for name, text in rules_of(scene, 2) if name == "intruders"]
    assert [text for text in intruders if text.startswith("60,102 (eth0-rx-0, nvme0q3) of the host cannot be moved")]
    assert not [text for text in intruders if "60" in text and "can be moved" in text]


@pytest.mark.usefixtures("counts")
def test_no_boot_parameter_is_named_for_what_an_interrupt_controller_refused(scene: Scene) -> None:
    scene.policy = replace(ENFORCE, isolation=replace(ENFORCE.isolation, housekeeping_cpus=CpuSet.parse("0-1,8-9")))
    scene.host.refuse(60, errno.EINVAL)
    scene.audit()
    rules = rules_of(scene, 2)
    assert dict(rules)["irq 60"].endswith("; immovable")
    assert ("intruders", "60 (eth0-rx-0) of the host cannot be moved") in rules


@pytest.mark.usefixtures("counts")
def test_enforce_says_what_it_does_with_each_intruder(scene: Scene) -> None:
    scene.policy = ENFORCE
    made = scene.auditor.rehearse(logs=False)
    full = moved(60, Verdict.NO_VECTOR, message="each CPU is half full")
    found = isolated("enforce", results=(full, moved(61, Verdict.WOULD_SET)))
    rules = rules_of(scene, 2, replace(made, isolated=found))
    left_alone = "no pass does so; irqaffinity explain IRQ says why"
    assert [text for name, text in rules if name == "intruders"][:3] == [
        f"50-51 (vfio-msix[*]({VF1})) of the host can be moved: {left_alone}",
        "60 (eth0-rx-0) of the host can be moved: no_vector: each CPU is half full",
        "61 (eth0-rx-1) of the host can be moved: the next pass does so",
    ]
    held_up = isolated("enforce", trouble="1 housekeeping CPU is online")
    why = next(text for name, text in rules_of(scene, 2, replace(made, isolated=held_up)) if name == "intruders")
    assert why.endswith(" can be moved: 1 housekeeping CPU is online")


def test_what_a_guest_that_has_ended_gives_back_is_moved_by_the_next_pass(scene: Scene) -> None:
    scene.policy = replace(ENFORCE, isolation=replace(ENFORCE.isolation, housekeeping_cpus=CpuSet.parse("0-1,8-9")))
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.add_guest(uuid=OTHER)
    scene.restart()
    named = f"vfio-msix[*]({VF0})"
    assert told(scene, 2, "intruders") == [f"40-41 ({named}) of the host can be moved: the next pass does so"]


def test_boot_parameters_and_rivals_are_shown(scene: Scene) -> None:
    scene.add_guest(VF0)
    for name, cpus in (("isolated", "2-3"), ("nohz_full", "2")):
        scene.host.put(scene.host.sys / f"devices/system/cpu/{name}", cpus)
    scene.host.put(scene.host.sys / "devices/system/cpu/cpu2/topology/thread_siblings_list", "2,10")
    scene.host.add_process(77, "irqbalance")
    rules = dict(rules_of(scene, 2))
    assert rules["cpu"] == "2: online, NUMA node 0, its core is CPUs 2,10, in isolcpus=, in nohz_full="
    assert rules["timer"] == "its ticks are not counted; nohz_full= stops it while a single task runs here"
    assert rules["rival"].startswith("irqbalance moves interrupts too (")
    assert ", not in nohz_full=" in dict(rules_of(scene, 3))["cpu"]


def test_the_kernels_own_count_of_vectors_is_shown_where_there_is_one(scene: Scene) -> None:
    head = " | CPU | avl | man | mac | act | vectors\n"
    scene.host.put(
        scene.host.sys / "kernel/debug/irq/domains/VECTOR", f"{head}     2    26     3     1  174  32-49,52-127\n"
    )
    scene.add_guest(VF0)
    assert told(scene, 2, "vectors") == ["26 of 202 are free"]
    assert told(scene, 3, "vectors") == ["no limit is known"]


def test_a_full_cpu_and_one_that_is_offline_have_no_vector_free(scene: Scene) -> None:
    for number in range(200, 402):
        scene.host.add_host_interrupt(number, "eth0", "0-15", "4")
    scene.host.put(scene.host.sys / "devices/system/cpu/online", "0-14")
    assert told(scene, 4, "vectors") == ["none of 202 are free"]
    assert told(scene, 15, "vectors") == []
