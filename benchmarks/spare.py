# SPDX-License-Identifier: Apache-2.0
"""A device of this machine whose interrupts may be born again and again: its virtio random number generator.

The kernel does without it. All that is changed is put back, however the benchmark ends but by SIGKILL.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from irqaffinity.model.cpuset import CpuSet

DRIVER = Path("/sys/bus/virtio/drivers/virtio_rng")
DEFAULT = Path("/proc/irq/default_smp_affinity")
ENDS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
LIMIT = 10.0
"""Seconds after which the kernel will not free the interrupts."""


class Spare:
    """The device, bound to its driver or not. Binding it gives birth to its interrupts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = (DRIVER / name).resolve().parent.name

    def numbers(self) -> list[int]:
        """Return its interrupts, in their order."""
        return sorted(int(entry) for entry in os.listdir(f"/sys/bus/pci/devices/{self.address}/msi_irqs"))

    def bind(self) -> None:
        """Have the driver drive it, and return once it does."""
        (DRIVER / "bind").write_text(self.name)

    def unbind(self) -> None:
        """Take it from the driver, and return once its interrupts are gone."""
        before = self.numbers()
        (DRIVER / "unbind").write_text(self.name)
        end = time.monotonic() + LIMIT
        while any(affinity_file(number).exists() for number in before):
            if time.monotonic() > end:
                raise TimeoutError(f"{self.address}: its interrupts do not go")
            time.sleep(0.001)

    @property
    def is_bound(self) -> bool:
        """Tell whether the driver drives it."""
        return (DRIVER / self.name).exists()


def affinity_file(number: int) -> Path:
    """Return the file that says where an interrupt may arrive."""
    return Path(f"/proc/irq/{number}/smp_affinity_list")


def affinity(number: int) -> str | None:
    """Return where an interrupt may arrive, None while it is not there."""
    try:
        return affinity_file(number).read_text().strip()
    except OSError:
        return None


@contextlib.contextmanager
def spare_device() -> Iterator[Spare]:
    """Give the device; bind it again afterwards, and put its interrupts where they were."""
    names = sorted(path.name for path in DRIVER.glob("virtio*"))
    found = next((spare for spare in map(Spare, names) if len(spare.numbers()) > 0), None)
    if found is None:
        sys.exit("this machine has no virtio random number generator whose interrupts could be born again")
    before = [affinity(number) for number in found.numbers()]
    try:
        yield found
    finally:
        if found.is_bound:
            found.unbind()
        found.bind()
        for number, cpus in zip(found.numbers(), before, strict=True):
            if cpus is not None and affinity(number) != cpus:
                affinity_file(number).write_text(cpus)


@contextlib.contextmanager
def born_on(cpu: int) -> Iterator[None]:
    """Have all interrupts that are born meanwhile begin on `cpu`."""
    before = DEFAULT.read_text()
    DEFAULT.write_text(f"{1 << cpu:x}")
    try:
        yield
    finally:
        DEFAULT.write_text(before)


@contextlib.contextmanager
def put_back() -> Iterator[contextlib.ExitStack]:
    """Give a stack of what is to be put back; Ctrl-C and its like end the block, and then wait until that is done."""

    def end(number: int, _frame: object) -> None:
        for each in ENDS:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    before = {each: signal.signal(each, end) for each in ENDS}
    try:
        with contextlib.ExitStack() as stack:
            yield stack
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def two_cpus() -> tuple[int, int]:
    """Return a CPU for interrupts to be born on, and one to which they belong: the first and the last."""
    online = sorted(CpuSet.parse(Path("/sys/devices/system/cpu/online").read_text()))
    if len(online) < 2:
        sys.exit("there is one CPU alone: an interrupt has nowhere to go")
    return online[0], online[-1]
