# SPDX-License-Identifier: Apache-2.0
"""Questions over rtnetlink, with answers that the kernel gives, and such as it should not give."""

import errno
import struct
from collections.abc import Iterable
from typing import Any

import pytest

from irqaffinity.observe.rtnetlink import Rtnetlink, attribute, attributes
from tests.fakes.rtnetlink import FakeSocket, message

_ERROR, _DONE, _NEW_LINK, _GET_LINK = 2, 3, 16, 18
_INTERRUPTED = 0x10
END = message(_DONE, bytes(4))


def asked(packets: Iterable[bytes], port: int = 0, sequences: int = 0) -> tuple[Rtnetlink, FakeSocket]:
    opened: Any = FakeSocket(packets, port)
    kernel = Rtnetlink(open_socket=lambda: opened)
    kernel._sequence = sequences
    return kernel, opened


def test_a_list_comes_in_any_number_of_packets_until_its_end() -> None:
    kernel, opened = asked([message(_NEW_LINK, b"one") + message(_NEW_LINK, b"two"), message(_NEW_LINK, b"3"), END])
    with kernel:
        assert kernel.dump(_GET_LINK, b"body") == [b"one", b"two", b"3"]
    assert (opened.is_closed, opened.sent) == (True, [struct.pack("=IHHII", 20, 18, 0x301, 1, 0) + b"body"])


def test_one_thing_comes_before_its_acknowledgement() -> None:
    kernel, opened = asked([message(_NEW_LINK, b"one"), message(_ERROR, bytes(4))])
    assert kernel.get(_GET_LINK, b"") == b"one"
    assert struct.unpack_from("=IHH", opened.sent[0])[2] == 0x5
    kernel, _ = asked([message(_ERROR, bytes(4))])
    with pytest.raises(OSError, match="No data available"):
        kernel.get(_GET_LINK, b"")


@pytest.mark.parametrize("kind", [_ERROR, _DONE])
def test_the_errors_of_the_kernel_are_raised(kind: int) -> None:
    kernel, _ = asked([message(kind, struct.pack("=i", -errno.EMSGSIZE))])
    with pytest.raises(OSError, match="Message too long"):
        kernel.dump(_GET_LINK, b"")


def test_a_list_that_changed_meanwhile_is_asked_for_again_but_not_for_ever() -> None:
    def answers(times: int) -> Iterable[bytes]:
        for number in range(1, times + 1):
            yield message(_NEW_LINK, b"old", number, _INTERRUPTED) + message(_DONE, bytes(4), number)
        yield message(_NEW_LINK, b"new", times + 1) + message(_DONE, bytes(4), times + 1)

    for times, told in ((1, b"new"), (2, b"new"), (9, b"old")):
        kernel, opened = asked(answers(times))
        assert kernel.dump(_GET_LINK, b"") == [told]
        assert len(opened.sent) == min(times + 1, 3)


def test_answers_to_another_question_and_of_other_programs_count_for_nothing() -> None:
    late = message(_NEW_LINK, b"late", 7) + message(_DONE, bytes(4), 7)
    kernel, _ = asked([late, message(_NEW_LINK, b"own", 8) + message(_DONE, bytes(4), 8)], sequences=7)
    assert kernel.dump(_GET_LINK, b"") == [b"own"]
    kernel, _ = asked([message(_NEW_LINK, b"forged"), END], port=4711)
    with pytest.raises(TimeoutError):
        kernel.dump(_GET_LINK, b"")


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (struct.pack("=IHHII", 15, 16, 0, 1, 0), "Bad message"),
        (struct.pack("=IHHII", 99, 16, 0, 1, 0), "Bad message"),
        (bytes((1 << 20) + 1), "Message too long"),
    ],
)
def test_a_packet_that_cannot_be_is_refused(packet: bytes, told: str) -> None:
    kernel, _ = asked([packet])
    with pytest.raises(OSError, match=told):
        kernel.dump(_GET_LINK, b"")


def test_a_kernel_that_does_not_answer_is_left() -> None:
    kernel, opened = asked([message(_NEW_LINK, b"one")])
    with pytest.raises(TimeoutError), kernel:
        kernel.dump(_GET_LINK, b"")
    assert opened.is_closed
    with pytest.raises(TimeoutError), Rtnetlink(patience=0) as real:
        real.dump(_GET_LINK, bytes(16))


def test_attributes_are_read_as_they_are_written_and_end_where_they_are_cut() -> None:
    data = b"head" + attribute(3, b"lo\0") + attribute(0x8000 | 22, b"nested") + attribute(3, b"eth0\0")
    assert attributes(data, 4) == {3: b"eth0\0", 22: b"nested"}
    assert attributes(data[:-6], 4) == {3: b"et", 22: b"nested"}
    assert attributes(b"\3\0\1\0", 0) == {}
    assert attributes(b"\4", 0) == {}
