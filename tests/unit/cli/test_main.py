# SPDX-License-Identifier: Apache-2.0
"""Each command, run as a user runs it, on a fake host and libvirt's own test driver."""

import contextlib
import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from irqaffinity.cli.main import main
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Record
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.observe.rivals import ADVICE
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.lock import AGENT_LOCK, PASS_LOCK, hold
from irqaffinity.state.store import Store
from tests.fakes.balancer import FakeBalancer
from tests.fakes.domains import make_libvirt
from tests.fakes.scene import GUEST, OTHER, SCHEMA, VF0, VF1, Scene
from tests.patience import HANG

PROGRAM = Path(sys.executable).with_name("irqaffinity")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def options(scene: Scene) -> Callable[[], list[str]]:
    """The options that point a command at the scene, whose kernel does not show what the hardware does."""
    for path in scene.host.proc.glob("irq/*/effective_affinity_list"):
        path.unlink()

    def make() -> list[str]:
        (scene.folder / "empty.conf").touch()
        return [
            f"--config-file={scene.folder / 'empty.conf'}",
            f"--proc={scene.host.proc}",
            f"--sys={scene.host.sys}",
            f"--libvirt-uri={make_libvirt(scene.folder / 'libvirt', scene.domains)}",
            f"--state={scene.folder / 'state'}",
        ]

    return make


