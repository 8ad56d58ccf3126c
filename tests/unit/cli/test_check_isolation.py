# SPDX-License-Identifier: Apache-2.0
"""`check` tells whether guests' CPUs can be kept clean, and which CPUs run out of interrupt vectors."""

import argparse
import os

import pytest

from irqaffinity.cli.check_isolation import check_isolation
from irqaffinity.cli.session import Session
from irqaffinity.model.finding import Finding
from tests.fakes.domains import make_libvirt
from tests.fakes.scene import VF0, Scene

ENFORCE = "[isolation]\nmode = enforce\nhousekeeping_cpus = {}\n"
NONE = "no housekeeping CPU is usable"
SHORT = "no interrupt of the host is moved until more are: name more in [isolation] housekeeping_cpus"
FREE = "of 202 interrupt vectors free"
HEADING = " | CPU | avl | man | mac | act | vectors\n"


def check(scene: Scene, text: str = "", uri: str | None = None, *, has_state: bool = True) -> dict[str, Finding]:
    """Check the host of a scene, with these lines of configuration; by default with its guests."""
    file = scene.folder / "irqaffinity.conf"
    file.write_text(text)
    arguments = argparse.Namespace(
        config_file=[str(file)],
        config_dir=None,
        nova_config=None,
        proc=str(scene.host.proc),
        sys=str(scene.host.sys),
        libvirt_uri=uri or make_libvirt(scene.folder / "libvirt", scene.domains),
        state=str(scene.folder / "state"),
        debug=False,
    )
    findings = list(check_isolation(Session.read(arguments), has_state=has_state))
    assert all(len(finding.text.splitlines()) == 1 for finding in findings)
    return {finding.subject: finding for finding in findings}


@pytest.mark.parametrize(
    ("text", "is_ok", "told"),
    [
        ("[isolation]\nmode = off\n", True, "off: nobody looks at the host's own interrupts on guests' CPUs"),
        (
            "",
            True,
            "report: nothing is moved; to enforce it, set [isolation] housekeeping_cpus, or [placement] dedicated_cpus",
        ),
        (
            "[placement]\ndedicated_cpus = 2-15\n",
            True,
            "report: nothing is moved; housekeeping CPUs 0-1 are usable",
        ),
        (ENFORCE.format("0-1"), True, "enforce: housekeeping CPUs 0-1 are usable; at least 2 must be"),
        (
            ENFORCE.format("0,99"),
            False,
            f"enforce: housekeeping CPU 0 is usable; at least 2 must be; CPU 99 is offline; {SHORT}",
        ),
        (
            ENFORCE.format("0-1,99"),
            True,
            "enforce: housekeeping CPUs 0-1 are usable; at least 2 must be; CPU 99 is offline",
        ),
        (
            ENFORCE.format("0-2"),
            True,
            "enforce: housekeeping CPUs 0-1 are usable; at least 2 must be; CPU 2 is dedicated to a guest",
        ),
        (
            ENFORCE.format("2-3"),
            False,
            f"enforce: {NONE}; at least 2 must be; CPUs 2-3 are dedicated to a guest; {SHORT}",
        ),
        (ENFORCE.format("0") + "minimum = 1\n", True, "enforce: housekeeping CPU 0 is usable; at least 1"),
    ],
)
def test_check_shows_the_usable_housekeeping_cpus(scene: Scene, text: str, is_ok: bool, told: str) -> None:
    scene.add_guest(VF0)
    finding = check(scene, text)["isolation"]
    assert (finding.is_ok, finding.text[: len(told)]) == (is_ok, told)
    assert scene.host.smp(40) == "0-15"
    assert not (scene.folder / "state").exists()


def test_cpus_that_the_kernel_isolates_are_no_housekeeping_cpus(scene: Scene) -> None:
    scene.host.put(scene.host.sys / "devices/system/cpu/isolated", "1-3")
    finding = check(scene, ENFORCE.format("0-1,4"))["isolation"]
    assert not finding.is_ok
    assert "housekeeping CPUs 0,4 are usable" in finding.text
    assert "CPU 1 is isolated by isolcpus= or nohz_full=: take it out of [isolation] housekeeping_cpus" in finding.text
    assert "nothing is moved" not in finding.text
    finding = check(scene, ENFORCE.format("0,4").replace("enforce", "report"))["isolation"]
    assert finding.text == "report: nothing is moved; housekeeping CPUs 0,4 are usable"


