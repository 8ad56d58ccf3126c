# SPDX-License-Identifier: Apache-2.0
"""The machine as a compute node: SR-IOV functions, vfio, libvirt, and the program as it is installed on one."""

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path

from tests.lab.inside import guests
from tests.lab.inside.processes import read, run, wait_for, write

PFS = ("0000:41:00.0", "0000:81:00.0")
"""The NVMe controllers, on node 0 and node 1; each has four virtual functions, .1 to .4."""

NICS = ("0000:42:00.0", "0000:82:00.0")
"""A NIC on either node; neither is a virtual function."""

VFS_IN_USE = 2
"""The virtual functions of each controller, the first ones, that have queues and interrupts."""

_QUEUES, _INTERRUPTS = "0", "1"
_TREE = Path(__file__).parents[3]
_DEVICES = "/sys/bus/pci/devices"
_UNITS = Path("/etc/systemd/system")
_PROGRAM = """\
#!/opt/irqaffinity/bin/python
import sys
from irqaffinity.cli.main import main
sys.exit(main())
"""
_LIBVIRTD = """\
[Service]
ExecStart=/usr/sbin/libvirtd
LimitMEMLOCK=infinity
KillMode=process
StandardOutput=append:/run/libvirtd.log
StandardError=inherit
"""
_QEMU = """\
stdio_handler = "file"
security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
"""
_LOG_OF_THE_AGENT = """\
[Service]
StandardOutput=append:/run/irqaffinity.log
StandardError=inherit
"""
_PYTHON_OF_A_HOME = """\
[Service]
ProtectHome=tmpfs
BindReadOnlyPaths={prefix}
"""
"""For a developer whose Python is in a home folder (pyenv), which ProtectHome=yes hides."""


def prepare() -> None:
    """Make a compute node of the machine that was just booted."""
    run("hostname", "lab")
    run("ip", "link", "set", "lo", "up")
    run("mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing")
    run("modprobe", "--all", "vfio-pci", "nvme", "virtio_net")
    _raise_network()
    for device in PFS:
        make_functions(device)
    _add_users()
    install_program()
    os.makedirs("/etc/libvirt", exist_ok=True)
    write("/etc/libvirt/qemu.conf", _QEMU)
    write(str(_UNITS / "libvirtd.service"), _LIBVIRTD)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "libvirtd")


def make_functions(device: str) -> None:
    """Make the virtual functions of a controller, without a driver of the host for them."""
    wait_for(f"the queues of {device}", lambda: len(_list(f"{_DEVICES}/{device}/msi_irqs")) > 1)
    write(f"{_DEVICES}/{device}/sriov_drivers_autoprobe", "0")
    write(f"{_DEVICES}/{device}/sriov_numvfs", "4")
    controller = f"/dev/{_list(f'{_DEVICES}/{device}/nvme')[0]}"
    for identifier in map(str, range(1, VFS_IN_USE + 1)):
        for kind, count in ((_QUEUES, "3"), (_INTERRUPTS, "2")):
            run("nvme", "virt-mgmt", controller, "-c", identifier, "-r", kind, "-n", count, "-a", "8")
        run("nvme", "virt-mgmt", controller, "-c", identifier, "-a", "9")


def set_online(cpu: int, is_online: bool) -> None:
    """Take a CPU offline, or bring it back; try again where an emulated CPU is too slow for the kernel."""

    def is_done() -> bool:
        with contextlib.suppress(OSError):
            write(f"/sys/devices/system/cpu/cpu{cpu}/online", str(int(is_online)))
        return read(f"/sys/devices/system/cpu/cpu{cpu}/online").strip() == str(int(is_online))

    wait_for(f"CPU {cpu} to be {'online' if is_online else 'offline'}", is_done)


def give_to_host(nic: str) -> None:
    """Let the host's own driver have a NIC that no guest has, and bring the interface up: it takes its interrupts."""
    run("modprobe", "e1000e")
    name = wait_for(f"the interface of {nic}", lambda: _list(f"{_DEVICES}/{nic}/net"))[0]
    run("ip", "link", "set", name, "up")


def take_from_host() -> None:
    """Take the NICs from the host's driver again."""
    run("modprobe", "--remove", "e1000e")


def bind_network_anew() -> str:
    """Unbind the machine's own network card from its driver and bind it again; return its PCI address."""
    driver = Path("/sys/bus/virtio/drivers/virtio_net")
    (device,) = driver.glob("virtio*")
    address = device.resolve().parent.name
    for word in ("unbind", "bind"):
        write(str(driver / word), device.name)
    _raise_network()
    return address


def restart_libvirt() -> None:
    """Restart libvirt's daemon; the guests go on."""
    run("systemctl", "restart", "libvirtd")
    guests.forget_connection()


def isolated() -> str:
    """Return the CPUs that the scheduler leaves alone."""
    return read("/sys/devices/system/cpu/isolated")


def install_program() -> None:
    """Install the program and its unit where a package would."""
    program = Path("/usr/bin/irqaffinity")
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    shutil.copy(_TREE / "systemd/irqaffinity.service", _UNITS)
    (_UNITS / "irqaffinity.service.d").mkdir(exist_ok=True)
    (_UNITS / "irqaffinity.service.d/log.conf").write_text(_LOG_OF_THE_AGENT)
    if sys.base_prefix.startswith(("/home/", "/root/")):
        python = _PYTHON_OF_A_HOME.format(prefix=sys.base_prefix)
        (_UNITS / "irqaffinity.service.d/python.conf").write_text(python)


def facts() -> dict[str, str]:
    """Return what the machine is."""
    nodes = {name: read(f"/sys/devices/system/node/{name}/cpulist") for name in ("node0", "node1")}
    return {"kernel": os.uname().release, "virtual functions": json.dumps(_list(f"{_DEVICES}/{PFS[0]}")), **nodes}


def _raise_network() -> None:
    run("ip", "address", "add", "10.0.2.15/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")


def _add_users() -> None:
    """Add the users that libvirt's own package makes."""
    if "libvirt-qemu:" not in read("/etc/passwd"):
        with open("/etc/passwd", "a") as users, open("/etc/group", "a") as groups:
            users.write("libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n")
            groups.write("libvirt-qemu:x:64055:\n")
    if "kvm:" not in read("/etc/group"):
        with open("/etc/group", "a") as groups:
            groups.write("kvm:x:64057:\n")


def _list(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
