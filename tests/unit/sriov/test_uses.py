# SPDX-License-Identifier: Apache-2.0
"""Who uses each function of a host: a fake host, on which real network interfaces may stand for those of functions."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irqaffinity.model.guest import ClaimKind, Guest
from irqaffinity.model.host import DeviceClaim, SeenGuest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Use, UseKind
from irqaffinity.observe.holders import HOST_PROCESSES
from irqaffinity.sriov.claimants import Claimants
from irqaffinity.sriov.uses import find_uses
from tests.fakes.holding import DEVICE_FILE, open_file, put_in_group, show_host_processes
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import guest_id

PF = "0000:41:00.0"
VFS = [f"0000:41:00.{function}" for function in range(1, 6)]
VF0, VF1, *_ = VFS
NOBODY = Claimants()
MDEV = "33333333-3333-3333-3333-333333333333"


class Link(NamedTuple):
    is_up: bool = True
    has_addresses: bool = False


class Host(FakeHost):
    """A host that counts the folders of open files that were listed, and refuses some calls."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.scanned: list[str] = []
        self.refused: dict[str, int] = {}

    def called(self, call: str, path: str) -> None:
        if call == "listdir" and path.endswith("/fd"):
            self.scanned.append(path)
        code = next((code for end, code in self.refused.items() if path.endswith(end)), 0)
        if code:
            raise OSError(code, os.strerror(code), path)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with a physical function and five virtual ones: the first three are vfio's, each in a group."""
    made = Host(tmp_path)
    show_host_processes(made)
    made.add_device(PF, 0, driver="ice")
    made.add_netdev("pf", PF)
    for index, address in enumerate(VFS):
        made.add_device(address, 0, driver="vfio-pci" if index < 3 else "iavf", parent=PF)
        if index < 3:
            put_in_group(made, address, 10 + index)
        else:
            made.add_netdev(f"vf{index}", address)
    made.scanned.clear()
    return made


def seen(number: int, *addresses: str, kind: ClaimKind = ClaimKind.HOSTDEV) -> SeenGuest:
    claims = tuple(DeviceClaim(PciAddress.parse(address), kind) for address in addresses)
    return SeenGuest(Guest(guest_id(number), f"instance-{number}", 1, {}), claims)


def active(*guests: SeenGuest) -> Claimants:
    return Claimants({guest.guest.uuid: guest for guest in guests})


def uses(
    host: FakeHost,
    claimants: Claimants = NOBODY,
    links: Mapping[str, Link] | None = None,
    addresses: Iterable[str] = (PF, *VFS),
) -> dict[str, Use]:
    every = dict.fromkeys(("pf", "vf3", "vf4"), Link(is_up=False)) if links is None else links
    found = find_uses(host.root, claimants, every, [PciAddress.parse(address) for address in addresses])
    return {str(address): use for address, use in found.items()}


def test_functions_that_nobody_has_are_free_whatever_their_driver(host: Host) -> None:
    assert uses(host) == {}


def test_guests_and_processes_are_told_and_the_physical_function_for_itself(host: Host) -> None:
    open_file(host, 77, "/dev/vfio/11")
    open_file(host, 9, "/dev/vfio/12", "ovs-vswitchd")
    found = uses(host, Claimants({guest_id(1): seen(1, VF0)}, (seen(2, VFS[3]),)))
    assert found == {
        VF0: Use(UseKind.HOSTDEV, guest_id(1), "instance-1"),
        VF1: Use(UseKind.PROCESS, pid=77, process="testpmd"),
        VFS[2]: Use(UseKind.PROCESS, pid=9, process="ovs-vswitchd", message="OVS-DPDK"),
        VFS[3]: Use(UseKind.RESERVED, guest_id(2), "instance-2"),
    }


def test_other_devices_of_guests_are_no_functions_that_were_asked_for(host: Host) -> None:
    assert uses(host, active(seen(1, VF0, "0000:81:00.0")), addresses=[VF1]) == {}