def test_check_without_libvirt_shows_the_rest(scene: Scene) -> None:
    found = check(scene, ENFORCE.format("0-1"), uri="test:///none.xml")
    assert found["isolation"].is_ok
    assert "headroom" in found


def test_check_without_a_host_names_the_next_step(scene: Scene) -> None:
    (scene.host.sys / "devices/system/cpu/online").unlink()
    finding = check(scene)["isolation"]
    assert not finding.is_ok
    assert "--sys" in finding.text


def count(scene: Scene, **free: int) -> None:
    """Have the kernel count the vectors: 202 a CPU, of which all but these are taken on CPU `cN`."""
    rows = [f"  {cpu:4} {free.get(f'c{cpu}', 150):4} 0 0 {202 - free.get(f'c{cpu}', 150):4} 33-52" for cpu in range(16)]
    scene.host.put(scene.host.sys / "kernel/debug/irq/domains/VECTOR", "name: VECTOR\n" + HEADING + "\n".join(rows))


def test_the_fullest_cpu_of_each_node_is_told_as_the_kernel_counts(scene: Scene) -> None:
    scene.add_guest(VF0)
    count(scene, c5=3, c12=100)
    finding = check(scene)["headroom"]
    assert finding == Finding(
        "headroom",
        True,
        f"CPU 5 of node 0 has 3 {FREE}; CPU 12 of node 1 has 100 {FREE}",
    )


def test_a_full_cpu_elsewhere_does_no_harm(scene: Scene) -> None:
    count(scene, c5=0)
    finding = check(scene)["headroom"]
    assert finding == Finding("headroom", True, f"CPU 5 of node 0 has none {FREE}; CPU 8 of node 1 has 150 {FREE}")


def test_a_target_that_is_about_to_run_out_is_not_in_order(scene: Scene) -> None:
    scene.add_guest(VF0)
    count(scene, c2=19, c3=21)
    finding = check(scene)["headroom"]
    assert not finding.is_ok
    assert finding.text.startswith("CPUs 2-3, where interrupts belong, have 40 of 404 interrupt vectors free: give ")
    count(scene, c2=19, c3=22)
    assert check(scene)["headroom"].is_ok
    scene.domains.clear()
    count(scene, c2=0, c3=0)
    assert check(scene)["headroom"].is_ok


def test_the_housekeeping_cpus_are_a_target_while_interrupts_are_moved_there(scene: Scene) -> None:
    count(scene, c0=2, c1=3)
    assert check(scene, ENFORCE.format("0-1").replace("enforce", "report"))["headroom"].is_ok
    finding = check(scene, ENFORCE.format("0-1"))["headroom"]
    assert not finding.is_ok
    assert finding.text.startswith("CPUs 0-1, where interrupts belong, have 5 of 404 interrupt vectors free: ")


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        (
            "x86_64",
            f"CPU 0 of node 0 has at most 200 {FREE}; CPU 8 of node 1 has at most 202 {FREE}",
        ),
        ("aarch64", "no limit is known for the CPUs of this host"),
    ],
)
def test_where_the_kernel_does_not_count_the_program_does(
    scene: Scene, machine: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (40, 41):
        scene.host.put(scene.host.proc / f"irq/{number}/effective_affinity_list", "0")
    for number in (50, 51):
        (scene.host.proc / f"irq/{number}/effective_affinity_list").unlink()
    uname = os.uname()
    other = os.uname_result((*uname[:4], machine))
    monkeypatch.setattr(os, "uname", lambda: other)
    assert check(scene)["headroom"] == Finding("headroom", True, told)


def test_without_a_state_that_can_be_read_no_guest_counts(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.add_guest(VF0)
    state = scene.folder / "state"
    state.mkdir(mode=0o700)
    (state / "state.db").mkdir()
    found = check(scene, ENFORCE.format("2-3") + "minimum = 1\n", has_state=False)
    assert found["isolation"].text == "enforce: housekeeping CPUs 2-3 are usable; at least 1 must be"
    assert not caplog.messages, "the line on the state says what is wrong"
