# SPDX-License-Identifier: Apache-2.0
"""What one audit pass in the steady state costs, beside the system calls that it cannot do without.

    python benchmarks/audit.py [--guests 100] [--devices 8] [--vectors 32] [--own 1000] [--rounds 7]

Prints, from one run: the CPU time of a C loop that opens, reads and closes both affinity files of each interrupt once;
that of a pass over a host where everything is in its place, without a look at the host's own interrupts; their ratio;
the peak memory; the pass without and with that look (each `[isolation] mode`); what kept descriptors would give, and
what they would pin; a whole process of `audit --once` on that host; and the cold start of `irqaffinity mask`
beside that of importing oslo_config.cfg. The host is a tree in tmpfs, its guests are domains of libvirt's test driver.
The pass is a whole one: lock, state, libvirt, XML, sysfs, procfs, plan and results.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from big_host import FIRST_IRQ, TMPFS, BigHost
from figures import verdict
from kept import compare_kept

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.plan.policy import Isolation, IsolationMode, Policy
from tests.fakes.domains import make_libvirt

OFF = Policy(isolation=Isolation(IsolationMode.OFF))
ROOM = 4
"""So many guests more would find CPUs: their CPUs do the host's work."""

PROGRAM = Path(sys.executable).with_name("irqaffinity")


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
    ours = [str(PROGRAM), "mask", "0", "--vcpus", "1"]
    theirs = [sys.executable, "-c", "import oslo_config.cfg"]
    pairs = [(cold_start(ours), cold_start(theirs)) for _ in range(rounds)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"cold start of `mask`       {mine * 1000:8.1f} ms CPU")
    print(f"import oslo_config.cfg     {other * 1000:8.1f} ms CPU")
    print(f"ratio                      {mine / other:8.2f}        {verdict(mine / other, 1.5)}")


def compare_pass(host: BigHost, floor: Callable[[], float], rounds: int) -> None:
    """Print what a pass costs beside the floor."""
    host.auditor.policy = OFF
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    first = cpu_time(host.audit)
    placed, host.calls.writes = host.calls.writes, 0
    pairs = [(floor(), cpu_time(host.audit)) for _ in range(rounds)]
    assert host.is_in_place()
    floor_time, pass_time = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(spent / least for least, spent in pairs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    irqs = host.irqs
    print(f"C loop                     {floor_time * 1000:8.1f} ms CPU  {floor_time / irqs * 1e6:6.2f} us an interrupt")
    print(f"pass, steady state         {pass_time * 1000:8.1f} ms CPU  {pass_time / irqs * 1e6:6.2f} us an interrupt")
    print(f"ratio                      {ratio:8.2f}        {verdict(ratio, 1.3)}")
    print(f"writes in the steady state {host.calls.writes:8d}        {verdict(host.calls.writes, 0)}")
    print(f"first pass                 {first * 1000:8.1f} ms CPU, {placed} writes")
    print(f"peak memory                {peak / 1024:8.1f} MB, of it {idle / 1024:.1f} MB before the first pass")


def compare_isolation(host: BigHost, rounds: int) -> None:
    """Print what a pass costs with a look at the host's own interrupts, beside one without, on the same host."""
    auditors = {
        mode: host.make_auditor(f"state-{mode.value}", Policy(isolation=Isolation(mode, CpuSet.parse(host.spare))))
        for mode in IsolationMode
    }
    writes: dict[IsolationMode, list[int]] = {mode: [] for mode in auditors}
    for mode in (*auditors, *auditors):
        host.calls.writes = 0
        host.audit(auditors[mode])
        writes[mode].append(host.calls.writes)
    rows = [{mode: cpu_time(partial(host.audit, auditor)) for mode, auditor in auditors.items()} for _ in range(rounds)]
    print(f"beside them {host.own} interrupts of the host; enforcement has moved {writes[IsolationMode.ENFORCE][0]}")
    for mode in auditors:
        spent = statistics.median(row[mode] for row in rows)
        print(f"pass, isolation {mode.value:10} {spent * 1000:8.1f} ms CPU, {writes[mode][1]} writes")
    for mode, goal in ((IsolationMode.REPORT, 1.1), (IsolationMode.ENFORCE, 1.1)):
        ratio = statistics.median(row[mode] / row[IsolationMode.OFF] for row in rows)
        print(f"ratio, {mode.value:7} to off      {ratio:8.2f}        {verdict(ratio, goal)}")


def audit_command(host: BigHost, uri: str, state: Path, *options: str) -> list[str]:
    """Return the command that audits a host once; without a guest all its interrupts would be the host's own."""
    places = [f"--proc={host.tree.proc}", f"--sys={host.tree.sys}", f"--libvirt-uri={uri}", f"--state={state}"]
    (state.parent / "off.conf").write_text("[isolation]\nmode = off\n")
    return [str(PROGRAM), f"--config-file={state.parent / 'off.conf'}", *places, "audit", "--once", *options]


def compare_process(host: BigHost, floor: Callable[[], float], folder: Path, rounds: int, *options: str) -> None:
    """Print what a process of `audit --once` costs in the steady state, beyond what it costs without a guest."""
    whole = audit_command(host, host.uri, folder / "state-of-processes", *options)
    empty = audit_command(host, make_libvirt(folder / "no-guests", []), folder / "state-of-none", *options)
    for command in (whole, empty):
        cold_start(command)
    times = [(floor(), cold_start(whole), cold_start(empty)) for _ in range(rounds)]
    spent, start = (statistics.median(column) for column in list(zip(*times, strict=True))[1:])
    ratio = statistics.median((mine - bare) / least for least, mine, bare in times)
    name = " ".join(["audit --once", *options])
    print(f"process of `{name}`  {spent * 1000:.1f} ms CPU, {start * 1000:.1f} ms of it without a guest")
    print(f"ratio without the start    {ratio:8.2f}        {verdict(ratio, 2.2)}")


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description="What one audit pass costs beside the syscall floor.")
    parser.add_argument("--guests", type=int, default=100)
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--vectors", type=int, default=32)
    parser.add_argument("--own", type=int, default=1000, help="interrupts of the host itself (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="irqaffinity-benchmark-", dir=TMPFS) as name:
        folder = Path(name)
        host = BigHost(folder, options.guests, options.devices, options.vectors, options.guests + ROOM, options.own)
        command = [str(compile_floor(folder)), str(host.tree.proc), str(FIRST_IRQ), str(host.irqs)]

        def floor() -> float:
            return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

        print(
            f"{options.guests} guests x {options.devices} devices x {options.vectors} vectors = {host.irqs} interrupts"
        )
        compare_pass(host, floor, options.rounds)
        compare_isolation(host, options.rounds)
        compare_kept(os.fsencode(host.tree.proc), range(FIRST_IRQ, FIRST_IRQ + host.irqs), floor, options.rounds)
        for output in ((), ("-f", "json")):
            compare_process(host, floor, folder, options.rounds, *output)
    compare_cold_starts(options.rounds)


if __name__ == "__main__":
    main()