@pytest.mark.parametrize("claimants", [active(seen(1, *VFS[:3])), Claimants()])
def test_processes_are_looked_at_once_and_only_where_guests_leave_a_question(host: Host, claimants: Claimants) -> None:
    open_file(host, 77, "/dev/null")
    uses(host, claimants)
    assert len(host.scanned) == (0 if claimants.active else 2)


def test_a_reserved_function_that_a_process_holds_is_told_with_both(host: Host) -> None:
    open_file(host, 77, "/dev/vfio/10")
    use = uses(host, Claimants(definitions=(seen(2, VF0),)))[VF0]
    assert (use.kind, use.guest, use.message) == (
        UseKind.RESERVED,
        guest_id(2),
        f"defined guest instance-2 ({guest_id(2)}) and process testpmd (pid 77) claim it",
    )


def test_an_open_group_is_the_holders_as_a_whole(host: Host) -> None:
    for address in VFS[:2]:
        (host.device_folder(address) / "iommu_group").unlink()
        put_in_group(host, address, 20)
    open_file(host, 77, "/dev/vfio/20")
    shared = Use(UseKind.PROCESS, pid=77, process="testpmd", message="it holds vfio/20, which has 2 functions")
    assert uses(host) == {VF0: shared, VF1: shared}
    open_file(host, 77, DEVICE_FILE, fdinfo=f"vfio-device-syspath: /sys/devices/pci0000:40/{VF1}")
    assert uses(host) == {VF0: shared, VF1: Use(UseKind.PROCESS, pid=77, process="testpmd")}
    guests = uses(host, active(seen(1, VF1)))
    assert guests[VF1] == Use(UseKind.HOSTDEV, guest_id(1), "instance-1"), "its own QEMU is nobody else"
    assert guests[VF0] == shared, "QEMU may use the other one"


@pytest.mark.parametrize(
    ("target", "fdinfo"),
    [
        ("/dev/vfio/devices/vfio3", ""),
        (DEVICE_FILE, f"vfio-device-syspath: /sys/devices/pci0000:40/{VF0}"),
        ("/dev/vfio/10 (deleted)", ""),
    ],
)
def test_a_function_is_held_by_its_own_device_too(host: Host, target: str, fdinfo: str) -> None:
    (host.device_folder(VF0) / "vfio-dev/vfio3").mkdir(parents=True)
    open_file(host, 77, target, "qemu-system-x86", fdinfo)
    assert uses(host) == {VF0: Use(UseKind.PROCESS, pid=77, process="qemu-system-x86")}


@pytest.mark.parametrize("driver", ["igb_uio", "uio_pci_generic"])
def test_uio_is_held_like_vfio(host: Host, driver: str) -> None:
    address = "0000:81:00.1"
    host.add_device(address, 0, driver=driver)
    (host.device_folder(address) / "uio/uio4").mkdir(parents=True)
    assert uses(host, addresses=[address]) == {}
    open_file(host, 77, "/dev/uio4")
    assert uses(host, addresses=[address]) == {address: Use(UseKind.PROCESS, pid=77, process="testpmd")}


def test_who_holds_a_part_of_a_function_holds_the_function(host: Host) -> None:
    host.add_vdpa("vdpa0", "vhost-vdpa-0", VFS[3])
    host.add_mdev(MDEV, PF)
    host.link(host.device_folder(PF) / MDEV / "iommu_group", host.sys / "kernel/iommu_groups/30")
    assert uses(host) == {}
    (host.proc / "2/stat").rename(host.proc / "2/hidden")
    found = uses(host)
    assert found.keys() == {PF, *VFS[:4]}
    assert {use.kind for use in found.values()} == {UseKind.UNKNOWN}
    open_file(host, 7, "/dev/vhost-vdpa-0")
    open_file(host, 5, "/dev/vfio/30")
    found = uses(host)
    assert (found[PF].kind, found[PF].pid) == (UseKind.PROCESS, 5)
    assert (found[VFS[3]].kind, found[VFS[3]].pid) == (UseKind.PROCESS, 7)


