# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity sriov` on a fake host with libvirt's own test driver: its filters, its forms and its exit statuses."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from irqaffinity.cli.arguments import parse_arguments
from irqaffinity.cli.columns import FUNCTIONS
from irqaffinity.cli.main import main
from tests.fakes.domains import domain, hostdev, make_libvirt
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST, OTHER
from tests.fakes.tree import sriov_host
from tests.unit.report.test_sriov import SCHEMA

Run = Callable[..., tuple[int, str, str]]
WHOLE = "33333333-3333-3333-3333-333333333333"
MAC = "fa:16:3e:00:00:2a"
INTERFACE = (
    f"<interface type='hostdev' managed='yes'><mac address='{MAC}'/><source><address type='pci' domain='0x0000' "
    "bus='0x41' slot='0x02' function='0x1'/></source></interface>"
)


@pytest.fixture
def run(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on a host where two guests have a virtual function each, and a third has a whole port."""
    sriov_host(host)
    domains = [
        domain("web", GUEST, ["2"], [hostdev("0000:41:02.0")]),
        domain("db", OTHER, ["3"], [INTERFACE]),
        domain("whole", WHOLE, ["4"], [hostdev("0000:41:00.1")]),
    ]
    folder = host.proc.parent
    (folder / "irqaffinity.conf").write_text(
        '[pci]\ndevice_spec = {"devname": "ens1f0", "product_id": "1889", "physical_network": "net1"}\n'
    )
    options = [
        f"--config-file={folder / 'irqaffinity.conf'}",
        f"--proc={host.proc}",
        f"--sys={host.sys}",
        f"--libvirt-uri={make_libvirt(folder / 'libvirt', domains)}",
        f"--state={folder / 'no-state'}",
    ]

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main([*options, "sriov", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return call


def functions(run: Run, *arguments: str) -> list[str]:
    """Return the addresses of the virtual functions that a list has, from its csv."""
    status, out, err = run("-f", "value", "-c", "address", *arguments)
    assert (status, err) == (0, "")
    return out.split()


def test_each_function_stands_below_its_device_with_its_guest(run: Run) -> None:
    status, out, err = run()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert lines[1] == (
        "ens1f0 (0000:41:00.0): ice, node 0, 4 of 8 virtual functions, link up, 25,000 Mbit/s, physical_network net1"
    )
    assert lines[2].endswith("vfio-pci - - - - - 70-71 4-5 hostdev web")
    assert lines[3].endswith("hostdev db")
    assert lines[4].startswith("2 0000:41:02.2 iavf ens1f0v2")
    assert "another host or network namespace" in lines[-1]


def test_the_document_has_all_in_its_schema(run: Run) -> None:
    status, out, _ = run("-f", "json")
    document = json.loads(out)
    jsonschema.validate(document, SCHEMA)
    nic, port, nvme = document["pfs"]
    assert (status, port["num_vfs"], nvme["netdev"]) == (0, 0, None)
    assert nic["vfs"][0]["used_by"] | {"message": None} == {
        **dict.fromkeys(("pid", "process", "message")),
        "kind": "hostdev",
        "guest": GUEST,
        "name": "web",
    }
    assert nic["vfs"][0]["tags"] == {"physical_network": "net1"}
    assert [vf["mac"] for vf in nic["vfs"]] == [None] * 4
    assert len(document["notes"]) == 1


@pytest.mark.parametrize("name", ["ens1f0", "0000:41:00.0", "41:00.0"])
def test_one_device_is_named_by_its_netdev_or_address(run: Run, name: str) -> None:
    document = json.loads(run("--pf", name, "-f", "json")[1])
    assert [pf["address"] for pf in document["pfs"]] == ["0000:41:00.0"]


def test_several_devices_are_listed_in_their_own_order(run: Run) -> None:
    found = json.loads(run("--pf=81:00.0", "--pf", "ens1f1", "-f", "json")[1])["pfs"]
    assert [pf["address"] for pf in found] == ["0000:41:00.1", "0000:81:00.0"]


@pytest.mark.parametrize("name", ["ens1f0v2", "41:02.0", "", "ens1f0\x1b", "41:ff.9"])
def test_an_unknown_device_is_told_with_those_that_are_there(run: Run, name: str) -> None:
    status, out, err = run("--pf", name)
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert err.endswith("this host has ens1f0 (0000:41:00.0), ens1f1 (0000:41:00.1), 0000:81:00.0\n")
    assert "\x1b" not in err


def test_free_functions_are_those_that_nobody_has(run: Run, host: FakeHost) -> None:
    free = functions(run, "--free")
    assert set(free) & {"0000:41:02.0", "0000:41:02.1"} == set()
    assert set(free) <= {"0000:41:02.2", "0000:41:02.3", "0000:81:00.1", "0000:81:00.2"}
    status, out, _ = run("--free", "--pf", "ens1f1")
    assert status == 0
    assert "0 of 64 virtual functions" in out
    assert "no virtual function is free" in out


@pytest.mark.parametrize("name", [OTHER, "db", MAC, MAC.upper().replace(":", "-"), "0000:41:02.1"])
def test_functions_of_a_guest_are_found_by_any_name_of_it(run: Run, name: str) -> None:
    assert functions(run, "--used-by", name) == ["0000:41:02.1"]


@pytest.mark.parametrize("name", ["whole", WHOLE, "0000:41:00.1", "ens1f1", "hostdev"])
def test_a_guest_that_has_a_whole_device_is_shown_with_it(run: Run, name: str) -> None:
    status, out, err = run("--used-by", name)
    assert (status, err) == (0, "")
    shown = [line for line in out.splitlines() if line.startswith("ens1f1 (0000:41:00.1): ")]
    assert len(shown) == 1
    assert shown[0].endswith("use: hostdev whole")
    assert "no virtual function" not in out
    pfs = json.loads(run("--used-by", name, "-f", "json")[1])["pfs"]
    assert [pf["address"] for pf in pfs] == ["0000:41:00.0"] * (name == "hostdev") + ["0000:41:00.1"]


def test_a_device_that_is_shown_for_its_name_alone_is_told_from_one_that_is_used(run: Run) -> None:
    assert "no virtual function is used by web" in run("--used-by", "web", "--pf", "ens1f1")[1]
    assert "no virtual function" not in run("--used-by", "whole", "--pf", "ens1f1")[1]
    assert "ens1f1" not in run("--free")[1], "no physical function is asked for as free"


def test_functions_are_found_by_the_way_in_which_they_are_used(run: Run) -> None:
    assert functions(run, "--used-by", "hostdev") == ["0000:41:02.0", "0000:41:02.1"]
    status, out, _ = run("--used-by", "mdev")
    assert status == 0
    assert out.startswith("no virtual function is used by mdev\n")


def test_an_unknown_guest_is_told_of_all_that_are_defined(run: Run) -> None:
    for name, told in (
        ("nobody", "no guest has this name"),
        ("44444444-4444-4444-4444-444444444444", "no guest has the uuid"),
        ("0000:81:00.1", "no guest has device 0000:81:00.1"),
    ):
        status, out, err = run("--used-by", name)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert told in err
        assert err.endswith("; virsh list --all --uuid --name shows the guests\n")


def test_without_libvirt_nothing_is_free_and_a_note_says_so(run: Run) -> None:
    nowhere = "--libvirt-uri=qemu+unix:///system?socket=/nonexistent"
    status, out, _ = run(nowhere, "-f", "json")
    document = json.loads(out)
    jsonschema.validate(document, SCHEMA)
    found = [vf for pf in document["pfs"] for vf in pf["vfs"]]
    assert (status, {vf["used"] for vf in found}, {vf["used_by"]["kind"] for vf in found}) == (0, {None}, {"unknown"})
    assert any("/nonexistent" in note for note in document["notes"])
    status, out, _ = run(nowhere)
    assert (status, out.count("/nonexistent")) == (0, 2)  # the socket, and libvirt's own words on it
    assert functions(run, nowhere, "--free") == []
    status, out, err = run(nowhere, "--used-by", "web")
    assert (status, out) == (1, "")
    assert "; what guests have reserved is not known: libvirt at qemu+unix:///system" in err


def test_rows_have_all_columns_and_any_order(run: Run) -> None:
    out = run("-f", "csv")[1]
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(out)))
    assert (list(rows[0]), len(rows)) == (list(FUNCTIONS), 6)
    assert (rows[0]["kind"], rows[0]["guest"], rows[0]["pf_netdev"], rows[2]["kind"]) == (
        "hostdev",
        GUEST,
        "ens1f0",
        "",
    )
    assert functions(run, "--sort", "numa_node:desc", "--sort", "index:desc")[:2] == ["0000:81:00.2", "0000:81:00.1"]
    picked = json.loads(run("-f", "json", "-c", "address", "-c", "name", "--pf", "ens1f0")[1])
    assert picked[0] == {"address": "0000:41:02.0", "name": "web"}
    nested = json.loads(run("-f", "json", "--sort", "index:desc")[1])
    assert [vf["index"] for vf in nested["pfs"][0]["vfs"]] == [3, 2, 1, 0]
    assert run("-f", "yaml")[1].startswith("schema: 1\n")
    assert run("--sort", "index", "--pf", "ens1f0")[1].startswith("PF ")


def test_a_host_without_such_devices_is_no_failure_but_one_without_a_bus_is(run: Run, host: FakeHost) -> None:
    bare = host.proc.parent / "bare"
    (bare / "bus/pci/devices").mkdir(parents=True)
    status, out, _ = run(f"--sys={bare}")
    assert (status, out) == (0, "this host has no device that can have virtual functions (SR-IOV)\n")
    status, out, err = run(f"--sys={bare / 'none'}")
    assert (status, out) == (1, "")
    assert "--sys" in err


def test_free_and_used_are_not_asked_for_together(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse_arguments(["sriov", "--free", "--used-by", "web"])
    assert left.value.code == 64
    assert "argument --free: nobody uses a free function" in capsys.readouterr().err


def test_a_passed_look_at_another_host_loads_no_library_for_netlink(run: Run, host: FakeHost) -> None:
    arguments = [
        "--config-file=/dev/null",
        f"--proc={host.proc}",
        f"--sys={host.sys}",
        "--libvirt-uri=none:///",
        "sriov",
    ]
    code = (
        f"import sys; from irqaffinity.cli.main import main; main({arguments!r}); assert 'pyroute2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
