# SPDX-License-Identifier: Apache-2.0
"""Settings of virtual functions as they reach the kernel: its own answers, and each message read byte by byte.

A veth has no virtual functions: the kernel reads such a message to its end, and then says that it has no support.
"""

import errno
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.apply.vf_settings import Answer, judge
from irqaffinity.model.declared import ATTRIBUTES, Made, Setting, Value
from irqaffinity.model.sriov import LinkState
from tests.patience import HANG

PROGRAM = """
import json, socket, sys

sent = []

def kept(name):
    send = getattr(socket.socket, name)
    def call(self, data, *rest):
        sent.append(b"".join(data) if name == "sendmsg" else bytes(data))
        return send(self, data, *rest)
    return call

from irqaffinity.apply.vf_settings import NetlinkVfWriter
from irqaffinity.model.declared import Setting
from irqaffinity.model.sriov import LinkState
from pyroute2 import IPRoute

with IPRoute() as kernel:
    if "missing" not in sys.argv:
        kernel.link("add", ifname="port", kind="veth", peer="peer")
index = 77 if "missing" in sys.argv else socket.if_nametoindex("port")
if "drop" in sys.argv:
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capset(header, data) == 0
for name in ("send", "sendto", "sendmsg"):
    setattr(socket.socket, name, kept(name))
found = []
writer = NetlinkVfWriter()
for vf, values in json.load(sys.stdin):
    sent.clear()
    asked = {Setting(name): LinkState(value) if isinstance(value, str) else value for name, value in values}
    answer = writer.write(index, vf, asked)
    found.append([answer.made.value, answer.message, [message.hex() for message in sent]])
writer.close()
print(json.dumps([index, found]))
"""

Case = tuple[int, dict[Setting, Value]]


def _values(setting: Setting) -> st.SearchStrategy[Value]:
    if setting is Setting.LINK_STATE:
        return st.sampled_from(LinkState)
    if setting in (Setting.TRUST, Setting.SPOOFCHK):
        return st.booleans()
    return st.integers(0, {Setting.VLAN: 4094, Setting.QOS: 7}.get(setting, 2**32 - 1))


CASES = st.tuples(
    st.integers(0, 255),
    st.one_of(*(st.fixed_dictionaries({each: _values(each) for each in pair}) for pair in ATTRIBUTES)),
)

FORMS = {
    2: (Setting.VLAN, Setting.QOS),
    4: (Setting.SPOOFCHK,),
    5: (Setting.LINK_STATE,),
    6: (Setting.MIN_TX_RATE, Setting.MAX_TX_RATE),
    9: (Setting.TRUST,),
}
"""The types of enum ifla_vf_info in linux/if_link.h, with the numbers that follow that of the function in each."""

LINKS = {LinkState.AUTO: 0, LinkState.ENABLE: 1, LinkState.DISABLE: 2}


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3FFF, data[4:length]
        data = data[length + 3 & ~3 :]


def read_message(message: bytes) -> tuple[int, int, Case]:
    """Return the kind of a message, the index of its netdev, and the one attribute that it has."""
    length, kind, flags = struct.unpack_from("=IHH", message)
    assert (length, flags & 0x5) == (len(message), 0x5), "a request that asks for an answer"
    index, change = struct.unpack_from("=4xi4xI", message, 16)
    assert change == 0, "it changes no flag of the netdev"
    ((outer, listed),) = attributes(message[32:])
    ((inner, info),) = attributes(listed)
    ((what, body),) = attributes(info)
    assert (outer, inner) == (22, 1), "IFLA_VFINFO_LIST has one IFLA_VF_INFO"
    vf, *numbers = struct.unpack(f"={len(body) // 4}I", body)
    values: dict[Setting, Value] = dict(zip(FORMS[what], numbers, strict=True))
    return kind, index, (vf, values)


def run(cases: list[Case], *words: str) -> Any:
    """Write the cases in a network namespace of their own; return the index of the netdev, and what came of each."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare: install util-linux")
    asked = [
        (vf, [(name.value, value.value if isinstance(value, LinkState) else value) for name, value in values.items()])
        for vf, values in cases
    ]
    command = ["unshare", "--net", "--map-root-user", sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=HANG, check=False)
    if "unshare failed" in done.stderr:
        pytest.skip(f"this machine gives no network namespace: {done.stderr.strip()}")
    assert not done.stderr
    return json.loads(done.stdout)


def plain(case: Case) -> Case:
    vf, values = case
    return vf, {
        name: LINKS[value] if isinstance(value, LinkState) else int(value or 0) for name, value in values.items()
    }


@settings(max_examples=3, deadline=None)
@given(st.lists(CASES, min_size=20, max_size=40))
def test_each_setting_reaches_the_kernel_as_one_attribute_that_it_understands(cases: list[Case]) -> None:
    index, found = run(cases)
    for case, (made, message, sent) in zip(cases, found, strict=True):
        assert (made, message) == ("unsupported", "the driver does not support it")
        (written,) = sent
        kind, of, read = read_message(bytes.fromhex(written))
        assert kind in (16, 19), "RTM_NEWLINK or RTM_SETLINK"
        assert (of, read) == (index, plain(case))


def test_each_setting_has_a_form() -> None:
    assert set(FORMS.values()) == set(ATTRIBUTES)


def test_without_the_right_to_do_it_the_right_is_named() -> None:
    _, ((made, message, _),) = run([(0, {Setting.TRUST: True})], "drop")
    assert (made, message) == ("failed", "it needs CAP_NET_ADMIN in the host's network namespace: run it as root")


def test_a_netdev_that_has_gone() -> None:
    _, ((made, message, _),) = run([(0, {Setting.TRUST: True})], "missing")
    assert (made, message) == ("failed", "the kernel refused it: No such device")


@pytest.mark.parametrize(
    ("code", "words", "answer"),
    [
        (errno.EOPNOTSUPP, None, Answer(Made.UNSUPPORTED, "the driver does not support it")),
        (
            errno.EPERM,
            "Operation not permitted",
            Answer(Made.FAILED, "it needs CAP_NET_ADMIN in the host's network namespace: run it as root"),
        ),
        (errno.EBUSY, None, Answer(Made.FAILED, "the kernel refused it: Device or resource busy")),
        (
            errno.EINVAL,
            "VLAN 7 is taken\n by \x1b[31mVF 3",
            Answer(
                Made.FAILED,
                "the kernel refused it: Invalid argument (VLAN 7 is taken\\x0a by \\x1b[31mVF 3)",
            ),
        ),
        (errno.EINVAL, "Invalid argument", Answer(Made.FAILED, "the kernel refused it: Invalid argument")),
    ],
)
def test_what_an_error_means(code: int, words: str | None, answer: Answer) -> None:
    assert judge(code, words) == answer