def test_the_hosts_driver_serves_a_process_over_rdma(host: Host) -> None:
    """So does OVS-DPDK use functions of mlx5, and leaves the others of the port to guests."""
    for name, address in (("uverbs0", PF), ("uverbs1", VFS[4])):
        verbs = host.device_folder(address) / "infiniband_verbs" / name
        verbs.mkdir(parents=True)
        host.link(host.sys / "class/infiniband_verbs" / name, verbs)
    (host.sys / "class/infiniband_verbs/abi_version").touch()
    assert uses(host) == {}
    open_file(host, 9, "/dev/infiniband/uverbs0", "ovs-vswitchd")
    told = "process ovs-vswitchd (pid 9) holds infiniband/uverbs0; OVS-DPDK"
    assert uses(host) == {PF: Use(UseKind.HOST, pid=9, process="ovs-vswitchd", message=told)}
    (host.proc / "2/stat").unlink()
    assert uses(host, active(seen(1, *VFS[:3]))).keys() == {PF, *VFS[:3]}, "the host's own driver has the last one"


@pytest.mark.parametrize("target", ["iommu_group", "../../kernel/iommu_groups", "../gone"])
def test_a_group_that_cannot_be_told_is_nobodys_proof(host: Host, target: str) -> None:
    link = host.device_folder(VF0) / "iommu_group"
    link.unlink()
    assert uses(host) == {}, "no program holds a function by a group that it does not have"
    link.symlink_to(target)
    shown = host.sys / "bus/pci/devices" / VF0 / "iommu_group"
    assert uses(host) == {VF0: Use(UseKind.UNKNOWN, message=f"{shown} leads to no IOMMU group")}
    assert uses(host, active(seen(1, VF0)))[VF0].kind is UseKind.HOSTDEV


@pytest.mark.parametrize("end", ["41:00.1/iommu_group", "41:00.1/vfio-dev", "41:00.1/uio"])
def test_a_group_or_device_that_cannot_be_read_leaves_its_function_unknown(host: Host, end: str) -> None:
    open_file(host, 77, "/dev/vfio/11")
    host.refused = {end: errno.EACCES}
    found = uses(host)
    assert {address: use.kind.value for address, use in found.items()} == {VF0: "unknown", VF1: "process"}
    assert (found[VF0].message or "").endswith(f"{end}: Permission denied")


def test_a_mediated_device_whose_group_cannot_be_told_leaves_its_function_unknown(host: Host) -> None:
    host.add_mdev(MDEV, PF)
    (host.device_folder(PF) / MDEV / "iommu_group").symlink_to("iommu_group")
    assert {address: use.kind for address, use in uses(host).items()} == {PF: UseKind.UNKNOWN}


def test_a_scan_that_was_not_allowed_makes_nothing_free(host: Host) -> None:
    open_file(host, 77, "/dev/vfio/10")
    host.refused = {"/78/fd": errno.EACCES}
    open_file(host, 78, "/dev/vfio/11")
    found = uses(host, active(seen(1, VFS[2])))
    assert {address: use.kind.value for address, use in found.items()} == {
        VF0: "process",
        VF1: "unknown",
        VFS[2]: "hostdev",
    }
    assert "the open files of 1 of 3 processes may not be read: needs CAP_SYS_PTRACE" in (found[VF1].message or "")
    (host.proc / "2/stat").unlink()
    assert (uses(host)[VF1].message or "").endswith(HOST_PROCESSES)


@pytest.mark.parametrize(
    ("link", "kind", "message"),
    [
        (Link(is_up=True, has_addresses=True), UseKind.HOST, "it is up with an address"),
        (Link(is_up=False, has_addresses=True), None, None),
        (Link(is_up=True, has_addresses=False), None, None),
    ],
)
def test_the_host_uses_what_is_up_with_an_address(
    host: Host, link: Link, kind: UseKind | None, message: str | None
) -> None:
    found = uses(host, links={"vf3": link, "vf4": Link(), "pf": Link()})
    assert found == ({} if kind is None else {VFS[3]: Use(kind, name="vf3", message=message)})


