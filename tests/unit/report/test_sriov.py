# SPDX-License-Identifier: Apache-2.0
"""The list of virtual functions: its document by its schema, its rows, and its table for people."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.cli.columns import FUNCTIONS
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, LinkState, PhysicalFunction, Use, UseKind, VfSettings
from irqaffinity.report.screen import Screen
from irqaffinity.report.sriov import describe_inventory, flatten
from irqaffinity.report.sriov_table import render_inventory
from irqaffinity.report.width import display_width

SCHEMA = json.loads((Path(__file__).parents[2] / "schema/sriov-1.json").read_text())
NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
GUEST = GuestId("11111111-1111-1111-1111-111111111111")
NIC, NVME = PciAddress.parse("0000:41:00.0"), PciAddress.parse("0000:81:00.0")

USES = (
    Use(UseKind.HOSTDEV, GUEST, "instance-0000002a"),
    Use(UseKind.PROCESS, pid=4711, process="ovs-vswitchd", message="OVS-DPDK"),
    Use(UseKind.UNKNOWN, message="needs CAP_SYS_PTRACE"),
    None,
)
USERS = ("hostdev", "process", "unknown", "free")
SETTINGS = (
    VfSettings("fa:16:3e:00:00:01", 100, 3, 10, 1000, False, LinkState.ENABLE, True),
    VfSettings("fa:16:3e:00:00:02", 0, 0, 0, 0, True, LinkState.AUTO, False),
    None,
    None,
)


def function(index: int, use: Use | None, settings: VfSettings | None) -> Function:
    return Function(
        index,
        PciAddress(0, 0x41, 2, index % 8),
        driver="vfio-pci",
        vendor="8086",
        product="1889",
        numa_node=0,
        settings=settings,
        use=use,
        irqs=(142, 143) if index == 0 else (),
        cpus=CpuSet.parse("14-15") if index == 0 else None,
        spec=2,
        tags={"physical_network": "net1"},
    )


def inventory(*notes: str, functions: int = 4) -> Inventory:
    vfs = tuple(function(index, USES[index % 4], SETTINGS[index % 4]) for index in range(functions))
    nic = PhysicalFunction(
        NIC, "ens1f0", "ice", "8086", "1592", 0, 64, functions, "up", 25000, autoprobe=False, vfs=vfs
    )
    nvme = PhysicalFunction(NVME, driver="nvme", total_vfs=32, use=USES[0], trouble="sriov_numvfs: Permission denied")
    return Inventory((nic, nvme), notes)


def described(*notes: str, functions: int = 4) -> dict[str, Any]:
    return describe_inventory(inventory(*notes, functions=functions), "cmp-12", NOW)


def test_the_document_keeps_to_its_schema() -> None:
    document = described("libvirt is away")
    jsonschema.validate(document, SCHEMA)
    nic, nvme = document["pfs"]
    assert nic["vfs"][0] == {
        "index": 0,
        "address": "0000:41:02.0",
        "driver": "vfio-pci",
        "netdev": None,
        "mac": "fa:16:3e:00:00:01",
        "vlan": 100,
        "qos": 3,
        "min_tx_rate": 10,
        "max_tx_rate": 1000,
        "spoofchk": False,
        "link_state": "enable",
        "trust": True,
        "used": True,
        "used_by": {"kind": "hostdev", "guest": GUEST, "name": "instance-0000002a"}
        | dict.fromkeys(("pid", "process", "message")),
        "irqs": "142-143",
        "cpus": "14-15",
        "device_spec": 2,
        "tags": {"physical_network": "net1"},
        "vendor": "8086",
        "product": "1889",
        "numa_node": 0,
        "reason": None,
    }
    assert [vf["used"] for vf in nic["vfs"]] == [True, True, None, False]
    assert [vf["used_by"] and vf["used_by"]["kind"] for vf in nic["vfs"]] == ["hostdev", "process", "unknown", None]
    assert (nvme["used"], nvme["vendor"], nvme["reason"]) == (True, None, "sriov_numvfs: Permission denied")
    assert document["notes"] == ["libvirt is away"]


TEXTS = st.none() | st.text(max_size=5)


@settings(max_examples=30)
@given(
    st.builds(
        Use,
        st.sampled_from(UseKind),
        st.none() | st.just(GUEST),
        TEXTS,
        st.none() | st.integers(1, 9999),
        TEXTS,
        TEXTS,
    )
)
def test_every_use_keeps_to_the_schema_and_has_a_line(use: Use) -> None:
    made = Inventory((PhysicalFunction(NIC, total_vfs=8, use=use, vfs=(function(0, use, None),)),))
    document = describe_inventory(made, "here", NOW)
    jsonschema.validate(document, SCHEMA)
    assert use.kind.value in render_inventory(document)


def test_each_virtual_function_has_a_row_with_all_columns() -> None:
    rows = flatten(described())
    assert len(rows) == 4
    assert {key for row in rows for key in row} == set(FUNCTIONS)
    assert (rows[0]["pf"], rows[0]["pf_netdev"], rows[0]["kind"]) == ("0000:41:00.0", "ens1f0", "hostdev")
    assert rows[0]["guest"] == GUEST


def test_the_table_has_a_line_for_each_device_and_its_functions_below() -> None:
    lines = render_inventory(described("libvirt is away")).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "VF DEVICE DRIVER NETDEV MAC VLAN MBIT/S SETTINGS IRQS CPUS USED BY",
        (
            "ens1f0 (0000:41:00.0): ice, node 0, 4 of 64 virtual functions, link up, 25,000 Mbit/s, "
            "physical_network net1, autoprobe off"
        ),
        (
            "0 0000:41:02.0 vfio-pci - fa:16:3e:00:00:01 100 qos 3 10-1000 trust, no spoofchk, link enable "
            "142-143 14-15 hostdev instance-0000002a"
        ),
        "1 0000:41:02.1 vfio-pci - fa:16:3e:00:00:02 - - - - - process ovs-vswitchd (pid 4711): OVS-DPDK",
        "2 0000:41:02.2 vfio-pci - - - - - - - unknown",
        "3 0000:41:02.3 vfio-pci - - - - - - - free",
        "0000:81:00.0: nvme, use: hostdev instance-0000002a, sriov_numvfs: Permission denied",
        "",
        "2 devices, 4 virtual functions: 2 used, 1 free, 1 unknown",
        "",
        "unknown (0000:41:02.2): needs CAP_SYS_PTRACE",
        "note: libvirt is away",
    ]
    assert len({line.index(word) for line, word in zip(lines[2:6], USERS, strict=True)}) == 1


def test_a_limit_of_one_side_alone_is_told_from_none() -> None:
    rates = ((0, 100), (10, 0), (None, 100), (0, 0), (None, None))
    settings = [VfSettings(min_tx_rate=least, max_tx_rate=most) for least, most in rates]
    vfs = tuple(function(index, None, each) for index, each in enumerate(settings, start=1))
    lines = render_inventory(describe_inventory(Inventory((PhysicalFunction(NIC, vfs=vfs),)), "here", NOW)).splitlines()
    assert [line.split()[6] for line in lines[2:7]] == ["0-100", "10-", "0-100", "-", "-"]


def test_a_nic_with_many_functions_fits_any_terminal() -> None:
    for width in (40, 60, 80, 100, 132, 200):
        lines = render_inventory(described("a note " * 20, functions=128), Screen(width)).splitlines()
        shown = [line for line in lines if line.startswith("  ") and "41:02" in line]
        assert max(map(display_width, lines)) <= width
        assert len(shown) == 128
        assert all("0000:41:02." in line for line in shown)
        assert sum("hostdev" in line or "…" in line for line in shown) >= 32
    assert "unknown (0000:41:02.2 and 31 more): needs CAP_SYS_PTRACE" in render_inventory(described(functions=128))


def test_what_a_note_tells_is_not_told_again_and_many_reasons_are_cut() -> None:
    text = render_inventory(described("needs CAP_SYS_PTRACE"))
    assert text.count("CAP_SYS_PTRACE") == 1
    vfs = tuple(function(index, Use(UseKind.UNKNOWN, message=f"reason {index}"), None) for index in range(12))
    many = describe_inventory(Inventory((PhysicalFunction(NIC, total_vfs=64, vfs=vfs),)), "here", NOW)
    lines = render_inventory(many).splitlines()
    assert lines[-1] == "2 more reasons: see the list that -f json prints"
    assert sum(line.startswith("unknown (") for line in lines) == 10


def test_of_a_device_that_cannot_be_read_nothing_is_told_but_why() -> None:
    pf = PhysicalFunction(NIC, total_vfs=64, trouble="sriov_totalvfs: Permission denied")
    text = render_inventory(describe_inventory(Inventory((pf,)), "here", NOW))
    assert text.splitlines()[0] == f"{NIC}: sriov_totalvfs: Permission denied"


def test_what_is_not_known_has_a_colour_and_a_word() -> None:
    coloured = render_inventory(described(), Screen(None, is_coloured=True)).splitlines()
    assert "\x1b[36munknown\x1b[0m" in coloured[4]
    assert "\x1b[36m" not in coloured[5]
    assert coloured[1].startswith("\x1b[1mens1f0")


def test_where_there_is_nothing_a_sentence_says_so() -> None:
    empty = describe_inventory(Inventory((), ("x",)), "here", NOW)
    assert render_inventory(empty, missing="there is none") == "there is none\n\nnote: x"
