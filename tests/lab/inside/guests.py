# SPDX-License-Identifier: Apache-2.0
"""Guests of the machine, through its libvirt."""

import contextlib
import functools
import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import libvirt

from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.lab.inside.processes import LIMIT, wait_for

_SERIAL = "/run/guests"
_LOOK = 1.0
"""Seconds for which one look waits for something on a serial line."""
_DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid>{metadata}
  <memory unit='MiB'>{memory}</memory><vcpu placement='static'>{vcpus}</vcpu>
  <cputune>{pins}</cputune>
  <os><type arch='x86_64' machine='pc'>hvm</type><kernel>{kernel}</kernel>{boot}</os>
  <features><acpi/><apic/></features><cpu mode='custom'><model>qemu64</model></cpu>
  <on_reboot>restart</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>{devices}<controller type='usb' model='none'/>
    <serial type='unix'><source mode='bind' path='{serial}'/><target port='0'/></serial><memballoon model='none'/>
  </devices>
</domain>
"""


def uuid_of(name: str) -> str:
    """Return the uuid of a guest; the same each time."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def start(
    name: str,
    kernel: str,
    pins: Sequence[int],
    devices: Sequence[str],
    mask: str | None = None,
    *,
    has_extra_specs: bool = True,
    memory: int = 64,
    initrd: str = "",
    command_line: str = "",
) -> str:
    """Start a guest whose vCPU i is pinned to the pCPU pins[i], and return its uuid.

    Without extra specs its metadata are those of a Nova before 32.0.
    """
    os.makedirs(_SERIAL, exist_ok=True)
    boot = f"<initrd>{initrd}</initrd><cmdline>{command_line}</cmdline>" if initrd else ""
    metadata = _metadata(mask) if has_extra_specs else nova_metadata("nfv")
    _connection().createXML(_describe(name, kernel, pins, devices, metadata, memory, boot))
    return uuid_of(name)


def define(name: str, kernel: str, pins: Sequence[int], devices: Sequence[str]) -> str:
    """Define a guest that is not started, and return its uuid."""
    _connection().defineXML(_describe(name, kernel, pins, devices, _metadata(None)))
    return uuid_of(name)


def on_paper(name: str, pins: Sequence[int], devices: Sequence[str]) -> str:
    """Return the URI of libvirt's own test driver with a guest that claims devices which the host keeps."""
    xml = domain(name, uuid_of(name), [str(cpu) for cpu in pins], map(hostdev, devices), metadata=_metadata(None))
    return make_libvirt(Path(f"/run/{name}"), [xml])


def is_active(name: str) -> bool:
    """Tell whether a guest is there."""
    return any(domain.name() == name for domain in _connection().listAllDomains())


def destroy(name: str) -> None:
    """End a guest at once."""
    _domain(name).destroy()


def reset(name: str) -> None:
    """Press a guest's reset button."""
    _domain(name).reset()


def suspend(name: str) -> None:
    """Pause a guest."""
    _domain(name).suspend()


def resume(name: str) -> None:
    """Let a paused guest go on."""
    _domain(name).resume()


def pin(name: str, vcpu: int, cpu: int) -> None:
    """Pin a vCPU of a running guest to another pCPU."""
    _domain(name).pinVcpuFlags(vcpu, tuple(index == cpu for index in range(8)), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def attach(name: str, device: str) -> None:
    """Plug a device into a running guest."""
    _domain(name).attachDeviceFlags(hostdev(device), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def detach(name: str, device: str) -> None:
    """Ask a running guest to let a device go, and wait until it has."""
    domain = _domain(name)
    domain.detachDeviceFlags(hostdev(device), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    wait_for(f"{name} to let {device} go", lambda: hostdev_count(name, device) == 0)


def pull_out(name: str, device: str) -> None:
    """Take a device from a guest that does not answer, as the small one does not: at a reset QEMU waits no longer."""
    _domain(name).detachDeviceFlags(hostdev(device), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    reset(name)
    wait_for(f"{name} to be without {device}", lambda: hostdev_count(name, device) == 0)


def hostdev_count(name: str, device: str) -> int:
    """Return how often a device stands in a guest's XML."""
    bus = f"bus='0x{device[5:7]}'"
    parts = _domain(name).XMLDesc().split("<hostdev")[1:]
    return sum(bus in part.split("</source>")[0] and f"function='0x{device[-1]}'" in part for part in parts)


def save_and_restore(name: str) -> None:
    """Save a guest to a file, which ends it, and bring it back from there."""
    path = f"/run/{name}.saved"
    _domain(name).save(path)
    _connection().restore(path)
    os.unlink(path)


def tell(name: str, letters: str) -> None:
    """Give the small guest its letters (boot/guest.c), and wait for its answer to each."""
    with _serial_line(name) as line:
        for letter in letters:
            line.sendall(letter.encode())
            _wait_until_said(name, line, "done", LIMIT)


def wait_for_line(name: str, text: str, limit: float) -> str:
    """Return what a guest says on its serial line from now on, once it has said `text`; seconds as in `wait_for`."""
    with _serial_line(name) as line:
        return _wait_until_said(name, line, text, limit)


@contextlib.contextmanager
def _serial_line(name: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(f"{_SERIAL}/{name}")
        line.settimeout(_LOOK)
        yield line


def _wait_until_said(name: str, line: socket.socket, text: str, limit: float) -> str:
    said = b""

    def has_said() -> bool:
        nonlocal said
        with contextlib.suppress(TimeoutError):
            chunk = line.recv(4096)
            assert chunk, f"{name} ended before it said {text}; it said {said!r}"
            said += chunk
        return text.encode() in said

    try:
        wait_for(f"{name} to say {text}", has_said, limit, pause=0.0)
    except AssertionError as error:
        raise AssertionError(f"{error}; it said {said[-2000:]!r}") from None
    return said.decode(errors="replace")


def forget_connection() -> None:
    """Use a fresh connection from now on: the libvirtd of the last one is gone."""
    _connection.cache_clear()


def _describe(
    name: str, kernel: str, pins: Sequence[int], devices: Sequence[str], metadata: str, memory: int = 64, boot: str = ""
) -> str:
    return _DOMAIN.format(
        name=name,
        uuid=uuid_of(name),
        metadata=metadata,
        memory=memory,
        vcpus=len(pins),
        pins="".join(f"<vcpupin vcpu='{vcpu}' cpuset='{cpu}'/>" for vcpu, cpu in enumerate(pins)),
        kernel=kernel,
        boot=boot,
        devices="".join(map(hostdev, devices)),
        serial=f"{_SERIAL}/{name}",
    )


def _metadata(mask: str | None) -> str:
    specs = {"hw:cpu_policy": "dedicated"} | ({} if mask is None else {"hw:pci_irq_affinity_mask": mask})
    return nova_metadata("nfv", specs)


@functools.cache
def _connection() -> libvirt.virConnect:
    return wait_for("libvirt", _open, LIMIT)


def _open() -> libvirt.virConnect | None:
    try:
        return libvirt.open("qemu:///system")
    except libvirt.libvirtError:
        return None


def _domain(name: str) -> libvirt.virDomain:
    return _connection().lookupByName(name)