def test_the_host_uses_a_function_whose_disk_is_mounted(host: Host) -> None:
    address = "0000:81:00.1"
    host.add_device(address, 0, driver="nvme")
    disk = host.device_folder(address) / "nvme/nvme0/nvme0n1"
    host.put(disk / "dev", "259:0")
    host.link(host.sys / "class/block/nvme0n1", disk)
    assert uses(host, addresses=[address]) == {}
    host.put(host.proc / "1/mountinfo", "26 1 259:0 / /srv rw - xfs /dev/nvme0n1 rw")
    told = Use(UseKind.HOST, name="nvme0n1", message="the host uses this disk of it")
    assert uses(host, addresses=[address]) == {address: told}
    assert uses(host) == {}


def test_without_netlink_what_is_up_is_unknown_and_what_is_down_is_free(host: Host) -> None:
    host.put(host.device_folder(VFS[3]) / "net/vf3/flags", "0x1003")
    host.put(host.device_folder(VFS[4]) / "net/vf4/flags", "0x1002")
    found = uses(host, links={})
    assert {address: use.kind for address, use in found.items()} == {VFS[3]: UseKind.UNKNOWN}
    assert "whether it has an address is not known" in (found[VFS[3]].message or "")


def test_an_ethernet_function_whose_netdev_is_elsewhere_is_not_free(host: Host) -> None:
    for address, driver in (("0000:81:00.1", "iavf"), ("0000:81:00.2", "pci-pf-stub"), ("0000:81:00.3", None)):
        host.add_device(address, 0, driver=driver)
        host.put(host.device_folder(address) / "class", "0x020000")
    host.add_device("0000:81:00.4", 0, driver="nvme")
    host.put(host.device_folder("0000:81:00.4") / "class", "0x010802")
    host.add_device("0000:81:00.5", 0, driver="mlx5_core")
    host.put(host.device_folder("0000:81:00.5") / "class", "0x020000")
    host.add_vdpa("vdpa0", "vhost-vdpa-0", "0000:81:00.5")
    found = uses(host, addresses=[f"0000:81:00.{function}" for function in range(1, 6)])
    assert list(found) == ["0000:81:00.1"]
    use = found["0000:81:00.1"]
    assert use.kind is UseKind.UNKNOWN
    assert use.message == (
        "iavf drives it without a netdev that is seen here: another network namespace may have it; needs that of the "
        "host (hostNetwork: true), if this is not it"
    )


def test_without_libvirt_what_nobody_has_may_be_reserved(host: Host) -> None:
    open_file(host, 77, "/dev/vfio/10")
    found = uses(host, Claimants(gaps=("what guests have reserved is not known: away",)))
    assert found.keys() == {PF, *VFS}
    assert found[VF0] == Use(UseKind.PROCESS, pid=77, process="testpmd")
    for address in (PF, *VFS[1:]):
        assert found[address] == Use(UseKind.UNKNOWN, message="what guests have reserved is not known: away")


@pytest.mark.parametrize("place", ["0000:41:00.1/driver", "net/vf3/flags", "0000:41:00.4/class"])
def test_what_cannot_be_read_is_unknown_and_the_rest_is_told(host: Host, place: str) -> None:
    (host.sys / "class/net/vf3").unlink() if place.endswith("class") else None
    host.refused = {place: errno.EACCES}
    (use,) = uses(host, links={}).values()
    assert use.kind is UseKind.UNKNOWN
    assert (use.message or "").endswith(f"{place}: Permission denied")


SCRIPT = """
set -e
mount -t sysfs sysfs /sys
for name in vf3 vf4; do ip link add $name type veth peer name $name-peer; done
ip link add br0 type bridge
ip link set vf3 master br0
ip link add link vf4 name tap0 type macvtap
ip link set vf4 up
exec "$0" -m tests.unit.sriov.real_interfaces "$1"
"""


