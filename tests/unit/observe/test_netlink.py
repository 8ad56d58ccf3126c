# SPDX-License-Identifier: Apache-2.0
"""What is made of the kernel's messages on network interfaces; a real kernel's are in tests/functional."""

import errno
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.model.sriov import LinkState, VfSettings
from irqaffinity.observe.netlink import KernelNetlink, Link
from irqaffinity.observe.rtnetlink import Rtnetlink
from irqaffinity.observe.sriov import read_physical_functions
from tests.fakes.host import FakeHost
from tests.fakes.rtnetlink import FakeSocket, attribute, message, settings_of, vf_list
from tests.fakes.tree import sriov_host

MAC = "fa:16:3e:00:00:01"


def link(number: int, name: bytes, *, flags: int = 1, master: int = 0, vfs: bytes | None = None) -> bytes:
    body = struct.pack("=BxHiII", 0, 1, number, flags, 0)
    body += attribute(1, bytes.fromhex(MAC.replace(":", ""))) + attribute(3, name + b"\0") + attribute(0x8000 | 18, b"")
    body += attribute(10, struct.pack("=I", master)) if master else b""
    return body + (attribute(0x8000 | 22, vfs) if vfs is not None else b"")


def address(number: int, family: int = 2, scope: int = 0) -> bytes:
    return struct.pack("=BBBBi", family, 24, 0x80, scope, number)


def told(host: FakeHost, links: list[bytes], addresses: list[bytes], *got: bytes) -> tuple[Mapping[str, Link], Any]:
    lists = [(number, kind, bodies) for number, kind, bodies in ((1, 16, links), (2, 20, addresses))]
    packets = [b"".join(message(k, body, n) for body in bodies) + message(3, bytes(4), n) for n, k, bodies in lists]
    opened: Any = FakeSocket([*packets, *got])
    return KernelNetlink(host.root, lambda: Rtnetlink(open_socket=lambda: opened)).links(), opened


def test_a_link_has_its_addresses_its_master_and_the_name_that_can_be_shown(host: FakeHost) -> None:
    links = [link(1, b"lo"), link(2, b"a\x1b[1m", master=4), link(3, b"b", flags=0), link(4, b"br0"), link(5, b"c")]
    found, opened = told(host, links, [address(1), address(3, 10), address(5, 10, 253)])
    assert {name: (each.is_up, each.has_addresses, each.master) for name, each in found.items()} == {
        "lo": (True, True, None),
        "a\\x1b[1m": (True, False, "br0"),
        "b": (False, True, None),
        "br0": (True, False, None),
        "c": (True, False, None),
    }
    assert (found["lo"].address, found["lo"].permanent, found["lo"].vfs) == (MAC, None, {})
    assert (len(opened.sent), opened.is_closed) == (2, True)


def test_settings_are_asked_for_where_a_device_has_virtual_functions_and_without_statistics(host: FakeHost) -> None:
    sriov_host(host)
    settings = dict(enumerate(settings_of(MAC, MAC, MAC, MAC)))
    settings[2] = VfSettings(MAC, 100, 3, 10, 1000, False, LinkState.DISABLE, True)
    answer = message(16, link(2, b"ens1f0", vfs=vf_list(settings)), 3) + message(2, bytes(4), 3)
    found, opened = told(host, [link(1, b"lo"), link(2, b"ens1f0"), link(3, b"ens1f1")], [], answer)
    assert found["ens1f0"].vfs == settings
    assert [found[name].vfs for name in ("lo", "ens1f1")] == [{}, {}]
    assert {each.trouble for each in found.values()} == {None}
    question = opened.sent[2]
    assert struct.unpack_from("=IHH", question)[1:] == (18, 0x5)
    assert struct.unpack_from("=i", question, 20) == (2,)
    assert question.endswith(struct.pack("=HHI", 8, 29, 0x9))
    assert len(opened.sent) == 3


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (message(2, struct.pack("=i", -errno.EMSGSIZE), 3), "Message too long"),
        (message(16, link(2, b"ens1f0", vfs=attribute(0x8001, b"")), 3), "cannot be understood"),
        (message(16, link(2, b"ens1f0", vfs=vf_list({0: settings_of(MAC)[0]})), 3), "the kernel tells only 1 of 4"),
    ],
)
def test_what_one_device_does_not_tell_hides_no_other(host: FakeHost, answer: bytes, trouble: str) -> None:
    sriov_host(host)
    acknowledged = answer + message(2, bytes(4), 3)
    found, _ = told(host, [link(1, b"lo"), link(2, b"ens1f0")], [address(2)], acknowledged)
    assert trouble in (found["ens1f0"].trouble or "")
    assert (found["lo"].trouble, found["ens1f0"].has_addresses) == (None, True)


def test_a_driver_that_tells_nothing_of_its_virtual_functions_is_no_trouble(host: FakeHost) -> None:
    sriov_host(host)
    answer = message(16, link(2, b"ens1f0"), 3) + message(2, bytes(4), 3)
    found, _ = told(host, [link(2, b"ens1f0")], [], answer)
    assert (found["ens1f0"].vfs, found["ens1f0"].trouble) == ({}, None)


def test_a_kernel_that_takes_functions_away_tells_of_those_that_are_left(host: FakeHost) -> None:
    """While it waits for the user of one, its first links are gone, and netlink still tells of all."""
    sriov_host(host)
    for index in range(3):
        (host.device_folder("0000:41:00.0") / f"virtfn{index}").unlink()
    settings = dict(enumerate(settings_of(MAC, MAC, MAC, MAC)))
    answer = message(16, link(2, b"ens1f0", vfs=vf_list(settings)), 3) + message(2, bytes(4), 3)
    found, _ = told(host, [link(2, b"ens1f0")], [], answer)
    assert (found["ens1f0"].vfs, found["ens1f0"].trouble) == (settings, None)


def test_the_number_that_a_stuck_kernel_does_not_tell_is_not_read(tmp_path: Path) -> None:
    """While the kernel waits for the user of a function that it removes, nobody can read sriov_numvfs."""

    class StuckHost(FakeHost):
        def called(self, call: str, path: str) -> None:
            assert not path.endswith("sriov_numvfs"), call

    host = StuckHost(tmp_path / "host")
    sriov_host(host)
    settings = dict(enumerate(settings_of(*[MAC] * 4)))
    answer = message(16, link(2, b"ens1f0", vfs=vf_list(settings)), 3) + message(2, bytes(4), 3)
    found, _ = told(host, [link(2, b"ens1f0")], [], answer)
    assert (len(found["ens1f0"].vfs), found["ens1f0"].trouble) == (4, None)
    assert read_physical_functions(host.root)[0].num_vfs == 4
