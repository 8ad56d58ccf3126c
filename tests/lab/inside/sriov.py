# SPDX-License-Identifier: Apache-2.0
"""A NIC with virtual functions, as sysfs, iproute2 and vfio have it; of the program, only its start is here."""

import contextlib
import errno
import fcntl
import functools
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from irqaffinity.cli.main import main
from irqaffinity.sriov import task
from irqaffinity.sriov.apply import Applier
from tests.lab.inside import program
from tests.lab.inside.processes import run, wait_for, write

PF = "0000:43:00.0"
"""An igb NIC on node 0."""

VFS = tuple(f"0000:43:{16 + index // 4:02x}.{index % 4 * 2}" for index in range(7))
"""Its virtual functions."""

RUNS, HOSTS, HELD, FREE, STOPPED, WITH_DRIVER, WITH_VFIO = VFS
"""What becomes of each: see boots.with_sriov."""

DRIVERS = {HOSTS: "igbvf", HELD: "vfio-pci", WITH_DRIVER: "igbvf", WITH_VFIO: "vfio-pci"}

_DEVICES = Path("/sys/bus/pci/devices")
_VFIO = 0x3B64
_SET_IOMMU, _SET_CONTAINER, _GET_DEVICE = _VFIO + 2, _VFIO + 4, _VFIO + 6
"""VFIO_SET_IOMMU, VFIO_GROUP_SET_CONTAINER and VFIO_GROUP_GET_DEVICE_FD (include/uapi/linux/vfio.h)."""

_TYPE1 = 1
_CONFIGURATION, _OUT, _ERR = (Path(f"/run/sriov-apply.{name}") for name in ("conf", "out", "err"))
_DEADLINE = 10.0
"""Seconds after which a write of the number is left to the kernel, instead of two minutes."""

_DROP_IN = "systemd/irqaffinity.service.d/sriov.conf"
_holders: list[int] = []


def raise_port() -> str:
    """Load the drivers, bring the port up, wait for its link, without which it takes no rate, and return its netdev."""
    run("modprobe", "--all", "igb", "igbvf")
    name: str = wait_for("the netdev of the port", lambda: netdev_of(PF))
    run("ip", "link", "set", name, "up")
    wait_for("the link of the port", lambda: Path(f"/sys/class/net/{name}/operstate").read_text() == "up\n")
    return name


def make_functions(count: int) -> None:
    """Make virtual functions where there are none, without a driver of the host for them."""
    write(f"{_DEVICES}/{PF}/sriov_drivers_autoprobe", "0")
    write(f"{_DEVICES}/{PF}/sriov_numvfs", str(count))


def give_to(driver: str, device: str) -> None:
    """Bind a device that has no driver."""
    write(f"{_DEVICES}/{device}/driver_override", driver)
    write("/sys/bus/pci/drivers_probe", device)
    wait_for(f"{driver} to take {device}", lambda: driver_of(device) == driver)


def raise_function(device: str, address: str) -> str:
    """Bring the netdev of a virtual function up with an IP address, and return its name."""
    name: str = wait_for(f"the netdev of {device}", lambda: netdev_of(device))
    run("ip", "link", "set", name, "up")
    run("ip", "address", "add", address, "dev", name)
    return name


def set_function(index: int, *words: str) -> None:
    """Give a virtual function a setting, in the words of ip-link(8)."""
    run("ip", "link", "set", str(netdev_of(PF)), "vf", str(index), *words)


def settings() -> dict[str, dict[str, Any]]:
    """Return what iproute2 tells of the virtual functions by index, in the words of `irqaffinity sriov -f json`."""
    (link,) = json.loads(run("ip", "-json", "-details", "link", "show", str(netdev_of(PF))))
    found = {}
    for vf in link.get("vfinfo_list", ()):
        (tag,) = vf.get("vlan_list", [{}])
        rate = vf.get("rate", {})
        found[str(vf["vf"])] = {
            "mac": vf["address"],
            "vlan": tag.get("vlan", 0),
            "qos": tag.get("qos", 0),
            "min_tx_rate": rate.get("min_tx", 0),
            "max_tx_rate": rate.get("max_tx", 0),
            "spoofchk": vf["spoofchk"],
            "link_state": vf["link_state"],
            "trust": vf["trust"],
        }
    return found


def functions(device: str = PF) -> list[str]:
    """Return the addresses of a device's virtual functions by their order."""
    links = sorted(_DEVICES.glob(f"{device}/virtfn*"), key=lambda link: int(link.name.removeprefix("virtfn")))
    return [link.resolve().name for link in links]