def test_real_interfaces_that_others_stand_on_are_the_hosts(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may make a network namespace")
    command = ["unshare", "--net", "--mount", "sh", "-c", SCRIPT, sys.executable, str(tmp_path / "host")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if "Unknown device type" in done.stderr:
        pytest.skip("this kernel has no veth, bridge or macvtap")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "host vf3 it is part of br0; host vf4 tap0 on it"


def test_a_real_process_that_holds_a_real_file_has_the_function(host: Host, tmp_path: Path) -> None:
    """The file stands for a group of vfio, which needs an IOMMU; all of /proc is real.

    Its number is this process's: another run of the tests, which /proc shows too, has another one.
    """
    (host.device_folder(str(VF0)) / "iommu_group").unlink()
    put_in_group(host, str(VF0), os.getpid())
    group = tmp_path / f"dev/vfio/{os.getpid()}"
    group.parent.mkdir(parents=True)
    group.touch()
    folder = host.proc
    folder.rename(tmp_path / "proc-before")
    with group.open() as file, subprocess.Popen(["sleep", "infinity"], stdin=file) as process:
        file.close()
        folder.symlink_to("/proc")
        use = uses(host)[VF0]
        process.kill()
    assert (use.kind, use.pid) == (UseKind.PROCESS, process.pid)
    assert uses(host).get(VF0, Use(UseKind.UNKNOWN)).kind is UseKind.UNKNOWN, "free, or some process is not readable"


class Attached(NamedTuple):
    """Who has a function: guests by number, a process that may be read or not, and whether libvirt answers."""

    active: frozenset[int]
    defined: frozenset[int]
    holder: bool
    up: bool


ATTACHED = st.builds(
    Attached,
    st.frozensets(st.integers(1, 2)),
    st.frozensets(st.integers(1, 3), max_size=2),
    st.booleans(),
    st.booleans(),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.lists(ATTACHED, min_size=5, max_size=5), st.booleans(), st.booleans())
def test_nothing_that_anybody_has_is_ever_free(
    host: Host, attached: list[Attached], is_shown: bool, has_libvirt: bool
) -> None:
    guests = {n: seen(n, *(vf for vf, who in zip(VFS, attached, strict=True) if n in who.active)) for n in (1, 2)}
    stopped = tuple(
        seen(n, *(vf for vf, who in zip(VFS, attached, strict=True) if n in who.defined)) for n in (1, 2, 3)
    )
    known = Claimants(active(*guests.values()).active, stopped) if has_libvirt else Claimants(gaps=("away",))
    folder = host.proc / "77/fd"
    open_file(host, 77, "/dev/null")
    for path in folder.iterdir():
        path.unlink()
    for index, who in enumerate(attached[:3]):
        if who.holder:
            open_file(host, 77, f"/dev/vfio/{10 + index}")
    show = host.proc / "2/stat"
    host.put(show, "2 (kthreadd) S 0 0 0 0 -1 2129984 0" if is_shown else "2 (sh) S 1 0 0 0 -1 0 0")
    links = {f"vf{index}": Link(True, attached[index].up) for index in (3, 4)} | {"pf": Link()}
    found = uses(host, known, links)
    for index, (address, who) in enumerate(zip(VFS, attached, strict=True)):
        is_held, is_hosts = index < 3 and who.holder, index >= 3 and who.up
        if has_libvirt and who.active:
            assert found[address].kind is UseKind.HOSTDEV
        elif has_libvirt and who.defined:
            assert found[address].kind is UseKind.RESERVED
        elif is_held or is_hosts:
            assert found[address].kind is (UseKind.PROCESS if is_held else UseKind.HOST)
        elif not has_libvirt or (index < 3 and not is_shown):
            assert found[address].kind is UseKind.UNKNOWN
        else:
            assert address not in found
