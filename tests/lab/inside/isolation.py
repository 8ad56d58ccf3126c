# SPDX-License-Identifier: Apache-2.0
"""The host's own interrupts of the machine, and where they may arrive; read without any code of the program."""

import mmap
import os
import re
import signal
from collections.abc import Mapping, Sequence

from tests.lab.inside import interrupts, program
from tests.lab.inside.host import PFS
from tests.lab.inside.processes import LIMIT, read, run, wait_for, write

_DEFAULT = "/proc/irq/default_smp_affinity"
_ONLINE = "/sys/devices/system/cpu/online"
_UNMOVABLE = re.compile(r"timer|nvme\d+q[1-9]\d*|")
"""Handlers of interrupts that the kernel or their controller keeps where they are, and of those without a handler."""

_OF_GUESTS = "vfio-"
_BLOCK = 4096


def queues() -> dict[str, interrupts.Row]:
    """Return the interrupts of the controllers' I/O queues, which the kernel manages."""
    found = (interrupts.of_device(device) for device in PFS)
    return {number: row for rows in found for number, row in rows.items() if _UNMOVABLE.fullmatch(row[2])}


def movable() -> dict[str, interrupts.Row]:
    """Return every interrupt of the host that can be moved."""
    return {
        number: row
        for number, row in interrupts.all_interrupts().items()
        if not row[2].startswith(_OF_GUESTS) and not _UNMOVABLE.fullmatch(row[2])
    }


def affinities() -> dict[str, str]:
    """Return where each interrupt with a handler may arrive, by its number, and the default as one of them.

    The line of a guest's NIC is without one while the NIC uses MSI-X, and is born anew whenever it does not.
    """
    found = {number: row[0] for number, row in interrupts.all_interrupts().items() if row[2]}
    return found | {"default": default()}


def put_back(before: Mapping[str, str]) -> None:
    """Put every interrupt of the host that has moved, and the default affinity, where `affinities` found it."""
    for number, row in movable().items():
        if row[0] != before.get(number, row[0]):
            interrupts.move(number, before[number])
    write(_DEFAULT, before["default"])


def put_where_born() -> None:
    """Put every movable interrupt of the host where the kernel would at its birth: all CPUs, or those of its node."""
    for number in movable():
        node = read(f"/proc/irq/{number}/node")
        cpus = read(_ONLINE if node == "-1" else f"/sys/devices/system/node/node{node}/cpulist")
        interrupts.move(number, cpus)


def default() -> str:
    """Return the default affinity as the kernel writes it, a hexadecimal mask."""
    return read(_DEFAULT)


def wait_kept(kept: str, limit: float = LIMIT) -> None:
    """Wait until no movable interrupt of the host can come to some CPUs; the default affinity is all others then."""
    left: dict[str, object] = {}
    cpus = interrupts.parse(kept)
    mask = f"{sum(1 << cpu for cpu in set(range(os.cpu_count() or 0)) - cpus):x}"

    def is_so() -> bool:
        left.clear()
        left.update({number: row for number, row in movable().items() if not _is_clear(row, cpus)})
        if int(default().replace(",", ""), 16) != int(mask, 16):
            left["default"] = default()
        return not left

    try:
        wait_for(f"CPUs {kept} without interrupts of the host", is_so, limit)
    except AssertionError as error:
        raise AssertionError(f"{error}; still there are {left}") from None


def wait_where(expected: Mapping[str, str], limit: float = LIMIT) -> None:
    """Wait until interrupts may arrive exactly where `expected` says, and the default affinity, as in `affinities`."""
    wrong: dict[str, tuple[str | None, str]] = {}

    def is_so() -> bool:
        found = affinities()
        wrong.clear()
        wrong.update({name: (found.get(name), cpus) for name, cpus in expected.items() if found.get(name) != cpus})
        return not wrong

    try:
        wait_for("interrupts of the host where they are expected", is_so, limit)
    except AssertionError as error:
        raise AssertionError(f"{error}; found and expected are {wrong}") from None


def wait_widened(cpu: int, limit: float = LIMIT) -> None:
    """Wait until interrupts of the host may come to a CPU again, and the default affinity has it too."""

    def is_so() -> bool:
        with_it = [number for number, row in movable().items() if cpu in interrupts.parse(row[0])]
        return bool(with_it) and bool(int(default().replace(",", ""), 16) >> cpu & 1)

    wait_for(f"interrupts of the host on CPU {cpu}", is_so, limit)


def read_disk(device: str, cpu: int, times: int) -> None:
    """Read from a controller's disk on one CPU, past every cache: its queue interrupts each time."""
    path, cpus = f"/dev/{_disk(device)}", os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    disk = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        for _ in range(times):
            os.preadv(disk, [mmap.mmap(-1, _BLOCK)], 0)
    finally:
        os.close(disk)
        os.sched_setaffinity(0, cpus)


def kill_agent_for_good() -> None:
    """Kill the service with SIGKILL, and keep systemd from starting it again."""
    program.kill_agent()
    program.stop_agent()


def start_agent_and_kill_it_amid_its_writes() -> None:
    """Start the service, kill it with SIGKILL as soon as it has moved something of the host's, and keep it away."""
    before = default()
    run("systemctl", "start", "--no-block", "irqaffinity")
    pid = int(wait_for("the agent", lambda: int(program.agent_state("MainPID")["MainPID"])))
    wait_for("the first write", lambda: default() != before or _has_ended(pid), pause=0.0)
    os.kill(pid, signal.SIGKILL)
    program.stop_agent()


def _is_clear(row: interrupts.Row, cpus: set[int]) -> bool:
    smp, effective = interrupts.parse(row[0]), interrupts.parse(row[1])
    return bool(smp) and not (smp | effective) & cpus


def _disk(device: str) -> str:
    """Return the block device of a controller; where several paths may lead to it, the one that stands for them all."""
    (controller,) = os.listdir(f"/sys/bus/pci/devices/{device}/nvme")
    names: Sequence[str] = os.listdir(f"/sys/class/nvme/{controller}")
    (name,) = (name for name in names if re.fullmatch(r"nvme\d+(c\d+)?n\d+", name))
    return re.sub(r"c\d+", "", name)


def _has_ended(pid: int) -> bool:
    return not os.path.exists(f"/proc/{pid}")
