# SPDX-License-Identifier: Apache-2.0
"""What a pass would cost if it kept the affinity files open, and how much kernel memory that would pin.

Each open file of /proc/irq that was read once has a page of its own in the kernel until it is closed. That is measured
on this machine's own interrupts; the speed on the host on paper.
"""

import contextlib
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

FILES = b"smp_affinity_list", b"effective_affinity_list"
SPARE = 200
"""Descriptors for all else."""

SAMPLES = 5


def most_descriptors(wanted: int) -> int:
    """Raise this process's limit of descriptors as far as possible, and return how many of so many it may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (max(hard, wanted + SPARE), hard):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return min(wanted, limit - SPARE)
    return 0


@contextlib.contextmanager
def kept_open(paths: Sequence[bytes]) -> Iterator[list[int]]:
    """Give descriptors of files, each read once."""
    descriptors = []
    try:
        for path in paths:
            descriptors.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            os.read(descriptors[-1], 64)
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def read_all(descriptors: list[int]) -> float:
    """Return the CPU seconds of reading all of them again."""
    pread = os.pread
    start = time.process_time()
    for descriptor in descriptors:
        pread(descriptor, 64, 0)
    return time.process_time() - start


def slab() -> int:
    """Return the bytes of kernel memory in unreclaimable slabs."""
    rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(rows["SUnreclaim"].split()[0]) * 1024


def pinned_bytes(count: int) -> float:
    """Return the kernel memory that an open affinity file of this machine pins, measured with so many of them."""
    own = [b"/proc/irq/%s/%s" % (os.fsencode(irq), name) for irq in os.listdir("/proc/irq") for name in FILES]
    there = [path for path in own if os.access(path, os.R_OK)]
    paths = [there[index % len(there)] for index in range(count)]
    samples = []
    for _ in range(SAMPLES):
        before = slab()
        with kept_open(paths):
            samples.append((slab() - before) / count)
    return statistics.median(samples)


def compare_kept(proc: bytes, irqs: range, floor: Callable[[], float], rounds: int) -> None:
    """Print what reading kept descriptors costs beside the floor, and what they pin."""
    paths = [b"%s/irq/%d/%s" % (proc, irq, name) for irq in irqs for name in FILES]
    count = most_descriptors(len(paths))
    with kept_open(paths[:count]) as descriptors:
        ratio = statistics.median(read_all(descriptors) / count * len(paths) / floor() for _ in range(rounds))
    pinned = pinned_bytes(count)
    print(
        f"kept descriptors, bare     {ratio:8.2f}        of the C loop; {len(paths)} pin "
        f"{pinned * len(paths) / 1e6:.0f} MB of the kernel's memory ({pinned:.0f} bytes each, measured with {count})"
    )
