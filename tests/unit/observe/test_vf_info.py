# SPDX-License-Identifier: Apache-2.0
"""What the kernel tells of virtual functions, against messages that are made from its headers alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.model.sriov import LinkState, VfSettings
from irqaffinity.observe.vf_info import parse_vf_list
from tests.fakes.rtnetlink import NOT_TOLD, attribute, vf_list

NUMBERS = st.none() | st.integers(0, NOT_TOLD - 1)
SWITCHES = st.none() | st.booleans()
MACS = st.binary(min_size=6, max_size=6).map(lambda mac: mac.hex(":"))
SETTINGS = st.builds(
    VfSettings, MACS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, SWITCHES, st.none() | st.sampled_from(LinkState), SWITCHES
)


def test_a_message_of_a_real_kernel_says_what_iproute2_says_of_it() -> None:
    """Recorded in the machine of tests/lab, after ip-link(8) had changed each setting of some function."""
    recorded = json.loads((Path(__file__).parent / "vf_info_igb.json").read_text())
    found = parse_vf_list(bytes.fromhex("".join(recorded["message"])))
    assert {str(index): _in_words(settings) for index, settings in found.items()} == recorded["settings"]


def _in_words(settings: VfSettings) -> dict[str, object]:
    return settings._asdict() | {"link_state": settings.link_state and settings.link_state.value}


@given(st.dictionaries(st.integers(0, 255), SETTINGS, max_size=5))
def test_settings_are_read_as_the_kernel_writes_them(settings: dict[int, VfSettings]) -> None:
    assert parse_vf_list(vf_list(settings)) == settings


@given(st.dictionaries(st.integers(0, 255), SETTINGS, max_size=3))
def test_an_old_kernel_tells_one_rate_and_no_trust(settings: dict[int, VfSettings]) -> None:
    expected = {index: each._replace(min_tx_rate=None, trust=None) for index, each in settings.items()}
    assert parse_vf_list(vf_list(settings, is_old=True)) == expected


def test_a_vlan_is_read_from_the_list_of_tags_where_it_stands_there_alone() -> None:
    mac = attribute(1, bytes(4) + bytes.fromhex("fa163e000001") + bytes(26))
    tag = attribute(1, bytes(4) + (100).to_bytes(4, sys.byteorder) + (3).to_bytes(4, sys.byteorder) + b"\x88\xa8\0\0")
    found = parse_vf_list(attribute(0x8001, mac + attribute(0x800C, tag)))
    assert found == {0: VfSettings("fa:16:3e:00:00:01", 100, 3)}


@pytest.mark.parametrize("value", [attribute(0x8001, b""), attribute(0x8001, attribute(1, b"\1\2"))])
def test_what_cannot_be_understood_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="the settings of virtual functions cannot be understood"):
        parse_vf_list(value)


def test_nothing_loads_the_library_before_there_are_settings_to_read() -> None:
    code = (
        "import sys, threading; import irqaffinity.sriov.look; from irqaffinity.observe.netlink import KernelNetlink;"
        "from irqaffinity.observe.root import HostRoot; assert 'lo' in KernelNetlink(HostRoot()).links();"
        "assert 'pyroute2' not in sys.modules; assert threading.active_count() == 1;"
        "from irqaffinity.observe.vf_info import parse_vf_list; parse_vf_list(b'');"
        "assert 'pyroute2' in sys.modules; assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