def driver_of(device: str) -> str | None:
    """Return the driver of a device."""
    return _name_behind(_DEVICES / device / "driver")


def netdev_of(device: str) -> str | None:
    """Return the netdev of a device."""
    with contextlib.suppress(FileNotFoundError):
        return os.listdir(_DEVICES / device / "net")[0]
    return None


def facts(devices: list[str]) -> dict[str, dict[str, Any]]:
    """Return driver, netdev and interrupts of devices."""
    return {
        device: {
            "driver": driver_of(device),
            "netdev": netdev_of(device),
            "irqs": sorted(map(int, os.listdir(_DEVICES / device / "msi_irqs"))) if _has_irqs(device) else [],
        }
        for device in devices
    }


def hold(device: str, name: str) -> int:
    """Open a device by vfio in a process of its own with a name, as a program of DPDK does; return its pid."""
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            Path("/proc/self/comm").write_text(name)
            opened = _open(device)
            os.write(told, str(opened[-1]).encode())
            signal.pause()
        os._exit(1)
    os.close(told)
    _holders.append(child)
    with open(ready) as answer:
        if not os.read(answer.fileno(), 16):
            raise RuntimeError(f"{device} cannot be opened by vfio")
    return child


def let_go() -> None:
    """End the process that holds a device."""
    pid = _holders.pop()
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def wait_set(index: int, wanted: dict[str, Any]) -> None:
    """Wait until a virtual function has these settings."""
    wait_for(f"virtual function {index} with {wanted}", lambda: wanted.items() <= settings()[str(index)].items())


def wait_functions(addresses: list[str]) -> None:
    """Wait until these are the virtual functions."""
    wait_for(f"virtual functions {addresses}", lambda: functions() == addresses)


def allow_agent() -> None:
    """Give the agent's unit what it needs to set virtual functions, by the drop-in for that."""
    shutil.copy(Path(__file__).parents[3] / _DROP_IN, "/etc/systemd/system/irqaffinity.service.d")
    run("systemctl", "daemon-reload")


def begin(configuration: str, *arguments: str, deadline: float = _DEADLINE) -> int:
    """Begin a command of the program that gives up a number of virtual functions after so long; return its pid.

    It has a configuration of its own: what the agent has stays as it is.
    """
    _CONFIGURATION.write_text(configuration)
    child = os.fork()
    if not child:
        for stream, path in ((1, _OUT), (2, _ERR)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        vars(task)["Applier"] = functools.partial(Applier, deadline=deadline)
        os._exit(program.status_of(lambda: main(["--config-file", str(_CONFIGURATION), *arguments])))
    return child


def wait_ended(pid: int) -> dict[str, Any]:
    """Wait until that command has ended, and return its exit status and what it printed."""
    _, status = wait_for("the command to give up", lambda: _reaped(pid))
    return {"status": os.waitstatus_to_exitcode(status), "out": _OUT.read_text(), "err": _ERR.read_text()}


def wait_blocked() -> int:
    """Wait until the kernel lets a process wait for the user of a function that it removes; return its pid."""
    return int(wait_for("a write that blocks", _blocked))


def wait_unblocked() -> None:
    """Wait until no process waits so any more."""
    wait_for("the end of the write that blocks", lambda: _blocked() is None)


def _reaped(pid: int) -> tuple[int, int] | None:
    found = os.waitpid(pid, os.WNOHANG)
    return found if found[0] else None


def _blocked() -> str | None:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "wchan").read_text() == "vfio_unregister_group_dev":
                return process.name
    return None


def _open(device: str) -> tuple[int, int, int]:
    container = os.open("/dev/vfio/vfio", os.O_RDWR)
    group = os.open(f"/dev/vfio/{_name_behind(_DEVICES / device / 'iommu_group')}", os.O_RDWR)
    fcntl.ioctl(group, _SET_CONTAINER, container.to_bytes(4, "little"))
    fcntl.ioctl(container, _SET_IOMMU, _TYPE1)
    return container, group, fcntl.ioctl(group, _GET_DEVICE, bytearray(device.encode() + b"\0"))


def _has_irqs(device: str) -> bool:
    return (_DEVICES / device / "msi_irqs").is_dir()


def _name_behind(link: Path) -> str | None:
    try:
        return os.path.basename(os.readlink(link))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return None
