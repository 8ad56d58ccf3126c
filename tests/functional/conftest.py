# SPDX-License-Identifier: Apache-2.0
"""Real parts: a libvirtd of the test's own, and this machine's own interrupts."""

import contextlib
import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from irqaffinity.agent.machine import read_machine_id
from irqaffinity.listen.names import queue_name
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import msi_numbers
from tests.fakes.scene import VF0, VF1
from tests.fakes.tree import HostTree
from tests.functional.agent import HOST, NODES
from tests.functional.nova import Nova
from tests.functional.rabbitmq import RabbitMQ, running_rabbitmq
from tests.packaging.debian_root import debian_13_with_rabbitmq
from tests.patience import HANG, Patience

_CONFIGURATION = """
unix_sock_dir = "{folder}/sockets"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "2:file:{folder}/libvirtd.log"
"""
_QEMU = """
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
user = "root"
group = "root"
remember_owner = 0
"""
_OWN_FOLDERS = ("/etc/libvirt", "/run/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt")
_START = """
set -e
for folder in {folders}; do
    mkdir -p "$folder" "{folder}/own$folder"
    mount --bind "{folder}/own$folder" "$folder"
done
cp {folder}/qemu.conf /etc/libvirt/
cp /etc/passwd /etc/group {folder}
echo libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin >> {folder}/passwd
printf '%s\n' libvirt-qemu:x:64055: kvm:x:64056: >> {folder}/group
mount --bind {folder}/passwd /etc/passwd
mount --bind {folder}/group /etc/group
exec libvirtd -f {folder}/libvirtd.conf -p {folder}/libvirtd.pid
"""

START_LIMIT = 60.0
"""Seconds of a quiet machine after which a daemon that does not answer is broken; see Patience."""


@pytest.fixture
def as_root() -> None:
    """What follows moves interrupts or starts daemons."""
    if os.geteuid() != 0:
        pytest.skip("needs root: interrupts can be moved, and a libvirtd started, by root alone")


