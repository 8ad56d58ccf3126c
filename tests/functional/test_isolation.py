# SPDX-License-Identifier: Apache-2.0
"""This machine's own interrupts leave the CPU of a guest, and come back; the guest is one of libvirt's test driver."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from irqaffinity.model.cpuset import CpuSet
from tests.fakes.domains import domain, make_libvirt, nova_metadata
from tests.fakes.scene import GUEST, SCHEMA
from tests.functional.agent import wait_for

PROGRAM = Path(sys.executable).with_name("irqaffinity")
DEFAULT = Path("/proc/irq/default_smp_affinity")


def online() -> CpuSet:
    return CpuSet.parse(Path("/sys/devices/system/cpu/online").read_text())


def affinities() -> dict[int, CpuSet]:
    numbers = sorted(int(name) for name in os.listdir("/proc/irq") if name.isdecimal())
    return {number: CpuSet.parse(_file(number).read_text()) for number in numbers}


def movable() -> set[int]:
    return {number for number in affinities() if _file(number).stat().st_mode & 0o200}


def default() -> CpuSet:
    return CpuSet.from_mask(int(DEFAULT.read_text().replace(",", ""), 16))


def _file(number: int) -> Path:
    return Path(f"/proc/irq/{number}/smp_affinity_list")


class Machine:
    """The first CPU of this machine keeps house, and a guest has the last one as long as it is there."""

    def __init__(self, folder: Path) -> None:
        cpus = sorted(online())
        self.folder, self.kept = folder, CpuSet([cpus[-1]])
        metadata = nova_metadata("nfv", {"hw:cpu_policy": "dedicated"})
        guest = domain("pinned", GUEST, [str(cpus[-1])], metadata=metadata)
        other = domain("floating", "33333333-3333-3333-3333-333333333333", ["0-1"])
        self.uris = {"guest": make_libvirt(folder / "with", [guest]), "none": make_libvirt(folder / "without", [other])}
        self.configuration = folder / "irqaffinity.conf"
        self.configuration.write_text(
            f"[state]\npath = {folder / 'state'}\n[status]\npath = {folder / 'status.json'}\n"
            f"[isolation]\nmode = enforce\nhousekeeping_cpus = {cpus[0]}\nminimum = 1\nirqbalance = false\n"
        )

    def command(self, *arguments: str, uri: str = "guest") -> list[str]:
        options = ["--config-file", str(self.configuration), f"--libvirt-uri={self.uris[uri]}"]
        return [str(PROGRAM), *options, *arguments]

    def run(self, *arguments: str, uri: str = "guest", status: int = 0) -> str:
        done = subprocess.run(self.command(*arguments, uri=uri), capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def audit(self, *arguments: str, uri: str = "guest", status: int = 0) -> dict[str, Any]:
        text = self.run("audit", "--once", "-f", "json", *arguments, uri=uri, status=status)
        found: dict[str, Any] = json.loads(text)
        jsonschema.validate(found, SCHEMA)
        return found


@pytest.fixture
def machine(as_root: None, kept_affinity: None, tmp_path: Path) -> Machine:
    if len(online()) < 2:
        pytest.skip("this machine has one CPU: a guest and the host cannot have one each")
    if not any(cpus & CpuSet([max(online())]) for number, cpus in affinities().items() if number in movable()):
        pytest.skip("no interrupt of this machine that can be moved may come to its last CPU")
    return Machine(tmp_path)


def test_every_movable_interrupt_leaves_the_guests_cpu_and_comes_back(machine: Machine) -> None:
    before, wide = affinities(), default()
    planned = machine.audit("--dry-run", status=2)
    assert affinities() == before
    found = machine.audit()
    now = affinities()
    asked = {row["irq"]: row["target"] for row in planned["isolation"]["irqs"]}
    assert {number: str(now[number]) for number in asked} == asked
    immovable = {row["irq"] for row in found["intruders"] if not row["movable"]}
    refused = {row["irq"] for row in found["isolation"]["irqs"] if row["verdict"] not in ("set", "pending")}
    assert not [number for number in movable() - immovable - refused if now[number] & machine.kept]
    assert not default() & machine.kept
    again = machine.audit()["isolation"]["irqs"]
    assert {row["verdict"] for row in again} <= {"pending"}, "the hardware follows when an interrupt arrives"
    assert all(row["current"] == row["target"] for row in again)

    machine.audit(uri="none")
    assert affinities() == before
    assert default() == wide


def test_what_the_kernel_keeps_for_itself_is_named_with_its_cpu(machine: Machine) -> None:
    fixed = {number for number in affinities() if number not in movable()}
    coming = {
        number
        for number in fixed
        if CpuSet.parse(Path(f"/proc/irq/{number}/effective_affinity_list").read_text()) & machine.kept
    }
    if not coming:
        pytest.skip("the kernel keeps no interrupt of this machine on its last CPU for itself")
    found = machine.audit()
    rows = {row["irq"]: row for row in found["intruders"]}
    assert {rows[number]["verdict"] for number in coming} == {"managed"}
    assert {rows[number]["cpus"] for number in coming} == {str(machine.kept)}
    told = machine.run("explain", "cpu", str(machine.kept))
    assert all(f"{number} " in told for number in coming)
    assert "isolcpus=managed_irq" in told


def test_a_killed_agent_leaves_what_reset_gives_back_exactly(machine: Machine) -> None:
    before, wide = affinities(), default()
    with (machine.folder / "log").open("wb") as log:
        process = subprocess.Popen(machine.command("agent"), stdout=log, stderr=log)
    try:
        wait_for("a narrow default", lambda: not default() & machine.kept)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert "default affinity" in machine.run("reset")
    assert affinities() == before
    assert default() == wide


def test_an_agent_shows_what_arrives_at_its_guests_cpu(machine: Machine) -> None:
    text = machine.configuration.read_text().replace("mode = enforce", "mode = report")
    machine.configuration.write_text(text + "[audit]\ninterval = 1\n")
    path = machine.folder / "status.json"
    with (machine.folder / "log").open("wb") as log:
        process = subprocess.Popen(machine.command("agent"), stdout=log, stderr=log)

    def counted() -> list[dict[str, Any]]:
        assert process.poll() is None, (machine.folder / "log").read_text()
        rows = json.loads(path.read_text())["intruders"] if path.exists() else []
        return [row for row in rows if row["arrived"] is not None]

    try:
        rows = wait_for("a count of what arrives", counted)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    assert {row["cpus"] for row in rows} == {str(machine.kept)}
    assert {row["guests"][0] for row in rows} == {GUEST}
