# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity sriov pools` and `sriov device-spec`, as users run them, on a made-up host and libvirt's test driver."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from irqaffinity.cli.main import main
from tests.fakes.domains import domain, hostdev, make_libvirt
from tests.fakes.host import FakeHost
from tests.fakes.tree import sriov_host

GUEST = "11111111-1111-1111-1111-111111111111"
SPECS = """\
[pci]
device_spec = {"address": "0000:41:00.0", "physical_network": "sriov-a"}
device_spec = {"vendor_id": "10de"}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(host: FakeHost, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on a host with SR-IOV and two GPUs; its guest has a virtual function and a GPU."""
    sriov_host(host)
    for number in (0, 1):
        host.add_device(f"0000:c1:00.{number}", 1, vendor="0x10de", product="0x25b6")
    file = tmp_path / "irqaffinity.conf"
    domains = [domain("instance-1", GUEST, ["2"], [hostdev("0000:41:02.0"), hostdev("0000:c1:00.0")])]
    uri = make_libvirt(tmp_path / "libvirt", domains)

    def call(*arguments: str, specs: str = SPECS, uri: str = uri) -> tuple[int, str, str]:
        file.write_text(specs)
        options = [f"--config-file={file}", f"--proc={host.proc}", f"--sys={host.sys}", f"--state={tmp_path}/none"]
        status = main([*options, f"--libvirt-uri={uri}", "sriov", *arguments])
        return status, *capsys.readouterr()

    return call


def test_the_pools_are_a_table(run: Run) -> None:
    status, out, err = run("pools")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "PHYSICAL NETWORK TYPE     DEVICE    NODE TAGS TOTAL USED FREE",
        "sriov-a          type-PF  8086:1592 0    -        1    1    0",
        "sriov-a          type-VF  8086:1889 0    -        4    1    3",
        "-                type-PCI 10de:25b6 1    -        2    1    1",
        "",
        "3 pools, 7 devices: 3 used, 4 free",
    ]


def test_the_pools_are_a_document(run: Run) -> None:
    found = json.loads(run("pools", "-f", "json")[1])
    assert (found["schema"], found["notes"], len(found["pools"])) == (1, [], 3)
    assert found["pools"][1] == {
        "physical_network": "sriov-a",
        "vendor": "8086",
        "product": "1889",
        "numa_node": 0,
        "dev_type": "type-VF",
        "tags": {},
        "total": 4,
        "used": 1,
        "free": 3,
    }


def test_columns_are_chosen_and_sorted(run: Run) -> None:
    _, out, _ = run("pools", "-f", "csv", "-c", "physical_network", "-c", "free", "--sort", "free:desc")
    assert list(csv.reader(io.StringIO(out))) == [
        ["physical_network", "free"], ["sriov-a", "3"], ["", "1"], ["sriov-a", "0"],
    ]  # fmt: skip


def test_without_a_device_spec_all_of_sriov_counts(run: Run) -> None:
    found = json.loads(run("pools", "-f", "json", specs="")[1])["pools"]
    assert {pool["physical_network"] for pool in found} == {None}
    assert sum(pool["total"] for pool in found) == 9
    assert "type-PCI" not in {pool["dev_type"] for pool in found}


def test_what_is_not_known_counts_as_used_and_is_told(run: Run) -> None:
    status, out, _ = run("pools", uri="test:///none.xml")
    assert status == 0
    assert "3 pools, 7 devices: 7 used, 0 free" in out
    assert "note: 0000:41:00.0 and " in out
    assert "used, for that is not known: what guests have reserved is not known: " in " ".join(out.split())


@pytest.mark.parametrize(
    ("spec", "noted"),
    [
        ('{"vendor_id": "1af4"}', []),
        ('{"address": "0000:41:02.2"}', []),
        ('{"address": "0000:41:02.3"}', ["0000:41:02.3"]),
        ('{"devname": "ens1f0", "product_id": "1592"}', ["0000:41:00.0", "0000:41:02.3"]),
        ('{"address": "0000:81:00.1"}', ["0000:81:00.0"]),
    ],
)
def test_only_what_is_in_a_pool_or_takes_something_out_of_one_is_noted(
    run: Run, host: FakeHost, spec: str, noted: list[str]
) -> None:
    """The controller is vfio's, and a program that is not seen may hold it: nobody would get its functions."""
    (host.proc / "self").symlink_to("4711")
    host.put(host.device_folder("0000:41:00.0") / "net/ens1f0/flags", "0x1003")
    host.put(host.device_folder("0000:41:02.3") / "net/ens1f0v3/flags", "0x1003")
    driver = host.device_folder("0000:81:00.0") / "driver"
    driver.unlink()
    driver.symlink_to("../../../bus/pci/drivers/vfio-pci")
    host.link(host.device_folder("0000:81:00.0") / "iommu_group", host.sys / "kernel/iommu_groups/30")
    found = json.loads(run("pools", "-f", "json", specs=f"[pci]\ndevice_spec = {spec}\n")[1])
    assert [note.partition(" ")[0] for note in found["notes"]] == noted