@pytest.fixture
def run(options: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main([*options(), *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return call


def test_an_audit_places_and_a_second_one_finds_all_in_place(scene: Scene, run: Run) -> None:
    scene.add_masked_guest("1-3,^3", VF0, VF1)
    status, out, _ = run("audit", "--once")
    assert (status, out.splitlines()[-1]) == (0, "1 guest, 2 devices, 4 interrupts: 4 set")
    assert (scene.host.smp(40), scene.host.smp(50)) == ("3", "10")
    status, out, _ = run("audit", "--once", "--quiet")
    assert status == 0
    assert re.fullmatch(r"1 guest, 2 devices, 4 interrupts: 4 ok\n", out)


def test_a_dry_run_that_would_change_something_leaves_with_2(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    status, out, _ = run("audit", "--once", "--dry-run", "-f", "json")
    assert status == 2
    found = json.loads(out)
    jsonschema.validate(found, SCHEMA)
    assert [row["verdict"] for row in found["irqs"]] == ["would_set", "would_set"]
    assert (scene.host.smp(40), (scene.folder / "state").exists()) == ("0-15", False)


def test_an_audit_is_narrowed_to_a_guest_and_a_device(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0, VF1)
    status, out, _ = run("audit", "--once", "--guest", GUEST, "--device", VF1, "--irqs")
    assert status == 0
    assert (scene.host.smp(40), scene.host.smp(50)) == ("0-15", "10-11")
    assert VF0 not in out
    gone = GUEST.replace("1", "3")
    status, _, err = run("audit", "--once", "--guest", gone)
    told = f"no active guest has the uuid {gone}; virsh list --uuid --name shows the guests"
    assert (status, err) == (1, f"irqaffinity: {told}\n")


@pytest.mark.parametrize(
    ("narrowing", "moved"),
    [
        (["--guest", "instance-0"], {40, 41, 50, 51}),
        (["--guest", "81:00.1"], {40, 41, 50, 51}),
        (["--guest", "40"], {40, 41, 50, 51}),
        (["--device", "81:00.1"], {50, 51}),
        (["--device", "51"], {50, 51}),
        (["--device", "ens1f0v0"], {40, 41}),
        (["--device", "instance-1"], {60}),
        (["--guest", "instance-1", "--device", "0000:c1:00.0"], {60}),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_an_audit_is_narrowed_by_any_name(
    scene: Scene, run: Run, dry: bool, narrowing: list[str], moved: set[int]
) -> None:
    scene.host.add_device("0000:c1:00.0", 0)
    scene.host.add_vectors("0000:c1:00.0", [60], "0-15")
    scene.host.add_netdev("ens1f0v0", VF0)
    scene.add_guest(VF0, VF1)
    scene.add_guest("0000:c1:00.0", uuid=OTHER, pins=("4", "5"))
    status, out, err = run("audit", "--once", "-f", "json", *narrowing, *(["--dry-run"] if dry else []))
    assert (status, err) == (2 if dry else 0, "")
    assert {row["irq"] for row in json.loads(out)["irqs"]} == moved
    changed = {number for number in (40, 41, 50, 51, 60) if scene.host.smp(number) != "0-15"}
    assert changed == (set() if dry else moved)


@pytest.mark.parametrize("form", [[], ["--irqs"], ["--quiet"], ["-f", "json"], ["--dry-run"]], ids=" ".join)
@pytest.mark.parametrize(
    ("narrowing", "own", "foreign"),
    [
        (["--guest", "instance-0"], [VF0, VF1, "vdpa"], []),
        (["--device", VF0], [VF0], [VF1, "vdpa"]),
        (["--guest", "instance-0", "--device", "50"], [VF1], [VF0, "vdpa"]),
    ],
)
def test_a_narrowed_audit_tells_of_its_target_alone(
    scene: Scene,
    run: Run,
    caplog: pytest.LogCaptureFixture,
    narrowing: list[str],
    own: list[str],
    foreign: list[str],
    form: list[str],
) -> None:
    """Beside a guest in error, one whose device is not there, one that is gone, and one with nothing wrong."""
    others = {f"0000:c{number}:00.0": OTHER.replace("2", str(number)) for number in (4, 5, 6, 7)}
    scene.add_guest(VF0, VF1, "<interface type='vdpa'><source dev='/dev/vhost-vdpa-9'/></interface>")
    for number, (address, uuid) in enumerate(others.items(), start=4):
        if number != 5:
            scene.host.add_device(address, 0)
            scene.host.add_vectors(address, [60 + number], "0-15")
        scene.add_masked_guest("9" if number == 4 else "0", address, uuid=uuid, pins=(str(number),))
    assert run("audit", "--once")[0] == 1
    del scene.domains[3]
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    status, out, err = run("audit", "--once", *form, *narrowing)
    assert (status, err) == (0, "")
    for text in (*foreign, *others, *others.values(), "instance-1", "irq 6"):
        assert text not in out + caplog.text
    for text in own if "--quiet" not in form else ():
        assert text in out + caplog.text


@pytest.mark.parametrize(
    ("narrowing", "told"),
    [
        (["--guest", "web"], f"'web' means several things: guest {GUEST} (instance-0), guest {OTHER} (instance-1); "),
        (["--device", GUEST], f"'{GUEST}' means several things: device {VF0}, device {VF1}; "),
        (["--device", "99"], "there is no interrupt 99"),
        (["--guest", ""], "'' is no interrupt, PCI address"),
        (["--guest", "\x1b]0;x\x07"], "'\\x1b]0;x\\x07' is no interrupt, PCI address"),
        (["--device", "../../.."], "'../../..' is no interrupt, PCI address"),
        (["--guest", "instance-1", "--device", VF0], f"guest {OTHER} does not have the device {VF0}"),
    ],
)
def test_an_audit_of_what_is_unknown_or_unclear_writes_nothing(
    scene: Scene, run: Run, narrowing: list[str], told: str
) -> None:
    named = "<metadata><n:instance xmlns:n='http://openstack.org/xmlns/libvirt/nova/1.1'><n:name>web</n:name>"
    metadata = f"{named}</n:instance></metadata>"
    scene.add_guest(VF0, VF1, metadata=metadata)
    scene.add_guest(uuid=OTHER, pins=("4", "5"), metadata=metadata)
    status, out, err = run("audit", "--once", *narrowing)
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith(f"irqaffinity: {told}")
    assert [scene.host.smp(number) for number in (40, 41, 50, 51)] == ["0-15"] * 4


def test_a_guest_that_is_gone_is_given_back_by_its_uuid(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    run("audit", "--once")
    scene.domains.clear()
    status, out, _ = run("audit", "--once", "--guest", GUEST.replace("-", ""), "--quiet")
    assert (status, scene.host.smp(40)) == (0, "0-15")
    assert out == "0 guests, 1 device, 2 interrupts: 2 set\n"
    status, _, err = run("audit", "--once", "--guest", GUEST)
    assert (status, f"no active guest has the uuid {GUEST}" in err) == (1, True)


def test_reset_gives_everything_back(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    run("audit", "--once")
    status, out, _ = run("reset")
    assert (status, scene.host.smp(40), scene.host.smp(41)) == (0, "0-15", "0-15")
    assert "2 interrupts" in out
    assert run("reset") == (0, "nothing was moved, so nothing was given back\n", "")


def test_reset_without_a_state_says_that_nothing_was_moved(run: Run) -> None:
    assert run("reset") == (0, "nothing was moved, so nothing was given back\n", "")


def test_reset_does_not_say_that_nothing_was_moved_where_that_is_gone(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    run("audit", "--once")
    for number in (40, 41):
        scene.host.remove_interrupt(number)
    told = "nothing was given back: the moved interrupts are gone, or another program has moved them since\n"
    assert run("reset") == (0, told, "")
    assert run("reset") == (0, "nothing was moved, so nothing was given back\n", "")


def test_reset_does_not_say_that_nothing_was_moved_where_the_hosts_have_other_places_now(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option, value in (("MODE", "enforce"), ("HOUSEKEEPING_CPUS", "0-1"), ("IRQBALANCE", "false")):
        monkeypatch.setenv(f"OS_ISOLATION__{option}", value)
    scene.host.put(scene.host.proc / "irq/default_smp_affinity", "ffff")
    scene.host.add_host_interrupt(9, "acpi", "0-15", "0")
    scene.add_guest()
    run("audit", "--once")
    assert scene.host.smp(9) == "0-1,4-9,12-15"
    for file, cpus in (("9/smp_affinity_list", "7"), ("default_smp_affinity", "00ff")):
        scene.host.put(scene.host.proc / f"irq/{file}", cpus)
    for number in (40, 41, 50, 51):
        scene.host.put(scene.host.proc / f"irq/{number}/smp_affinity_list", "0")
    told = "nothing was given back: the moved interrupts are gone, or another program has moved them since\n"
    assert run("reset") == (0, told, "")
    assert run("reset") == (0, "nothing was moved, so nothing was given back\n", "")


def test_reset_tells_a_device_once_whose_interrupts_were_moved_for_two_guests(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0, VF1)
    run("audit", "--once")
    irq = IrqId(PciAddress.parse(VF0), 41)
    store = Store(StateFolder(str(scene.folder / "state")), read_boot_id(scene.host.root))
    with store.exclusive():
        record = store.load().records[irq.device][41]
        store.save(Changes({irq: replace(record, owner=GuestId(OTHER))}))
    status, out, _ = run("reset")
    assert (status, scene.host.smp(40), scene.host.smp(41)) == (0, "0-15", "0-15")
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  0000")] == [VF0, VF1]
    assert out.splitlines()[-1] == "0 guests, 2 devices, 4 interrupts: 4 set"


def test_reset_refuses_beside_an_agent_unless_forced(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    run("audit", "--once")
    with hold(StateFolder(str(scene.folder / "state")), AGENT_LOCK):
        status, _, err = run("reset")
        assert (status, scene.host.smp(40)) == (1, "2-3")
        assert "an agent runs" in err
        assert "--force" in err
        status, _, _ = run("reset", "--force")
    assert (status, scene.host.smp(40)) == (0, "0-15")


def test_a_pass_that_does_not_end_is_not_waited_for_for_ever(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    with hold(StateFolder(str(scene.folder / "state")), PASS_LOCK):
        status, out, err = run("audit", "--once")
    assert (status, out, scene.host.smp(40)) == (1, "", "0-15")
    assert "another pass holds" in err


def test_a_state_folder_that_is_a_link_stops_the_audit(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    (scene.folder / "real").mkdir(mode=0o700)
    (scene.folder / "state").symlink_to(scene.folder / "real")
    status, _, err = run("audit", "--once")
    assert (status, scene.host.smp(40)) == (1, "0-15")
    assert f"{scene.folder / 'state'} is a link" in err


def test_libvirt_out_of_reach_is_one_line_and_nothing_is_released(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    run("audit", "--once")
    status, out, err = run("audit", "--once", "--libvirt-uri", f"qemu+unix:///system?socket={scene.folder}/none")
    assert (status, out, scene.host.smp(40)) == (1, "", "2-3")
    assert len(err.splitlines()) == 1
    assert "is not reachable" in err


def test_a_bad_configuration_is_one_line_before_anything_is_touched(scene: Scene, run: Run) -> None:
    bad = scene.folder / "bad.conf"
    bad.write_text("[placement]\nnuma = near\n")
    scene.add_guest(VF0)
    status, _, err = run("audit", "--once", "--config-file", str(bad))
    assert (status, scene.host.smp(40)) == (1, "0-15")
    told = "[placement] numa: it is not one of preferred, socket, strict"
    assert err == f"irqaffinity: {bad}:2: {told}\n"


def test_a_folder_that_is_no_sysfs_is_named(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    status, _, err = run("audit", "--once", "--sys", str(scene.folder))
    assert status == 1
    assert f"{scene.folder}/bus/pci/devices does not exist" in err
    assert "--sys" in err


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("40", ["irq 40", "verdict       would_set", "0-15"]),
        (VF0, ["device        0000:41:00.1, driver vfio-pci", "numa_node is 0"]),
        (
            GUEST,
            ["guest         instance-0", "served by     vCPUs 0-3 on CPUs 2-3,10-11", "device        0000:41:00.1"],
        ),
        (
            "16",
            [
                "irq 16        of no PCI device (timer)\n",
                "isolation     stays: it may come to CPUs 2-3",
            ],
        ),
        (
            "17",
            [
                "irq 17        the INTx line of 0000:00:1f.4 (i801_smbus)\n",
                "irq 17        smp_affinity_list 0-15, effective_affinity_list unknown\n",
            ],
        ),
        (
            "ens1f0",
            ["device        0000:41:00.0, driver ice", "target        none: no active guest names it\n"],
        ),
        (
            "50",
            [
                "device        0000:81:00.1, driver vfio-pci",
                "no active guest names it",
                "list 0-15, effective_affinity_list unknown\n",
            ],
        ),
        ("cpu 2", ["cpu           2: online, NUMA node 0\n", "kept for      vCPU 0 of guest instance-0 1111"]),
        ("irq 41", ["irq 41        smp", "verdict       would_set"]),
        ("instance-0", ["guest         instance-0", "served by     vCPUs 0-3 on CPUs 2-3,10-11"]),
    ],
)
def test_explain_tells_the_rules(scene: Scene, run: Run, target: str, told: list[str]) -> None:
    scene.host.add_interrupt(16, "0-15", action="timer")
    scene.host.add_interrupt(17, "0-15", action="i801_smbus")
    scene.host.add_device("0000:00:1f.4", 0, driver="i801_smbus", line=17)
    scene.host.add_device("0000:41:00.0", 0, driver="ice")
    scene.host.add_netdev("ens1f0", "0000:41:00.0")
    scene.add_guest(VF0)
    status, out, err = run("explain", target)
    assert (status, err) == (0, "")
    for part in told:
        assert part in out
    assert (scene.host.smp(40), (scene.folder / "state").exists()) == ("0-15", False)


@pytest.mark.parametrize("target", ["40", VF0, GUEST, "instance-0"])
def test_explain_tells_only_what_concerns_its_target(
    scene: Scene, run: Run, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Beside a guest in error, one with a device of its own, and other interrupts of the same device."""
    scene.add_guest(VF0)
    scene.add_masked_guest("9", VF1, uuid=OTHER, pins=("4", "5"))
    for number in (50, 51):  # no intruder of the first guest
        (scene.host.proc / f"irq/{number}/smp_affinity_list").write_text("15\n")
    status, out, err = run("explain", target)
    assert (status, err, caplog.messages) == (0, "", [])
    for foreign in (OTHER, "instance-1", VF1, "irq 41", "irq 50"):
        assert foreign not in out
    assert out.count("guest  ") == out.count("device  ") == 1


def test_explain_of_a_guest_tells_the_intruders_on_its_cpus(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0, pins=("2", "3"))
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "5"))
    for number, cpu in ((60, "3"), (61, "4"), (62, "9")):
        scene.host.add_host_interrupt(number, f"eth{number}", cpu, cpu)
    _, out, _ = run("explain", GUEST)
    assert out.splitlines()[-1] == "intruders     60 (eth60) of the host, on CPU 3: can be moved"


def test_explain_of_a_guest_in_error_says_it_once(scene: Scene, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    scene.add_masked_guest("9", VF0)
    status, out, err = run("explain", GUEST)
    assert (status, err, caplog.messages) == (0, "", [])
    assert out.count("mask_out_of_range: mask 9: vCPU 9 does not exist") == 1


def test_explain_of_a_device_that_two_guests_have_tells_both(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF0, uuid=OTHER, pins=("4", "5"))
    _, out, _ = run("explain", VF0)
    assert [line.split()[1] for line in out.splitlines() if line.startswith("guest ")] == ["instance-0", "instance-1"]
    assert out.count("claimed_twice") == 2


def test_explain_of_a_device_that_left_its_guest_tells_what_goes_back(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    run("audit", "--once")
    scene.domains.clear()
    scene.add_guest()
    _, out, _ = run("explain", "41:00.1")
    assert f"target        no active guest names it; 40-41, moved for guest {GUEST}, go back to 0-15\n" in out
    _, out, _ = run("explain", "40")
    assert "irq 40        smp_affinity_list 2-3" in out
    assert "verdict       would_set: would be given back, target 0-15 (released: " in out
    assert scene.host.smp(40) == "2-3"


def test_explain_of_an_unreadable_guest_and_its_device(scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.add_guest(VF0)
    run("audit", "--once")
    broken = [Domain(GUEST, "instance-0", error="timed out")]
    monkeypatch.setattr(Hypervisor, "active_domains", lambda _: broken)
    status, out, err = run("explain", "instance-0")
    assert (status, err) == (0, "")
    assert [line[:13].strip() for line in out.splitlines()] == ["guest", "status"]
    _, out, _ = run("explain", VF0)
    assert f"40-41, moved for guest {GUEST}, stay where they are for now\n" in out


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("99", "there is no interrupt 99"),
        ("1234567890", "'1234567890' is no interrupt"),
        ("", "'' is no interrupt"),
        ("\x1b[31mred\u202e", "'\\x1b[31mred\\x202e' is no interrupt"),
        ("../../etc/passwd", "'../../etc/passwd' is no interrupt"),
        ("0000:ff:00.0", "there is no PCI device 0000:ff:00.0"),
        (GUEST.replace("1", "3"), "no active guest has the uuid 33333333"),
        ("cpu 16", "there is no CPU 16: this host has CPUs 0-15"),
        (
            "52:54:00:00:00:01",
            "no interface of any active guest, no netdev and no virtual function that netlink shows has the MAC 52:54",
        ),
        ("00:01.0", "'00:01.0' is no interrupt, PCI address"),
    ],
)
def test_explain_names_what_is_not_there(scene: Scene, run: Run, target: str, told: str) -> None:
    scene.add_guest(VF0)
    status, out, err = run("explain", target)
    assert (status, out) == (1, "")
    assert err.startswith(f"irqaffinity: {told}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(("option", "kind"), [("--guest", "guest"), ("--device", "PCI device")])
def test_an_audit_cannot_be_narrowed_to_a_cpu(scene: Scene, run: Run, option: str, kind: str) -> None:
    scene.add_guest(VF0)
    told = f"irqaffinity: CPU 2 is no {kind}: irqaffinity explain cpu 2 shows which guests use it\n"
    assert run("audit", "--once", option, "cpu 2") == (1, "", told)


def test_explain_takes_a_cpu_in_two_words(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    assert run("explain", "cpu", "2") == run("explain", "cpu 2")
    assert run("explain", "irq", "40") == run("explain", "irq 40")
    assert run("explain", "cpu", "16")[0] == 1


@pytest.mark.parametrize(
    ("is_held", "told"), [(False, "each CPU that it may go to has half of"), (True, "a hold keeps")]
)
def test_an_interrupt_that_cannot_leave_is_not_said_to_leave(scene: Scene, run: Run, is_held: bool, told: str) -> None:
    file = scene.folder / "enforce.conf"
    file.write_text("[isolation]\nmode = enforce\nhousekeeping_cpus = 0\nminimum = 1\n")
    scene.add_guest(VF0)
    scene.host.add_host_interrupt(60, "eth0-0", "2", "2")
    free = 190 if is_held else 3
    rows = "".join(f"    {cpu}     {free}     0     0  {202 - free}  33-37\n" for cpu in range(16))
    table = f"name:   VECTOR\nSystem: 38: 0-19\n | CPU | avl | man | mac | act | vectors\n{rows}"
    scene.host.put(scene.host.sys / "kernel/debug/irq/domains/VECTOR", table)
    if is_held:
        run("hold", "--everything", "--reason", "x", f"--config-file={file}")
    _, out, _ = run("explain", "60", f"--config-file={file}")
    (line,) = (line for line in out.splitlines() if line.startswith("isolation"))
    assert "stays: it may come to CPU 2, kept for instance-0; " + told in line


def test_explain_says_where_an_interrupt_of_the_host_was_before(scene: Scene, run: Run) -> None:
    scene.host.add_device("0000:04:00.0", 0, driver="ice")
    scene.host.add_host_interrupt(60, "eth0-rx-1", "0-1", address="0000:04:00.0")
    scene.add_guest(VF0)
    store = Store(StateFolder(str(scene.folder / "state")), read_boot_id(scene.host.root))
    irq = IrqId(PciAddress.parse("0000:04:00.0"), 60)
    record = Record(HOST, "ice", CpuSet.parse("0-15"), CpuSet.parse("0-1"), action="eth0-rx-1")
    with store.exclusive():
        store.load()
        store.save(Changes(records={irq: record}))
    _, out, _ = run("explain", "60")
    assert "target        none: no active guest names it\n" in out
    assert "moved         from 0-15 to 0-1; " in out
    assert "isolation     goes back: [isolation] mode is report\n" in out


def test_explain_lists_what_a_name_may_mean(scene: Scene, run: Run) -> None:
    scene.host.add_interrupt(16, "0-15", action="timer")
    scene.add_guest(VF0)
    scene.domains[0] = scene.domains[0].replace("<name>instance-0<", "<name>16<")
    status, out, err = run("explain", "16")
    assert (status, out) == (1, "")
    assert err.startswith(f"irqaffinity: '16' means several things: irq 16, guest {GUEST} (16); ")
    assert "of no PCI device (timer)" in run("explain", "irq 16")[1]
    assert "guest         16 " in run("explain", GUEST)[1]


def test_explain_needs_no_state_and_no_boot_id(scene: Scene) -> None:
    """Another host's tree, copied: it has no /proc/sys."""
    scene.add_guest(VF0)
    uri = make_libvirt(scene.folder / "libvirt", scene.domains)
    command = [PROGRAM, f"--proc={scene.host.proc}", f"--sys={scene.host.sys}", f"--libvirt-uri={uri}"]
    done = subprocess.run(
        [*command, f"--state={scene.folder / 'none'}", "explain", "40"], capture_output=True, text=True, check=True
    )
    assert "verdict       would_set" in done.stdout
    assert (done.stderr, (scene.folder / "none").exists()) == ("", False)


def test_check_finds_everything_in_order(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    scene.host.put(scene.host.proc / "1/comm", "systemd")
    status, out, _ = run("check")
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()] == [
        [subject, "ok"]
        for subject in (
            "configuration",
            "host",
            "libvirt",
            "rights",
            "state",
            "vectors",
            "rivals",
            "isolation",
            "headroom",
            "broker",
        )
    ]
    assert "1 active guest\n" in out
    assert "rivals         ok      no other program that moves interrupts was found\n" in out
    assert scene.host.smp(40) == "0-15"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("PRAGMA user_version = 99", "its schema is 99, and this program knows "),
        ("DROP TABLE specs", "table specs is missing; the next audit sets it aside, and begins a new one"),
    ],
)
def test_check_finds_a_state_that_the_audit_cannot_use(scene: Scene, run: Run, statement: str, told: str) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.restart()
    with contextlib.closing(sqlite3.connect(scene.folder / "state/state.db")) as database:
        database.execute(statement)
    status, out, _ = run("check")
    assert status == 1
    assert f"state          FAILED  {scene.folder}/state/state.db: {told}" in out


def test_check_does_not_clear_rivals_that_it_cannot_see(scene: Scene, run: Run) -> None:
    """A container mounts no more of the host's /proc than /proc/irq."""
    _, out, _ = run("check")
    assert f"rivals         ok      not looked for: {scene.host.proc} shows no processes; look for irqbalance, " in out


def test_check_names_each_rival_with_its_remedy(scene: Scene, run: Run) -> None:
    scene.host.add_process(5, "systemd-udevd")
    scene.host.put(scene.host.proc / "1/root/etc/systemd/network/10-nic.link", "[Link]\nIRQAffinityPolicy=spread")
    scene.host.add_process(6, "irqbalance")
    status, out, _ = run("check")
    (line,) = [line for line in out.splitlines() if line.startswith("rivals")]
    irqbalance, udevd = f"irqbalance runs: {ADVICE['irqbalance']}", "systemd-udevd runs with IRQAffinityPolicy= in "
    assert (status, line) == (
        1,
        f"rivals         FAILED  {irqbalance}; {udevd}/etc/systemd/network/10-nic.link: {ADVICE['udevd']}",
    )


@pytest.mark.parametrize(("line", "is_told"), [("", True), ("irqbalance = false\n", False)])
def test_an_irqbalance_that_the_agent_tells_is_no_rival(scene: Scene, run: Run, line: str, is_told: bool) -> None:
    file = scene.folder / "enforce.conf"
    file.write_text(f"[isolation]\nmode = enforce\nhousekeeping_cpus = 0-1\n{line}")
    scene.host.add_process(6, "irqbalance")
    _, out, _ = run("check", f"--config-file={file}")
    word = "ok      irqbalance runs; the line irqbalance says" if is_told else "FAILED  irqbalance runs: have it"
    assert f"rivals         {word}" in out
    untold = "irqbalance     FAILED  it runs, and is told nothing: its socket is not looked for, because [host] proc is"
    assert (untold in out) == is_told


@pytest.mark.parametrize("mode", ["off", "report", "enforce"])
def test_check_asks_an_irqbalance_only_if_it_is_to_be_told_something(scene: Scene, run: Run, mode: str) -> None:
    file, sockets = scene.folder / "mode.conf", scene.folder / "sockets"
    file.write_text(f"[isolation]\nmode = {mode}\nhousekeeping_cpus = 0-1\nirqbalance_sockets = {sockets}\n")
    fake = FakeBalancer(sockets)
    try:
        _, out, _ = run("check", f"--config-file={file}")
        assert fake.asked == (["setup"] if mode == "enforce" else [])
        assert ("irqbalance     ok      irqbalance 77 has been told nothing yet" in out) == (mode == "enforce")
    finally:
        fake.close()


def test_check_tells_the_next_step_for_each_fault(scene: Scene, run: Run) -> None:
    slip = scene.folder / "slip.conf"
    slip.write_text("[placement]\nauth_url = x\n")
    (scene.folder / "state").mkdir(mode=0o755)
    for path in scene.host.proc.glob("irq/*/smp_affinity_list"):
        path.chmod(0o444)
    status, out, _ = run("check", f"--config-file={slip}", "--libvirt-uri", "test:///none.xml", f"--sys={scene.folder}")
    failed = {line.split()[0]: line for line in out.splitlines() if " FAILED " in line}
    assert status == 1
    assert f"{slip}:2: [placement] this name is no option: mend or remove it" in failed["configuration"]
    assert "--sys" in failed["host"]
    assert "--libvirt-uri" in failed["libvirt"]
    assert "--proc" in failed["rights"]
    assert "chmod it to 0700" in failed["state"]


def test_check_names_the_file_of_tls_that_cannot_be_used(scene: Scene, run: Run) -> None:
    file = scene.folder / "tls.conf"
    file.write_text(
        "[DEFAULT]\ntransport_url = rabbit://u:hunter2@127.0.0.1:1/\n"
        f"[oslo_messaging_rabbit]\nssl = true\nssl_ca_file = {scene.folder}/none.pem\n"
    )
    status, out, _ = run("check", f"--config-file={file}")
    (line,) = [line for line in out.splitlines() if line.startswith("broker")]
    told = f"ssl_ca_file: {scene.folder}/none.pem cannot be read: No such file or directory: mend that, or name another"
    assert (status, line) == (1, f"broker         FAILED  [oslo_messaging_rabbit] {told} file")


def test_check_names_what_does_nothing_and_what_of_nova_conf_is_read(scene: Scene, run: Run) -> None:
    scene.host.put(scene.host.proc / "1/comm", "systemd")
    nova_conf = scene.folder / "nova.conf"
    nova_conf.write_text(
        "[DEFAULT]\nlog_file = /x\nsll = x\n[pci]\npassthrough_whitelist = {}\n"
        "[oslo_messaging_rabbit]\nssl_version = TLSv1_2\n"
    )
    status, out, _ = run("check", "--nova-config", str(nova_conf))
    lines = [line for line in out.splitlines() if line.startswith("configuration")]
    assert (status, [line.split()[1] for line in lines]) == (0, ["ok"] * 3)
    assert f"{nova_conf}:5: [pci] passthrough_whitelist is an old name, and read as [pci] device_spec" in lines[0]
    assert f"{nova_conf}:7: [oslo_messaging_rabbit] ssl_version has no effect: both sides agree" in lines[1]
    assert lines[2].endswith(f"empty.conf, {nova_conf} (the broker, host and [pci] alone)")


def test_what_does_nothing_is_warned_of(scene: Scene, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    file = scene.folder / "own.conf"
    file.write_text("[DEFAULT]\nverbose = true\n[oslo_messaging_rabbit]\nssl_version = TLSv1_2\n")
    assert run("audit", "--once", "--config-file", str(file))[0] == 0
    assert [message.partition(": [")[2].partition(":")[0] for message in caplog.messages] == [
        "DEFAULT] this name is no option, and does nothing",
        "oslo_messaging_rabbit] ssl_version has no effect",
    ]


def test_an_unknown_option_is_warned_of_and_the_audit_goes_on(
    scene: Scene, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    slip = scene.folder / "slip.conf"
    slip.write_text("[placement]\nauth_url = x\n")
    scene.add_guest(VF0)
    status, _, _ = run("audit", "--once", "--config-file", str(slip))
    assert (status, scene.host.smp(40)) == (0, "2-3")
    assert caplog.messages == [f"{slip}:2: [placement] this name is no option, and does nothing: mend or remove it"]


def test_debug_tells_each_interrupt_of_a_dry_run(scene: Scene, options: Callable[[], list[str]]) -> None:
    scene.add_guest(VF0)
    command = [PROGRAM, *options(), "--debug", "audit", "--once", "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"guest {GUEST}: {VF0} irq 40: had 0-15, belongs on 2-3, has 0-15, effective None: would_set" in done.stderr


def test_check_names_profiles_that_apply_to_nothing(scene: Scene, run: Run) -> None:
    scene.host.put(scene.host.proc / "1/comm", "systemd")
    file = scene.folder / "own.conf"
    profiles = [f'profile = {{"physical_network": "{name}", "numa": "strict"}}' for name in ("a", "b", "a")]
    file.write_text("\n".join(["[placement]", *profiles, ""]))
    status, out, _ = run("check", f"--config-file={file}")
    assert (status, out.count("applies to nothing: no [pci] device_spec is configured, so no device has tags")) == (
        1,
        3,
    )
    with file.open("a") as more:
        more.write('[pci]\ndevice_spec = {"physical_network": "a"}\n')
    status, out, _ = run("check", f"--config-file={file}")
    assert "number 2 of 3, applies to nothing: no [pci] device_spec has its tags: mend or remove it" in out
    assert "number 3 of 3, applies to nothing: an earlier profile applies to all devices that it is for: mend" in out
    assert (status, out.count("applies to nothing")) == (1, 2)


@pytest.mark.parametrize(
    ("more", "is_told"),
    [
        ("serve = housekeeping", True),
        ('profile = {"physical_network": "a", "serve": "housekeeping"}', True),
        ("serve = housekeeping\ndedicated_cpus = 2-3", False),
        ("serve = housekeeping\n[isolation]\nhousekeeping_cpus = 0", False),
        ("serve = emulator", False),
    ],
)
def test_check_says_that_no_cpu_serves_where_none_is_named(scene: Scene, run: Run, more: str, is_told: bool) -> None:
    scene.host.put(scene.host.proc / "1/comm", "systemd")
    file = scene.folder / "own.conf"
    file.write_text(f"[placement]\n{more}\n")
    told = "[placement] serve is housekeeping, and no CPU is named for that"
    assert (told in run("check", f"--config-file={file}")[1]) is is_told


def test_check_stops_at_a_configuration_that_cannot_be_read(scene: Scene, run: Run) -> None:
    bad = scene.folder / "bad.conf"
    bad.write_text("[audit]\ninterval = x\n")
    status, out, _ = run("check", f"--config-file={bad}")
    assert status == 1
    assert out.startswith(f"configuration  FAILED  {bad}:2: [audit] interval: it is not a whole number")


@pytest.mark.parametrize(
    ("arguments", "status", "out", "err"),
    [
        (["1-4,^3,6", "--vcpus", "8"], 0, "1-2,4,6\n", ""),
        (["0", "--vcpus", "1"], 0, "0\n", ""),
        (
            ["1-4,^x", "--vcpus", "8"],
            1,
            "",
            "irqaffinity: mask_invalid: 'x' stands where a vCPU number is expected (at character 6)\n1-4,^x\n     ^\n",
        ),
        (
            ["--vcpus", "4", "--", "-1"],
            1,
            "",
            "irqaffinity: mask_invalid: '-' stands where a vCPU number is expected (at character 1)\n-1\n^\n",
        ),
    ],
)
def test_a_mask_is_parsed_or_its_fault_is_pointed_at(
    arguments: list[str], status: int, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mask", *arguments]) == status
    assert capsys.readouterr() == (out, err)


def test_the_demo_needs_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run([PROGRAM, "demo"], env=environment, capture_output=True, text=True, check=True)
    assert "2 guests, 4 devices, 16 interrupts: 16 set\n" in done.stdout
    assert done.stdout.endswith("2 guests, 4 devices, 16 interrupts: 16 ok\n")
    assert "remote_node" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_the_demo_says_what_it_lacks_on_a_read_only_root(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/proc/self"])
    monkeypatch.setattr("tempfile.tempdir", None)
    assert main(["demo"]) == 1
    told = "no temporary folder can be made: No usable temporary directory found in ['/proc/self']; name one in TMPDIR"
    assert capsys.readouterr().err == f"irqaffinity: {told}\n"


def test_the_readme_shows_what_the_demo_prints() -> None:
    done = subprocess.run([PROGRAM, "demo"], capture_output=True, text=True, check=True)
    readme = (Path(__file__).parents[3] / "README.rst").read_text()
    for line in done.stdout.splitlines():
        assert line in readme, "README.rst shows an older output of the demo"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert re.fullmatch(r"irqaffinity \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_repeated_audit_makes_passes_until_it_is_told_to_stop(
    scene: Scene, options: Callable[[], list[str]], number: signal.Signals, status: int
) -> None:
    scene.add_guest(VF0)
    often = scene.folder / "often.conf"
    often.write_text("[audit]\ninterval = 1\n")
    command = [PROGRAM, *options(), f"--config-file={often}", "audit", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(number)
        assert process.wait(HANG) == status
    found = [f"1 guest, 1 device, 2 interrupts: 2 {word}; 2 intruders, 2 movable\n" for word in ("set", "ok")]
    assert lines == [found[0], found[1], found[1]]


def test_a_reader_that_has_seen_enough_gets_no_traceback(scene: Scene, options: Callable[[], list[str]]) -> None:
    scene.add_guest(VF0)
    read, write = os.pipe()
    os.close(read)
    command = [PROGRAM, *options(), "audit", "--once", "--dry-run"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        ("mask 0 --vcpus 1", {"libvirt", "oslo_config", "pyroute2", "oslo_messaging", "json"}),
        ("audit --help", {"libvirt", "oslo_config"}),
        ("--version", {"libvirt", "irqaffinity.cli.usage.audit", "irqaffinity.cli.form"}),
        ("sriov --libvirt-uri=none:///", {"pyroute2", "irqaffinity.daemon.log"}),
        (
            "audit --once --libvirt-uri=none:///",
            {"pyroute2", "irqaffinity.sriov", "irqaffinity.daemon.log", "irqaffinity.report.rows", "curses"},
        ),
    ],
)
def test_a_command_imports_only_what_it_needs(command: str, absent: set[str]) -> None:
    code = (
        "import sys\nfrom irqaffinity.cli.main import main\n"
        f"try:\n    main({command.split()!r})\nexcept SystemExit:\n    pass\n"
        f"print('loaded', sorted({absent!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "loaded []"
