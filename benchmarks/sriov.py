#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to list virtual functions on a large host.

    python benchmarks/sriov.py [--pfs 64] [--vfs 128] [--guests 64] [--rounds 5]

On a host on paper in tmpfs, whose kernel answers netlink with messages made beforehand. A quarter of the functions are
guests', with four interrupts each, until the kernel has no more vectors; all others have a netdev of the host.
"""

import argparse
import json
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from figures import verdict

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.sriov import UseKind
from irqaffinity.observe.netlink import KernelNetlink
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.rtnetlink import Rtnetlink
from irqaffinity.passes.turns import collector_paused
from irqaffinity.report.rows import render_json
from irqaffinity.report.sriov import describe_inventory
from irqaffinity.report.sriov_table import render_inventory
from irqaffinity.sriov.look import look_at_functions
from tests.fakes.domains import domain, hostdev, make_libvirt
from tests.fakes.rtnetlink import FakeSocket, attribute, message, settings_of, vf_list
from tests.fakes.tree import HostTree

TMPFS = "/dev/shm"
_OF_TABLE = "start", "look", "document", "table"
GOAL = 2.0
"""Seconds of CPU for 64 devices with 128 virtual functions each."""

SHARE, VECTORS, MOST_VECTORS = 4, 4, 8192
SPEC = '{"devname": "p0", "physical_network": "net0"}', '{"vendor_id": "8086", "physical_network": "net1"}'
_NEW_LINK, _NEW_ADDRESS, _ERROR, _DONE = 16, 20, 2, 3
_OTHER_ATTRIBUTES = b"".join(attribute(0x40 + number, bytes(24)) for number in range(35))
"""What the kernel tells besides, some 1,100 bytes a link."""


def physical(number: int) -> str:
    """Return the address of a physical function."""
    return f"{number // 8 + 1:04x}:{(number % 8) * 16:02x}:00.0"


def virtual(number: int, index: int) -> str:
    """Return the address of a virtual function."""
    place = index + 8
    return f"{number // 8 + 1:04x}:{(number % 8) * 16 + place // 256:02x}:{place % 256 // 8:02x}.{place % 8}"


def is_guests(index: int) -> bool:
    """Tell whether a guest has the functions of this index."""
    return index % SHARE == 0


def make_host(folder: Path, pfs: int, vfs: int) -> HostTree:
    """Make the files of the host."""
    host, vectors = HostTree(folder, {0: "0-63", 1: "64-127"}, "0-127"), iter(range(100, 100 + MOST_VECTORS))
    for number in range(pfs):
        host.add_physical_function(physical(number), number % 2, netdev=f"p{number}", total=vfs, vf_product="1889")
        for index in range(vfs):
            driver, netdev = ("vfio-pci", None) if is_guests(index) else ("iavf", f"p{number}v{index}")
            address = virtual(number, index)
            host.add_virtual_function(physical(number), index, address, driver, netdev=netdev)
            numbers = [vector for _, vector in zip(range(VECTORS), vectors, strict=False)] if is_guests(index) else ()
            host.add_vectors(address, numbers, "4-5", "4")
    return host


def make_answers(pfs: int, vfs: int) -> list[bytes]:
    """Return the packets of the kernel: all links, their addresses, and the virtual functions of each device."""
    names = [f"p{number}" for number in range(pfs)]
    names += [f"p{number}v{index}" for number in range(pfs) for index in range(vfs) if not is_guests(index)]
    links = [message(_NEW_LINK, _link(place, name), 1) for place, name in enumerate(names, start=1)]
    packets = [b"".join(links[start : start + 16]) for start in range(0, len(links), 16)]
    packets += [message(_DONE, bytes(4), 1)]
    packets += [message(_NEW_ADDRESS, struct.pack("=BBBBi", 2, 24, 0, 0, 1), 2) + message(_DONE, bytes(4), 2)]
    settings = vf_list(dict(enumerate(settings_of(*(f"fa:16:3e:00:00:{index:02x}" for index in range(vfs))))))
    for number in range(pfs):
        body = _link(number + 1, names[number]) + attribute(0x8000 | 22, settings)
        packets.append(message(_NEW_LINK, body, number + 3) + message(_ERROR, bytes(4), number + 3))
    return packets


def _link(number: int, name: str) -> bytes:
    head = struct.pack("=BxHiII", 0, 1, number, 1, 0)
    return head + attribute(3, name.encode() + b"\0") + attribute(1, bytes(6)) + _OTHER_ATTRIBUTES


def make_domains(pfs: int, vfs: int, guests: int) -> list[str]:
    """Return the domains that have the functions which are guests'."""
    theirs = [virtual(number, index) for number in range(pfs) for index in range(vfs) if is_guests(index)]
    return [
        domain(f"instance-{guest}", f"00000000-0000-4000-8000-{guest:012x}", ["2"], map(hostdev, theirs[guest::guests]))
        for guest in range(guests)
    ]