def test_any_netdev_of_a_device_names_it(run: Run, host: FakeHost) -> None:
    for name, number in (("ens1f0", 7), ("ens1f0np0", 9)):
        host.put(host.device_folder("0000:41:00.0") / "net" / name / "ifindex", str(number))
    specs = '[pci]\ndevice_spec = {"devname": "ens1f0np0", "physical_network": "sriov-a"}\n'
    assert "2 pools, 5 devices: 2 used, 3 free" in run("pools", specs=specs)[1]
    assert run("device-spec", "--pf", "ens1f0np0") == run("device-spec", "--pf", "ens1f0")
    found = json.loads(run("--pf", "ens1f0np0", "-f", "json", specs=specs)[1])["pfs"]
    assert [(pf["netdev"], pf["tags"]) for pf in found] == [("ens1f0", {"physical_network": "sriov-a"})]


def test_what_nova_cannot_take_is_in_no_pool_and_has_no_line(run: Run, host: FakeHost) -> None:
    host.add_physical_function("10000:01:00.0", None, "nvme")
    host.add_virtual_function("10000:01:00.0", 0, "10000:01:00.1", "nvme")
    host.add_device("10000:02:00.0", None, vendor="0x10de", product="0x25b6")
    assert run("pools")[1].splitlines()[-3:] == [
        "3 pools, 7 devices: 3 used, 4 free",
        "",
        "note: 10000:02:00.0 stands in no pool: Nova takes no device of a PCI domain above FFFF",
    ]
    *_, note = run("pools", specs="")[1].splitlines()
    assert note.startswith("note: 10000:01:00.0 and 1 more stand in no pool: ")
    status, out, err = run("device-spec", "--pf", "10000:01:00.0")
    assert (status, out) == (1, "")
    assert err.startswith("irqaffinity: 10000:01:00.0: Nova takes no device of a PCI domain above FFFF, and ")


def test_no_pool_has_its_sentence(run: Run) -> None:
    spec = '[pci]\ndevice_spec = {"vendor_id": "1af4"}\n'
    assert run("pools", specs=spec)[1].splitlines()[0] == "no device of this host matches [pci] device_spec"


def test_lines_for_nova_name_each_virtual_function(run: Run) -> None:
    status, out, err = run("device-spec", "--pf", "ens1f0", "--physical-network", "sriov-a", "--trusted")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f'device_spec = {{"address": "0000:41:02.{index}", "physical_network": "sriov-a", "trusted": "true"}}'
        for index in range(4)
    ]


def test_one_line_names_them_all(run: Run) -> None:
    _, out, _ = run("device-spec", "--pf", "41:00.0", "--physical-network", "a", "--by-pf")
    found = json.loads(out.removeprefix("device_spec = "))
    assert found == {
        "vendor_id": "8086",
        "product_id": "1889",
        "address": "0000:41:00.0",
        "physical_network": "a",
    }


def test_a_device_without_a_netdev_needs_no_network(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    status, out, _ = run("device-spec", "--pf", "0000:81:00.0")
    assert (status, caplog.messages) == (0, [])
    assert out.splitlines() == [f'device_spec = {{"address": "0000:81:00.{number}"}}' for number in (1, 2)]
    run("device-spec", "--pf", "ens1f0")
    told = "no port of Neutron's gets these without a physical network: name it with --physical-network"
    assert caplog.messages == [told]


def test_a_declared_device_has_its_physical_network_from_there(run: Run, tmp_path: Path) -> None:
    declared = tmp_path / "declared.conf"
    declared.write_text('[sriov]\npf = {"devname": "ens1f0", "physical_network": "sriov-b"}\n')
    lines = {}
    for given in ((), ("--physical-network", "sriov-c")):
        status, out, err = run("device-spec", "--pf", "41:00.0", *given, "--config-file", str(declared))
        assert (status, err) == (0, "")
        lines[given] = {
            json.loads(line.removeprefix("device_spec = "))["physical_network"] for line in out.splitlines()
        }
    assert list(lines.values()) == [{"sriov-b"}, {"sriov-c"}]


def test_a_second_device_is_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run("device-spec", "--pf", "ens1f0", "--pf", "ens1f1")
    assert left.value.code == 64
    assert "argument --pf: the lines are those of one device: ask for each by itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pf", "told"),
    [
        ("ens9", "there is no device 'ens9' that can have virtual functions; this host has ens1f0 (0000:41:00.0), "),
        ("ens1f1", "ens1f1 has no virtual functions: make some first (sriov_numvfs, or [sriov] pf and irqaffinity "),
    ],
)
def test_what_has_no_virtual_functions_has_no_line(run: Run, pf: str, told: str) -> None:
    status, out, err = run("device-spec", "--pf", pf)
    assert (status, out) == (1, "")
    assert err.startswith(f"irqaffinity: {told}")
