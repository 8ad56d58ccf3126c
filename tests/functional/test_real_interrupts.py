# SPDX-License-Identifier: Apache-2.0
"""This machine's own interrupts are moved, verified and put back."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Policy
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from tests.fakes.calls import CountingCalls
from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.scene import GUEST, SCHEMA
from tests.functional.conftest import RealDevice

PROGRAM = Path(sys.executable).with_name("irqaffinity")
NOBODY = 65534


def last_cpu() -> str:
    """A CPU of this machine that interrupts are rarely pinned to alone."""
    return str(max(CpuSet.parse(Path("/sys/devices/system/cpu/online").read_text())))


def claim(folder: Path, device: RealDevice) -> str:
    """Return the URI of a libvirt whose only guest claims `device` and has one vCPU on the last CPU."""
    specs = nova_metadata("nfv", {"hw:cpu_policy": "dedicated"})
    return make_libvirt(
        folder / "libvirt", [domain("claims", GUEST, [last_cpu()], [hostdev(device.address)], metadata=specs)]
    )


def affinity(numbers: tuple[int, ...]) -> dict[int, str]:
    return {number: Path(f"/proc/irq/{number}/smp_affinity_list").read_text().strip() for number in numbers}


def irqaffinity(*arguments: str, status: int = 0) -> str:
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def audit(*arguments: str, status: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(irqaffinity(*arguments, "audit", "--once", "-f", "json", status=status))
    jsonschema.validate(found, SCHEMA)
    return found


def test_real_interrupts_are_moved_once_and_given_back(movable_device: RealDevice, tmp_path: Path) -> None:
    before = affinity(movable_device.movable)
    others = {int(name) for name in os.listdir("/proc/irq") if name.isdecimal()} - set(movable_device.movable)
    untouched = affinity(tuple(others))
    options = [f"--libvirt-uri={claim(tmp_path, movable_device)}", f"--state={tmp_path / 'state'}"]

    first = audit(*options)
    moved = [row for row in first["irqs"] if row["irq"] in movable_device.movable]
    assert {row["verdict"] for row in moved} <= {"set", "pending"}
    assert affinity(movable_device.movable) == dict.fromkeys(movable_device.movable, last_cpu())
    for row in moved:
        assert (row["verdict"] == "set") == (row["effective"] in (None, last_cpu()))

    second = audit(*options)
    assert {row["verdict"] for row in second["irqs"]} <= {"ok", "pending", "managed"}

    irqaffinity(*options, "reset")
    assert affinity(movable_device.movable) == before
    assert affinity(tuple(others)) == untouched


def test_a_second_pass_over_real_interrupts_makes_no_write(movable_device: RealDevice, tmp_path: Path) -> None:
    calls = CountingCalls()
    root = HostRoot(calls=calls)
    store = Store(StateFolder(str(tmp_path / "state")), read_boot_id(root))
    auditor = Auditor("here", root, Hypervisor(claim(tmp_path, movable_device)), Policy(), store)
    auditor.audit()
    assert calls.writes == len(movable_device.movable)
    auditor.audit()
    assert calls.writes == len(movable_device.movable)


def test_interrupts_of_the_kernels_own_stay_and_are_no_failure(managed_device: RealDevice, tmp_path: Path) -> None:
    before = affinity(managed_device.managed)
    options = [f"--libvirt-uri={claim(tmp_path, managed_device)}", f"--state={tmp_path / 'state'}"]
    found = audit(*options)
    irqaffinity(*options, "reset")
    verdicts = {row["irq"]: row["verdict"] for row in found["irqs"]}
    assert {verdicts[number] for number in managed_device.managed} == {"managed"}
    assert affinity(managed_device.managed) == before


def test_a_read_only_proc_is_denied(movable_device: RealDevice, tmp_path: Path) -> None:
    before = affinity(movable_device.movable)
    (tmp_path / "proc/irq").mkdir(parents=True)
    command = [
        str(PROGRAM),
        f"--proc={tmp_path / 'proc'}",
        f"--libvirt-uri={claim(tmp_path, movable_device)}",
        f"--state={tmp_path / 'state'}",
    ]
    script = (
        f"mount --bind /proc/irq {tmp_path}/proc/irq && mount -o remount,bind,ro {tmp_path}/proc/irq && "
        f"{{ {shlex.join(command)} audit --once -f json; echo $?; {shlex.join(command)} check; }}"
    )
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    report, _, rest = done.stdout.rpartition("\n}\n")
    found = json.loads(report + "\n}")
    verdicts = {row["irq"]: (row["verdict"], row["message"]) for row in found["irqs"]}
    assert {verdicts[number][0] for number in movable_device.movable} == {"denied"}
    assert "Read-only file system" in verdicts[movable_device.movable[0]][1]
    status, *checked = rest.splitlines()
    assert status == "1"
    assert any(line.startswith("rights         FAILED") and "Read-only" in line for line in checked)
    assert affinity(movable_device.movable) == before


def test_an_ordinary_user_is_denied(movable_device: RealDevice, short_folder: Path) -> None:
    """The user is changed once everything is imported, for this Python may stand where only root can read."""
    before = affinity(movable_device.movable)
    uri = claim(short_folder, movable_device)
    (short_folder / "state").mkdir(mode=0o700)
    os.chown(short_folder / "state", NOBODY, NOBODY)
    code = (
        "import os, sys\nimport irqaffinity.cli.audit\nfrom irqaffinity.cli.main import main\n"
        f"os.setgroups([]); os.setresgid(*[{NOBODY}] * 3); os.setresuid(*[{NOBODY}] * 3)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    options = [f"--libvirt-uri={uri}", f"--state={short_folder / 'state'}", "audit", "--once", "-f", "json"]
    done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{movable_device.address} irq {movable_device.movable[0]} stays on " in done.stderr
    verdicts = {row["irq"]: row["verdict"] for row in json.loads(done.stdout)["irqs"]}
    assert {verdicts[number] for number in movable_device.movable} == {"denied"}
    assert affinity(movable_device.movable) == before


def test_explain_reads_a_real_interrupt(movable_device: RealDevice, tmp_path: Path) -> None:
    number = movable_device.movable[0]
    out = irqaffinity(f"--libvirt-uri={claim(tmp_path, movable_device)}", "explain", str(number))
    assert f"device        {movable_device.address}" in out
    assert f"irq {number}" in out


@pytest.mark.parametrize("command", ["check", "audit --once --dry-run"])
def test_nothing_is_moved_by_looking(command: str, movable_device: RealDevice, tmp_path: Path) -> None:
    before = affinity(movable_device.movable)
    options = [f"--libvirt-uri={claim(tmp_path, movable_device)}", f"--state={tmp_path / 'state'}"]
    irqaffinity(*options, *command.split(), status=0 if command == "check" else 2)
    assert affinity(movable_device.movable) == before
    assert not (tmp_path / "state").exists()


def test_root_needs_no_capability(movable_device: RealDevice, tmp_path: Path) -> None:
    """systemd/irqaffinity.service takes all of them away."""
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    options = [f"--libvirt-uri={claim(tmp_path, movable_device)}", f"--state={tmp_path / 'state'}"]
    done = subprocess.run(
        [*bare, PROGRAM, *options, "audit", "--once", "-f", "json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(affinity(movable_device.movable).values()) == {last_cpu()}
