# SPDX-License-Identifier: Apache-2.0
"""`explain` tells who has a virtual function that no active guest has, also where its port's MAC names it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from irqaffinity.cli.main import main
from irqaffinity.model.sriov import VfSettings
from irqaffinity.observe.netlink import Link
from tests.fakes.domains import domain, hostdev, make_libvirt, shut_off
from tests.fakes.holding import open_file, put_in_group, show_host_processes
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST

PF, VF0, VF1 = "0000:41:00.0", "0000:41:00.1", "0000:41:00.2"
PORT = "fa:16:3e:00:00:01"


class Switch:
    """Netlink of a host whose second virtual function has a Neutron port's MAC."""

    def links(self) -> Mapping[str, Link]:
        return {"ens1f0": Link(vfs={0: VfSettings(mac="fa:16:3e:00:00:02"), 1: VfSettings(mac=PORT)})}


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path / "host")
    made.add_physical_function(PF, 0, netdev="ens1f0")
    for index, address in enumerate((VF0, VF1)):
        made.add_virtual_function(PF, index, address, "vfio-pci")
        put_in_group(made, address, 10 + index)
    made.add_device("0000:81:00.0", 1)
    show_host_processes(made)
    return made


def explain(host: FakeHost, target: str, *domains: str) -> int:
    folder = host.proc.parent
    (folder / "empty.conf").touch()
    return main(
        [
            f"--config-file={folder / 'empty.conf'}",
            f"--proc={host.proc}",
            f"--sys={host.sys}",
            f"--libvirt-uri={make_libvirt(folder / 'libvirt', domains)}",
            f"--state={folder / 'state'}",
            "explain",
            target,
        ]
    )


def used_by(text: str) -> str | None:
    found = [line.partition("used by")[2].strip() for line in text.splitlines() if line.startswith("used by")]
    return found[0] if found else None


def test_a_free_function_and_one_that_a_process_or_a_stopped_guest_has(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(host, VF1) == 0
    assert used_by(capsys.readouterr().out) == "nobody: it is free"
    open_file(host, 77, "/dev/vfio/11")
    assert explain(host, VF1) == 0
    assert used_by(capsys.readouterr().out) == "process testpmd (pid 77)"
    assert explain(host, VF0, shut_off(domain("off", GUEST, ["2"], [hostdev(VF0)]))) == 0
    assert used_by(capsys.readouterr().out) == f"stopped guest off ({GUEST})"
    assert explain(host, PF) == 0
    assert used_by(capsys.readouterr().out) == "nobody: it is free"


def test_a_function_has_the_use_that_the_list_shows_for_it(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    host.add_virtual_function(PF, 2, "0000:41:00.3", "vfio-pci")
    put_in_group(host, "0000:41:00.3", 11)
    open_file(host, 77, "/dev/vfio/11")
    assert explain(host, VF1) == 0
    assert used_by(capsys.readouterr().out) == "process testpmd (pid 77): it holds vfio/11, which has 2 functions"
    (host.proc / "77/fd/0").unlink()
    assert explain(host, VF0, shut_off(domain("off", GUEST, ["2"], [hostdev(PF)]))) == 0
    along = f"stopped guest off ({GUEST}): it goes with its physical function {PF}"
    assert used_by(capsys.readouterr().out) == along


def test_a_function_below_a_guests_bond_is_told_in_one_voice(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    host.add_netdev("ens1f0v1", VF1)
    (host.sys / "class/net/bond0/lower_ens1f0v1").mkdir(parents=True)
    assert (
        explain(
            host,
            VF1,
            domain("on", GUEST, ["2"], ["<interface type='direct'><source dev='bond0' mode='bridge'/></interface>"]),
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "target        none: no active guest names it\n" in out
    assert used_by(out) == f"guest on ({GUEST}), macvtap"


def test_a_function_of_a_device_that_cannot_be_read_is_not_free(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    link = host.device_folder(PF) / "virtfn7"
    link.symlink_to("../garbage")
    why = f"nobody can tell who uses it: {host.sys}/bus/pci/devices/{PF}/virtfn7: 'garbage' is not a PCI address"
    for address in (PF, VF0):
        assert explain(host, address) == 0
        assert (used_by(capsys.readouterr().out) or "").startswith(why)
    link.unlink()
    (host.device_folder(PF) / "virtfn0").unlink()
    assert explain(host, VF0) == 0
    assert used_by(capsys.readouterr().out) == f"nobody can tell who uses it: {PF} does not list it"


def test_other_devices_and_those_of_guests_have_no_such_line(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(host, "0000:81:00.0") == 0
    assert used_by(capsys.readouterr().out) is None
    assert explain(host, VF0, domain("on", GUEST, ["2"], [hostdev(VF0)])) == 0
    out = capsys.readouterr().out
    assert used_by(out) is None
    assert GUEST in out


def test_the_mac_of_a_port_leads_to_the_guest_that_has_its_function(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("irqaffinity.observe.netlink.open_netlink", lambda _root: Switch())
    assert explain(host, PORT.upper(), domain("on", GUEST, ["2"], [hostdev(VF1)])) == 0
    out = capsys.readouterr().out
    assert (GUEST in out, VF1 in out, VF0 in out) == (True, True, False)
    assert explain(host, "fa:16:3e:00:00:09") == 1
    assert "virtual function that netlink shows has the MAC fa:16:3e:00:00:09" in capsys.readouterr().err