def spent() -> Iterator[float]:
    """Give the CPU seconds of this process since the call before, of user and system."""
    before = 0.0
    while True:
        used = resource.getrusage(resource.RUSAGE_SELF)
        now = used.ru_utime + used.ru_stime
        yield now - before
        before = now


def one_round(root: HostRoot, uri: str, answers: list[bytes]) -> dict[str, float]:
    """Return the CPU seconds of each part, and the numbers that were found."""
    specs = tuple(spec for text in SPEC for spec in parse_device_spec(text))
    netlink = KernelNetlink(root, lambda: Rtnetlink(open_socket=lambda: _as_socket(answers)))
    clock = spent()
    next(clock)
    inventory, _ = look_at_functions(root, Hypervisor(uri), specs, lambda _root: netlink)
    found = {"look": next(clock)}
    document = describe_inventory(inventory, "here", datetime.now(timezone.utc))
    found["document"] = next(clock)
    with collector_paused():
        assert render_inventory(document)
        found["table"] = next(clock)
        assert render_json(document)
        found["json"] = next(clock)
    functions = [function for pf in inventory.pfs for function in pf.vfs]
    found["functions"] = len(functions)
    found["settings"] = sum(function.settings is not None for function in functions)
    found["hostdev"] = sum(function.use is not None and function.use.kind is UseKind.HOSTDEV for function in functions)
    return found


def seconds_to_start() -> float:
    """Return the CPU seconds of a process that only imports what the command imports."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "import irqaffinity.cli.main, irqaffinity.cli.sriov"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _as_socket(answers: list[bytes]) -> Any:
    return FakeSocket(answers)


def main() -> None:
    """Print the CPU time of a process that lists all functions, and of its parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("--pfs", 64), ("--vfs", 128), ("--guests", 64), ("--rounds", 5)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        folder, uri = arguments.one
        root = HostRoot(f"{folder}/proc", f"{folder}/sys")
        answers = make_answers(arguments.pfs, arguments.vfs)
        print(json.dumps(one_round(root, uri, answers)))
        return
    with tempfile.TemporaryDirectory(dir=TMPFS) as name:
        folder = Path(name)
        make_host(folder, arguments.pfs, arguments.vfs)
        uri = make_libvirt(folder / "libvirt", make_domains(arguments.pfs, arguments.vfs, arguments.guests))
        command = [sys.executable, __file__, "--pfs", str(arguments.pfs), "--vfs", str(arguments.vfs)]
        rounds = []
        for _ in range(arguments.rounds):
            done = subprocess.run([*command, "--one", name, uri], capture_output=True, text=True, check=True)
            rounds.append({"start": seconds_to_start(), **json.loads(done.stdout)})
    for what in ("start", "look", "document", "table", "json"):
        print(f"{what:<12} {statistics.median(each[what] for each in rounds):6.2f} s of CPU")
    last, whole = rounds[-1], statistics.median(sum(each[what] for what in _OF_TABLE) for each in rounds)
    print(f"{last['functions']} virtual functions, {last['settings']} with settings, {last['hostdev']} of guests")
    print(f"all of a process that prints the table: {whole:.2f} s of CPU {verdict(whole, GOAL)}")


if __name__ == "__main__":
    main()
