# SPDX-License-Identifier: Apache-2.0
"""Physical and virtual functions as sysfs shows them, also where it does not show all."""

import errno
import os
from pathlib import Path

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, PhysicalFunction
from irqaffinity.observe.root import HostRoot, HostUnreadable
from irqaffinity.observe.sriov import read_physical_functions
from tests.fakes.host import FakeHost
from tests.fakes.tree import sriov_host

NIC, PORT, NVME = (PciAddress.parse(text) for text in ("0000:41:00.0", "0000:41:00.1", "0000:81:00.0"))


class StubbornHost(FakeHost):
    """A host that refuses each call on a path that ends in one of these, with this errno."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.refused: dict[tuple[str, str], int] = {}

    def called(self, call: str, path: str) -> None:
        for (refused, end), code in self.refused.items():
            if call == refused and path.endswith(end):
                raise OSError(code, os.strerror(code), path)


@pytest.fixture
def stubborn(tmp_path: Path) -> StubbornHost:
    made = StubbornHost(tmp_path / "host")
    sriov_host(made)
    return made


def test_devices_that_can_have_virtual_functions_are_listed_with_those_that_they_have(host: FakeHost) -> None:
    sriov_host(host)
    host.add_device("0000:03:00.0", 0, "nvme")
    host.put(host.add_device("0000:04:00.0", 0, "igb") / "sriov_totalvfs", "0")
    nic, port, nvme = read_physical_functions(host.root)
    assert nic == PhysicalFunction(
        NIC, "ens1f0", "ice", "8086", "1592", 0, 8, 4, "up", 25000, autoprobe=True, vfs=nic.vfs
    )
    address = PciAddress.parse("0000:41:02.0")
    first = Function(0, address, "vfio-pci", "8086", "1889", 0, irqs=(70, 71), cpus=CpuSet.parse("4-5"))
    assert nic.vfs[0] == first
    assert [(vf.index, vf.driver, vf.netdev, vf.cpus) for vf in nic.vfs[1:]] == [
        (1, "vfio-pci", None, None),
        (2, "iavf", "ens1f0v2", None),
        (3, "iavf", "ens1f0v3", None),
    ]
    assert (port.address, port.link, port.speed, port.num_vfs, port.vfs) == (PORT, "down", None, 0, ())
    assert (nvme.address, nvme.netdev, nvme.link, nvme.numa_node) == (NVME, None, None, 1)
    assert [vf.driver for vf in nvme.vfs] == ["nvme", None]


def test_virtual_functions_come_by_number_and_not_by_name(host: FakeHost) -> None:
    host.add_physical_function("0000:41:00.0", None, netdev="ens1f0")
    for index in (12, 9, 2, 11):
        host.add_virtual_function("0000:41:00.0", index, f"0000:41:02.{index % 8}")
    found = read_physical_functions(host.root)[0]
    assert ([vf.index for vf in found.vfs], found.numa_node) == ([2, 9, 11, 12], None)


def test_identifiers_have_four_digits_wherever_they_are_told(host: FakeHost) -> None:
    host.add_physical_function("0000:41:00.0", 0, vf_product="a1b")
    host.add_virtual_function("0000:41:00.0", 0, "0000:41:02.0", product="0x0a1b")
    host.add_physical_function("0000:42:00.0", 0)
    host.add_virtual_function("0000:42:00.0", 0, "0000:42:02.0", product="0x0a1b")
    for found in read_physical_functions(host.root):
        assert (found.vfs[0].vendor, found.vfs[0].product) == ("8086", "0a1b")
    host.put(host.device_folder("0000:42:00.0") / "vendor", "nonsense")
    trouble = read_physical_functions(host.root)[1].trouble or ""
    assert trouble.endswith("/0000:42:00.0/vendor: 'nonsense' is no hexadecimal number")


def test_the_name_of_a_driver_cannot_forge_a_line(host: FakeHost) -> None:
    host.add_physical_function("0000:41:00.0", 0, "ice\x1b[2J\n")
    host.add_virtual_function("0000:41:00.0", 0, "0000:41:02.0", "iavf\x1b[31m")
    (found,) = read_physical_functions(host.root)
    assert (found.driver, found.vfs[0].driver) == (r"ice\x1b[2J\x0a", r"iavf\x1b[31m")


def test_the_kernel_tells_no_speed_of_a_port_that_is_not_up(stubborn: StubbornHost) -> None:
    stubborn.refused = {("read", "ens1f0/speed"): errno.EINVAL, ("open", "ens1f1/operstate"): errno.ENOENT}
    nic, port, _ = read_physical_functions(stubborn.root)
    assert (nic.link, nic.speed, nic.trouble) == ("up", None, None)
    assert (port.link, port.speed) == (None, None)
    stubborn.put(stubborn.device_folder(str(NIC)) / "net/ens1f0/operstate", "lowerlayerdown")
    assert read_physical_functions(stubborn.root)[0].link == "down"


@pytest.mark.parametrize(
    ("call", "end"), [("open", "41:00.0/vendor"), ("readlink", "41:00.0/driver"), ("listdir", "41:00.0/net")]
)
def test_a_device_that_cannot_be_read_is_there_with_the_reason(stubborn: StubbornHost, call: str, end: str) -> None:
    stubborn.refused = {(call, end): errno.EACCES}
    nic, port, nvme, *rest = read_physical_functions(stubborn.root)
    assert (nic.address, nic.total_vfs, nic.vfs) == (NIC, 8, ())
    assert (nic.trouble or "").endswith(f"{end}: Permission denied")
    assert (port.trouble, nvme.trouble, rest) == (None, None, [])


def test_a_virtual_function_that_cannot_be_read_is_there_with_the_reason(stubborn: StubbornHost) -> None:
    stubborn.refused = {("readlink", "41:02.1/driver"): errno.EACCES}
    functions = read_physical_functions(stubborn.root)[0].vfs
    assert [vf.trouble is None for vf in functions] == [True, False, True, True]


@pytest.mark.parametrize("text", ["-4", "", "65536", "9" * 5000, "\u0664", "eight\x1b[2J"])
def test_a_number_of_virtual_functions_that_there_cannot_be_is_not_believed(host: FakeHost, text: str) -> None:
    host.put(host.add_physical_function(str(NIC), 0) / "sriov_totalvfs", text)
    (found,) = read_physical_functions(host.root)
    assert (found.total_vfs, found.vfs) == (0, ())
    assert (found.trouble or "").endswith(" is no number of virtual functions")
    assert (found.trouble or "").isprintable()


def test_a_virtual_function_that_leads_to_no_device_is_there_with_the_reason(host: FakeHost) -> None:
    host.add_physical_function(str(NIC), 0)
    for index, target in enumerate(("../0000:41:02.0", "../0000:41:02.1")):
        (host.device_folder(str(NIC)) / f"virtfn{index}").symlink_to(target)
    host.add_device("0000:41:02.0", 0)
    (found,) = read_physical_functions(host.root)
    assert [vf.trouble for vf in found.vfs] == [None, f"{host.sys}/bus/pci/devices/0000:41:02.1 does not exist"]
    (host.device_folder(str(NIC)) / "virtfn2").symlink_to("../gone")
    (found,) = read_physical_functions(host.root)
    trouble = f"{host.sys}/bus/pci/devices/{NIC}/virtfn2: 'gone' is not a PCI address such as 0000:81:00.2"
    assert (found.trouble, found.vfs) == (trouble, ()), "nobody knows which function it is"


@pytest.mark.parametrize(
    ("offset", "stride", "index", "address"),
    [("16", "1", 2, "0000:41:02.2"), ("8", "2", 3, "0000:41:01.6"), ("128", "2", 64, "0000:42:00.0")],
)
def test_a_link_that_leads_nowhere_makes_only_its_own_function_unknown(
    host: FakeHost, offset: str, stride: str, index: int, address: str
) -> None:
    folder = host.add_physical_function(str(NIC), 0)
    (folder / "virtfn0").symlink_to("../0000:41:02.0")
    host.add_device("0000:41:02.0", 0)
    host.put(folder / "sriov_offset", offset)
    host.put(folder / "sriov_stride", stride)
    (folder / f"virtfn{index}").symlink_to("../gone\n")
    (found,) = read_physical_functions(host.root)
    free, lost = found.vfs
    assert (found.trouble, found.num_vfs, free.trouble) == (None, 2, None)
    assert (lost.index, str(lost.address)) == (index, address)
    assert (lost.trouble or "").startswith(f"{host.sys}/bus/pci/devices/{NIC}/virtfn{index}: ")
    assert (lost.trouble or "").isprintable()
    host.put(folder / "sriov_offset", "much")
    (found,) = read_physical_functions(host.root)
    assert (found.trouble or "").startswith(f"{host.sys}/bus/pci/devices/{NIC}/virtfn{index}: ")


def test_a_place_that_no_bus_has_is_nobodys(host: FakeHost) -> None:
    folder = host.add_physical_function(str(NIC), 0)
    host.put(folder / "sriov_offset", "65535")
    host.put(folder / "sriov_stride", "-1")
    (folder / "virtfn0").symlink_to("../gone")
    (found,) = read_physical_functions(host.root)
    assert found.vfs == ()
    assert (found.trouble or "").startswith(f"{host.sys}/bus/pci/devices/{NIC}/virtfn0: 'gone' is not a PCI address")


def test_where_interrupts_may_arrive_is_not_known_without_their_affinity(stubborn: StubbornHost) -> None:
    stubborn.refused = {("open", "irq/71/smp_affinity_list"): errno.EACCES}
    assert read_physical_functions(stubborn.root)[0].vfs[0].cpus is None
    stubborn.refused = {}
    stubborn.remove_interrupt(71)
    found = read_physical_functions(stubborn.root)[0].vfs[0]
    assert (found.irqs, str(found.cpus)) == ((70,), "4-5")
    without_proc = HostRoot(str(stubborn.proc / "none"), str(stubborn.sys))
    assert read_physical_functions(without_proc)[0].vfs[0].cpus is None


def test_a_port_with_a_netdev_for_each_function_of_its_switch_has_its_own(host: FakeHost) -> None:
    folder = host.add_physical_function("0000:41:00.0", 0, netdev="ens1f0np0")
    for name, number in (("ens1f0np0", 7), ("ens1f0_1", 31), ("ens1f0_0", 9)):
        host.put(folder / "net" / name / "ifindex", str(number))
    found = read_physical_functions(host.root)[0]
    assert (found.netdev, found.other_netdevs) == ("ens1f0np0", ("ens1f0_0", "ens1f0_1"))


def test_a_host_without_pci_devices_in_sight_cannot_be_listed(tmp_path: Path, stubborn: StubbornHost) -> None:
    with pytest.raises(HostUnreadable, match="--sys"):
        read_physical_functions(HostRoot(sys=str(tmp_path)))
    stubborn.refused = {("listdir", "bus/pci/devices"): errno.EACCES}
    with pytest.raises(HostUnreadable, match="Permission denied"):
        read_physical_functions(stubborn.root)


def test_a_virtual_function_costs_a_few_calls_and_no_look_at_what_it_is_not(host: FakeHost) -> None:
    sriov_host(host)
    read_physical_functions(host.root)
    before = host.opens
    host.add_virtual_function("0000:41:00.0", 4, "0000:41:02.4")
    host.opens = 0
    read_physical_functions(host.root)
    assert host.opens - before == 1  # numa_node


def test_a_number_that_nobody_can_read_while_the_kernel_hangs_is_not_read(stubborn: StubbornHost) -> None:
    stubborn.refused["open", "/sriov_numvfs"] = errno.EACCES
    nic, port, _ = read_physical_functions(stubborn.root)
    assert (nic.num_vfs, nic.trouble) == (4, None)
    assert (port.num_vfs, port.trouble) == (0, None)
