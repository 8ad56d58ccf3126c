# SPDX-License-Identifier: Apache-2.0
"""The real irqbalance on a made-up host: it sees nothing of this machine's interrupts, and moves none of them."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.model.balance import Balancer
from tests.functional.agent import wait_for
from tests.lab.parts import debian_package

CPUS = 16
GUESTS, HOSTS = range(28, 32), range(24, 28)
"""Numbers of interrupts: of a vfio device, and of a disk of the host."""

_MOUNTS = {
    "irq": "/proc/irq",
    "interrupts": "/proc/interrupts",
    "stat": "/proc/stat",
    "run": "/run",
    "pci": "/sys/bus/pci/devices",
    "cpu": "/sys/devices/system/cpu",
    "node": "/sys/devices/system/node",
}


class RealBalancer:
    """An irqbalance that scans every second, with its socket in `sockets`; `argv` and `environment` are its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sockets = folder / "run/irqbalance"
        self.argv: list[str] = []
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._make()

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    @property
    def balancer(self) -> Balancer:
        """Where it listens."""
        return Balancer(self.pid, (str(self.sockets / f"irqbalance{self.pid}.sock"),))

    def start(self) -> None:
        """Start it in a mount namespace of its own, and wait until it listens."""
        mounts = [f"mount --bind {self.folder}/{name} {place}" for name, place in _MOUNTS.items()]
        program = debian_package("irqbalance") / "usr/sbin/irqbalance"  # installed, it would move this machine's own
        script = " && ".join(["mount --make-rprivate /", *mounts, f'exec {program} --foreground -t 1 "$@"'])
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script, "sh", *self.argv],
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                restore_signals=True,
            )
        wait_for("irqbalance's socket", self._listens)

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        assert self.process is not None
        return self.process.poll() is None

    def _listens(self) -> bool:
        assert self.is_alive, self.log()
        return (self.sockets / f"irqbalance{self.pid}.sock").exists()

    def log(self) -> str:
        """Return what it wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, if it runs."""
        if self.process is not None:
            if number != signal.SIGKILL:
                self.process.send_signal(signal.SIGCONT)  # a stopped process takes no other signal
            self.process.send_signal(number)
            self.process.wait()

    def fire(self) -> None:
        """Have each interrupt arrive often, so that it moves them."""
        self._rounds += 1
        lines = ["    " + " ".join(f"CPU{cpu}" for cpu in range(CPUS))]
        for number in (*HOSTS, *GUESTS):
            counts = " ".join(str(100000 * self._rounds if cpu == number % CPUS else 0) for cpu in range(CPUS))
            name = f"vfio-msix[{number}](0000:81:00.2)" if number in GUESTS else f"nvme0q{number}"
            lines.append(f"{number:4}: {counts} PCI-MSI {number}-edge {name}")
        new = "\n".join(lines) + "\n"
        path = self.folder / "interrupts"
        path.write_text(new)
        busy = "".join(f"cpu{cpu} 1 0 0 100 0 {50 * self._rounds} {50 * self._rounds} 0 0 0\n" for cpu in range(CPUS))
        (self.folder / "stat").write_text(f"cpu  16 0 0 1600 0 800 800 0 0 0\n{busy}")

    def smp(self, number: int) -> int:
        """Return the mask of an interrupt."""
        file = self.folder / f"irq/{number}/smp_affinity"
        while not (text := file.read_text().strip()):
            continue  # irqbalance empties the file before it writes to it
        return int(text.replace(",", ""), 16)

    def _make(self) -> None:
        self._rounds = 0
        everything = f"{(1 << CPUS) - 1:04x}\n"
        self.sockets.mkdir(parents=True)
        files = {"irq/default_smp_affinity": everything, "interrupts": "", "stat": ""}
        for function, driver, numbers in ((0, "nvme", HOSTS), (2, "vfio-pci", GUESTS)):
            device = f"pci/0000:81:00.{function}"
            files |= {f"{device}/msi_irqs/{number}": "msix\n" for number in numbers}
            files |= {f"irq/{number}/smp_affinity": everything for number in numbers}
            files |= {f"{device}/{name}": "0x1\n" for name in ("vendor", "device", "subsystem_vendor")}
            files |= {f"{device}/class": "0x010802\n", f"{device}/irq": "0\n", f"{device}/numa_node": "0\n"}
            files |= {f"{device}/subsystem_device": "0x1\n", f"{device}/local_cpus": everything}
            link = self.folder / device / "driver"
            link.parent.mkdir(parents=True)
            link.symlink_to(f"../../../bus/pci/drivers/{driver}")
        for cpu in range(CPUS):
            files |= {f"cpu/cpu{cpu}/online": "1\n", f"cpu/cpu{cpu}/topology/physical_package_id": "0\n"}
            files |= {f"cpu/cpu{cpu}/topology/core_id": f"{cpu}\n", f"cpu/cpu{cpu}/topology/core_siblings": everything}
            files |= {f"cpu/cpu{cpu}/node0/cpumap": everything}
            files |= {f"cpu/cpu{cpu}/topology/thread_siblings": f"{1 << cpu:04x}\n"}
        files |= {"cpu/online": f"0-{CPUS - 1}\n", "cpu/possible": f"0-{CPUS - 1}\n", "cpu/isolated": "\n"}
        files |= {"cpu/nohz_full": "\n", "node/online": "0\n", "node/node0/cpumap": everything}
        files |= {
            "node/node0/distance": "10\n",
            "node/node0/meminfo": "Node 0 MemTotal: 8 kB\nNode 0 MemFree: 8 kB\n",
        }
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.fire()


@contextlib.contextmanager
def running(folder: Path, *argv: str, **environment: str) -> Iterator[RealBalancer]:
    """Run an irqbalance of Debian's, and end it however the test ends; skip where it cannot run."""
    if os.geteuid() != 0:
        pytest.skip("needs root: only it can give irqbalance a host of its own")
    balancer = RealBalancer(folder)
    balancer.argv, balancer.environment = list(argv), environment
    try:
        balancer.start()
        yield balancer
    finally:
        balancer.stop()