@contextlib.contextmanager
def short_name() -> Iterator[Path]:
    """Give a folder whose path is short enough for a socket; it goes however the test ends."""
    with tempfile.TemporaryDirectory(prefix="irqaffinity-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Such a folder that is open to every user."""
    with short_name() as folder:
        folder.chmod(0o755)
        yield folder


class Libvirtd:
    """A libvirtd with sockets in a folder of its own, in a mount namespace where its other folders are too.

    There it also has the users that Debian adds with libvirt-daemon-system, which would start a daemon of the host's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "sockets").mkdir()
        (folder / "libvirtd.conf").write_text(_CONFIGURATION.format(folder=folder))
        (folder / "qemu.conf").write_text(_QEMU)
        self._process: subprocess.Popen[bytes] | None = None

    def uri(self, driver: str, path: str) -> str:
        """Return the URI of a driver behind this daemon's socket."""
        return f"{driver}+unix:///{path}?socket={self.folder}/sockets/libvirt-sock"

    def start(self) -> None:
        """Start the daemon and wait until virsh reaches it."""
        script = _START.format(folder=self.folder, folders=" ".join(_OWN_FOLDERS))
        self._process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script])
        patience = Patience(START_LIMIT)
        while self.virsh("test", "default", "version", check=False).returncode != 0:
            if self._process.poll() is not None or patience.is_over():
                log = self.folder / "libvirtd.log"
                pytest.fail(f"libvirtd does not answer: {log.read_text() if log.exists() else 'it wrote no log'}")

    def virsh(self, driver: str, path: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a virsh command on a driver behind this daemon."""
        call = ["virsh", "--quiet", "-c", self.uri(driver, path), *command]
        return subprocess.run(call, check=check, capture_output=True, text=True, timeout=HANG)

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Make the daemon answer nobody for a while, its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the daemon, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        """End the daemon and the guests, which outlive it."""
        self.stop()
        for file in (self.folder / "own/run/libvirt/qemu").glob("*.pid"):
            with contextlib.suppress(OSError):
                pid = int(file.read_text())
                if Path(f"/proc/{pid}/comm").read_text().startswith("qemu"):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def libvirtd(as_root: None, short_folder: Path) -> Iterator[Libvirtd]:
    """A real libvirtd that is nobody else's."""
    daemon = Libvirtd(short_folder)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.end()


@dataclass(frozen=True)
class RealDevice:
    """A PCI device of this machine, and which of its interrupts can be moved and which are the kernel's own."""

    address: str
    movable: tuple[int, ...]
    managed: tuple[int, ...]


def read_real_devices() -> list[RealDevice]:
    """Return this machine's PCI devices that have interrupts, those with the fewest first."""
    root = HostRoot()
    devices = []
    for name in root.list_if_there("/sys/bus/pci/devices"):
        numbers = msi_numbers(root, PciAddress.parse(name))
        movable = [number for number in numbers if os.stat(root.affinity_file(number)).st_mode & stat.S_IWUSR]
        if numbers:
            devices.append(RealDevice(name, tuple(movable), tuple(sorted(set(numbers) - set(movable)))))
    return sorted(devices, key=lambda device: (len(device.movable), device.address))


@pytest.fixture
def kept_affinity() -> Iterator[None]:
    """Put every interrupt of this machine back where it was, however the test ends."""
    root = HostRoot()
    numbers = [int(name) for name in os.listdir("/proc/irq") if name.isdecimal()]
    before = {number: root.read(root.affinity_file(number)) for number in numbers}
    default = Path("/proc/irq/default_smp_affinity")
    wide = default.read_text()
    yield
    if default.read_text() != wide:
        default.write_text(wide)
    for number, cpus in before.items():
        if root.read(root.affinity_file(number)) != cpus:
            Path(root.affinity_file(number)).write_text(cpus)


@pytest.fixture
def movable_device(as_root: None, kept_affinity: None) -> RealDevice:
    """A device of this machine with interrupts that can be moved."""
    devices = [device for device in read_real_devices() if device.movable]
    if not devices:
        pytest.skip("this machine has no PCI device with message-signalled interrupts that can be moved")
    return devices[0]


@pytest.fixture
def managed_device(as_root: None, kept_affinity: None) -> RealDevice:
    """A device of this machine with interrupts that the kernel manages itself (mode 0444, Linux 6.12 and newer)."""
    devices = [device for device in read_real_devices() if device.managed]
    if not devices:
        pytest.skip("no device of this machine has interrupts of mode 0444")
    return devices[0]


@pytest.fixture(scope="session")
def broker() -> Iterator[RabbitMQ]:
    """A RabbitMQ of the test session's own."""
    if os.geteuid() != 0:
        pytest.skip("needs root: Debian's rabbitmq-server starts as root or rabbitmq alone")
    with short_name() as folder, running_rabbitmq(folder, has_management=True) as running:
        yield running


@pytest.fixture(scope="session")
def rabbitmq_4() -> Iterator[RabbitMQ]:
    """The RabbitMQ of Debian 13, in a small Debian that is made once."""
    if os.geteuid() != 0:
        pytest.skip("needs root: another Debian is made and started in by root alone")
    with short_name() as folder, running_rabbitmq(folder, debian_13_with_rabbitmq()) as running:
        yield running


@pytest.fixture(scope="session", params=["broker", "rabbitmq_4"])
def each_broker(request: pytest.FixtureRequest) -> RabbitMQ:
    """This machine's RabbitMQ, and then that of Debian 13."""
    found: RabbitMQ = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def nova(broker: RabbitMQ, tmp_path: Path) -> Iterator[Nova]:
    """Nova's notifiers on that broker, whose exchange exists, and no message that an earlier test left to the agent."""
    with broker.connect() as connection:
        connection.default_channel.queue_delete(queue_name(HOST, read_machine_id()))
        connection.default_channel.exchange_declare("nova", "topic", durable=False, auto_delete=False)
    notifiers = Nova(tmp_path, broker.url)
    yield notifiers
    notifiers.close()


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    """A host of two nodes with a virtual function on each, whose interrupts are 40-41 and 50-51."""
    made = HostTree(tmp_path / "host", NODES, "0-15")
    for address, node, numbers in ((VF0, 0, (40, 41)), (VF1, 1, (50, 51))):
        made.add_device(address, node)
        made.add_vectors(address, numbers, "0-15")
    return made
