# SPDX-License-Identifier: Apache-2.0
"""Which interface stands on which function and on which other one: on a fake host, and of a real kernel."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.netdevs import Netdevs, is_up, master_of, read_netdevs
from tests.fakes.host import FakeHost
from tests.fakes.scene import VF0, VF1

ADDRESS0, ADDRESS1 = PciAddress.parse(VF0), PciAddress.parse(VF1)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path)
    for name, address in (("vf0", VF0), ("vf1", VF1)):
        made.add_device(address, 0, driver="iavf")
        made.add_netdev(name, address)
    return made


def stand(host: FakeHost, upper: str, *lowers: str) -> None:
    folder = host.sys / "devices/virtual/net" / upper
    folder.mkdir(parents=True)
    host.link(host.sys / "class/net" / upper, folder)
    for lower in lowers:
        host.link(folder / f"lower_{lower}", host.sys / "class/net" / lower)


def test_interfaces_are_told_by_function_and_by_what_they_stand_on(host: FakeHost) -> None:
    stand(host, "lo")
    stand(host, "bond0", "vf0", "vf1")
    stand(host, "bond0.5", "bond0")
    stand(host, "macvtap0", "bond0.5")
    stand(host, "macvtap1", "vf1")
    (host.sys / "class/net/bonding_masters").touch()
    found = read_netdevs(host.root)
    assert found.by_function == {ADDRESS0: ("vf0",), ADDRESS1: ("vf1",)}
    assert found.lowers["lo"] == found.lowers["bonding_masters"] == ()
    assert found.uppers() == {
        "vf0": ("bond0",),
        "vf1": ("bond0", "macvtap1"),
        "bond0": ("bond0.5",),
        "bond0.5": ("macvtap0",),
    }
    assert found.functions_below("macvtap0") == found.functions_below("bond0") == [ADDRESS0, ADDRESS1]
    assert found.functions_below("macvtap1") == found.functions_below("vf1") == [ADDRESS1]
    assert found.functions_below("lo") == found.functions_below("none") == []


@pytest.mark.parametrize(("code", "is_gone"), [(errno.ENOENT, True), (errno.ENODEV, True), (errno.EMFILE, False)])
def test_an_interface_that_cannot_be_looked_into_is_an_error_unless_it_has_gone(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, code: int, is_gone: bool
) -> None:
    stand(host, "bond0", "vf0")

    def fail(call: str, path: str) -> None:
        if call == "listdir" and path.endswith("/bond0"):
            raise OSError(code, os.strerror(code), path)

    monkeypatch.setattr(host, "called", fail)
    if is_gone:
        assert read_netdevs(host.root).uppers() == {}
        return
    with pytest.raises(OSError, match=os.strerror(code)):
        read_netdevs(host.root)


def test_interfaces_that_stand_on_each_other_are_no_endless_way() -> None:
    assert Netdevs({ADDRESS0: ("c",)}, {"a": ("b",), "b": ("a", "c")}).functions_below("a") == [ADDRESS0]


@pytest.mark.parametrize(
    ("flags", "up"), [("0x1003", True), ("0x1002", False), ("0x1", True), ("", False), ("x", False)]
)
def test_an_interface_is_up_by_its_flags(host: FakeHost, flags: str, up: bool) -> None:
    assert not is_up(host.root, "vf0")
    host.put(host.device_folder(VF0) / "net/vf0/flags", flags)
    assert is_up(host.root, "vf0") is up


PROGRAM = """
from irqaffinity.observe.netdevs import is_up, master_of, read_netdevs, uppers_of
from irqaffinity.observe.root import HostRoot
root = HostRoot()
print(dict(read_netdevs(root).lowers), [master_of(root, name) for name in ("p0", "p1")], is_up(root, "p0"))
print([uppers_of(root, name) for name in ("p0", "p1", "br0", "none")])
"""

SCRIPT = """
set -e
mount -t sysfs sysfs /sys
ip link add p0 type veth peer name p1
ip link add br0 type bridge
ip link set p1 master br0
ip link add link p0 name tap0 type macvtap
ip link set p0 up
exec "$0" -c "$1"
"""


def test_real_interfaces_are_told_as_the_kernel_links_them() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may make a network namespace")
    command = ["unshare", "--net", "--mount", "sh", "-c", SCRIPT, sys.executable, PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Unknown device type" in done.stderr:
        pytest.skip("this kernel has no veth, bridge or macvtap")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout.strip()
        == str({"br0": ("p1",), "lo": (), "p0": (), "p1": (), "tap0": ("p0",)})
        + " [None, 'br0'] True\n[['tap0'], ['br0'], [], []]"
    )


def test_a_port_knows_its_master(host: FakeHost) -> None:
    stand(host, "br0", "vf0")
    assert master_of(host.root, "vf0") is None
    host.link(host.device_folder(VF0) / "net/vf0/master", host.sys / "class/net/br0")
    assert master_of(host.root, "vf0") == "br0"
