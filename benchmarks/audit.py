# SPDX-License-Identifier: Apache-2.0
"""What one audit pass in the steady state costs, beside the system calls that it cannot do without.

    python benchmarks/audit.py [--guests 100] [--devices 8] [--vectors 32] [--rounds 7]

Prints, from one run: the CPU time of a C loop that opens, reads and closes both affinity files of each interrupt once;
that of a pass over a host where everything is in its place; their ratio; the peak memory; and the cold start of
`irqaffinity mask` beside that of importing oslo_config.cfg. The host is a tree in tmpfs, its guests are domains of
libvirt's test driver. The pass is a whole one: lock, state, libvirt, XML, sysfs, procfs, plan and results.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from irqaffinity.audit import Auditor
from irqaffinity.demo.calls import CountingCalls
from irqaffinity.demo.domains import domain, hostdev, make_libvirt, nova_metadata
from irqaffinity.demo.tree import HostTree
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.root import HostRoot
from irqaffinity.plan.policy import Policy
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store

FIRST_IRQ = 100
VCPUS = 8
TMPFS = "/dev/shm"


def build_host(folder: Path, guests: int, devices: int, vectors: int) -> tuple[HostTree, str]:
    """Return a host with so many guests, devices a guest and vectors a device, and the URI of its libvirt."""
    cpus = guests * VCPUS
    half = cpus // 2
    tree = HostTree(folder / "host", {0: f"0-{half - 1}", 1: f"{half}-{cpus - 1}"}, f"0-{cpus - 1}")
    domains = []
    irq = FIRST_IRQ
    for guest in range(guests):
        own = range(guest * VCPUS, (guest + 1) * VCPUS)
        addresses = [f"{guest + 1:04x}:{device + 1:02x}:00.0" for device in range(devices)]
        for address in addresses:
            tree.add_device(address, int(own[0] >= half))
            tree.add_vectors(address, range(irq, irq + vectors), f"0-{cpus - 1}", f"{own[1]}")
            irq += vectors
        metadata = nova_metadata("nfv", {"hw:cpu_policy": "dedicated", "hw:pci_irq_affinity_mask": "1-4,^3,6"})
        uuid = f"00000000-0000-4000-8000-{guest:012x}"
        pins = [str(cpu) for cpu in own]
        domains.append(domain(f"instance-{guest:08x}", uuid, pins, map(hostdev, addresses), metadata=metadata))
    return tree, make_libvirt(folder / "libvirt", domains)


def compile_floor(folder: Path) -> Path:
    """Compile the C loop with cc and return the program."""
    program = folder / "syscall_floor"
    source = Path(__file__).with_name("syscall_floor.c")
    subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return program


def cpu_time(call: Callable[[], object]) -> float:
    """Return the CPU seconds, of all threads, that `call` takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def cold_start(command: list[str]) -> float:
    """Return the CPU seconds of a process from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare_cold_starts(rounds: int) -> None:
    """Print the cold start of the smallest command beside that of oslo.config alone."""
    ours = [str(Path(sys.executable).with_name("irqaffinity")), "mask", "0", "--vcpus", "1"]
    theirs = [sys.executable, "-c", "import oslo_config.cfg"]
    pairs = [(cold_start(ours), cold_start(theirs)) for _ in range(rounds)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"cold start of `mask`       {mine * 1000:8.1f} ms CPU")
    print(f"import oslo_config.cfg     {other * 1000:8.1f} ms CPU")
    print(f"ratio                      {mine / other:8.2f}        (at most 1.5)")


def compare_pass(options: argparse.Namespace, folder: Path) -> None:
    """Print what a pass costs beside the floor."""
    tree, uri = build_host(folder, options.guests, options.devices, options.vectors)
    irqs = options.guests * options.devices * options.vectors
    floor = [str(compile_floor(folder)), str(tree.proc), str(FIRST_IRQ), str(irqs)]
    calls = CountingCalls()
    hypervisor = Hypervisor(uri)
    store = Store(StateFolder(str(folder / "state")), "benchmark")
    root = HostRoot(str(tree.proc), str(tree.sys), calls)
    auditor = Auditor("benchmark", root, hypervisor, Policy(), store)
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    first = cpu_time(auditor.audit)
    placed, calls.writes = calls.writes, 0
    pairs = []
    for _ in range(options.rounds):
        floor_time = float(subprocess.run(floor, check=True, capture_output=True, text=True).stdout)
        pairs.append((floor_time, cpu_time(auditor.audit)))
    outcome = auditor.audit().outcome
    assert {result.verdict for result in outcome.results} == {Verdict.OK}
    assert len(outcome.results) == irqs
    floor_time, pass_time = (statistics.median(column) for column in zip(*pairs, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{options.guests} guests x {options.devices} devices x {options.vectors} vectors = {irqs} interrupts")
    print(f"C loop                     {floor_time * 1000:8.1f} ms CPU  {floor_time / irqs * 1e6:6.2f} us an interrupt")
    print(f"pass, steady state         {pass_time * 1000:8.1f} ms CPU  {pass_time / irqs * 1e6:6.2f} us an interrupt")
    print(f"ratio                      {statistics.median(p / f for f, p in pairs):8.2f}        (at most 2.0, aim 1.3)")
    print(f"writes in the steady state {calls.writes:8d}")
    print(f"first pass                 {first * 1000:8.1f} ms CPU, {placed} writes")
    print(f"peak memory                {peak / 1024:8.1f} MB, of it {idle / 1024:.1f} MB before the first pass")


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(description="What one audit pass costs beside the syscall floor.")
    parser.add_argument("--guests", type=int, default=100)
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--vectors", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="irqaffinity-benchmark-", dir=TMPFS) as folder:
        compare_pass(options, Path(folder))
    compare_cold_starts(options.rounds)


if __name__ == "__main__":
    main()
