# SPDX-License-Identifier: Apache-2.0
"""A hostile broker: the check prints clean lines on it, and a listener outlives it."""

import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irqaffinity.listen import connection
from irqaffinity.listen.broker_check import Local, check_broker
from irqaffinity.listen.notifications import NotificationListener
from irqaffinity.listen.queue import WakeQueue, Wakes
from irqaffinity.listen.retry import Retry
from irqaffinity.model.finding import Finding
from tests.fakes.broker import CONSUMING, PASSWORD, STEPS, HostileBroker, close, frame, hostile, method, speak
from tests.patience import HANG, Patience

MACHINE = "0" * 32
TEXT = b"\x1b[2J\rbroker ok\nqueue ok \xe2\x80\xae " + PASSWORD.encode()
DELIVERY = (60, 60)

MOST_KB = 65536
"""What any number of hostile brokers may add to the memory of a process: a frame of theirs may claim 2 GiB."""

Treat = Callable[[socket.socket], None]


def say(step: str, data: bytes = b"", *, stays: bool = False) -> Treat:
    """Return a broker that says something instead of the next step, and then closes or stands still."""

    def treat(peer: socket.socket) -> None:
        speak(peer, step)
        peer.sendall(data)
        if stays:
            while peer.recv(65536):
                pass

    return treat


def ends(step: str) -> Iterator[tuple[str, Treat]]:
    """Give what a broker may do that ends a connection at once."""
    delivery = method(DELIVERY, b"\x01t" + bytes(9) + b"\x00\x00", 1)
    header = struct.pack(">HHQ", 60, 0, 10) + bytes(2)
    for name, data in {
        "it closes": b"",
        "a web page": b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n" * 10,
        "any bytes": bytes(range(256)) * 20,
        "a frame with a wrong end": frame(1, 0, bytes(4))[:-1] + b"\x00",
        "a frame of 2 GiB": struct.pack(">BHI", 1, 0, 0x7FFFFFFF) + b"x" * 100,
        "an empty method": frame(1, 0, b""),
        "an unknown method": method((99, 99)),
        "a method on an unknown channel": method((20, 11), bytes(4), 77),
        "a hostile farewell": close(TEXT),
        "a farewell that is no text": close(b"\xff\xfe" + TEXT),
        "a refusal": close(TEXT, 403),
        "a body of nothing": frame(3, 1, b"x"),
        "a body without a header": delivery + frame(3, 1, b"x"),
        "two headers": delivery + frame(2, 1, header) * 2,
        "a body on another channel": delivery + frame(2, 1, header) + frame(3, 2, b"x"),
        "a body that is too large": delivery + frame(2, 1, header) + frame(3, 1, bytes(11)),
        "a header cut short": delivery + frame(2, 1, header[:5]),
        "a delivery cut short": method(DELIVERY, b"\xff", 1),
        "a delivery on an unknown channel": method(DELIVERY, b"\x01t" + bytes(11), 7) + frame(2, 7, bytes(14)),
    }.items():
        yield f"{step}, then {name}", say(step, data)


def treatments() -> Iterator[tuple[str, Treat]]:
    for step in STEPS:
        yield from ends(step)
        yield f"{step}, then it stands still", say(step, stays=True)
        yield f"{step}, then it stands still within a frame", say(step, frame(1, 0, bytes(100))[:20], stays=True)
    yield "channel, then its hostile end", say("channel", close(TEXT, 404, channel=1), stays=True)
    yield "channel, then its end that is no text", say("channel", close(b"\xff" + TEXT, 403, channel=1), stays=True)


TREATMENTS = dict(treatments())


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers late is waited for, also on a busy machine."""
    wait_no_longer_than(HANG, monkeypatch)
    monkeypatch.setattr("kombu.connection.retry_over_time", lambda make, *_arguments, **_options: make())


def wait_no_longer_than(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up what stands still after so many seconds."""
    monkeypatch.setattr(connection, "_CONNECT_TIMEOUT", seconds)
    monkeypatch.setattr(connection, "_ANSWER_TIMEOUT", seconds)


def check(broker: HostileBroker) -> list[Finding]:
    return list(check_broker(broker.settings, Local(("cmp-1",), MACHINE, has_agent=True)))


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_a_check_of_it_is_told_on_clean_lines(treatment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_no_longer_than(0.3, monkeypatch)
    with hostile(TREATMENTS[treatment]) as broker:
        findings = check(broker)
    assert not findings[-1].is_ok
    for finding in findings:
        assert finding.text.isprintable()
        assert PASSWORD not in finding.text
        assert finding.subject in ("broker", "exchange", "queue")


def test_a_frame_that_is_too_large_is_not_read() -> None:
    """It is known by its header: what follows is left where it is, though it comes."""
    sent = []

    def treat(peer: socket.socket) -> None:
        speak(peer, "start")
        peer.sendall(struct.pack(">BHI", 1, 0, connection.LARGEST_FRAME + 1))
        with contextlib.suppress(OSError):
            while sum(sent) <= connection.LARGEST_FRAME:
                sent.append(peer.send(bytes(65536)))

    with hostile(treat) as broker:
        (finding,) = check(broker)
    assert f"a frame of {connection.LARGEST_FRAME + 1} bytes; what answers there speaks no AMQP 0-9-1" in finding.text
    assert sum(sent) <= connection.LARGEST_FRAME


def test_the_words_of_a_broker_are_shown_with_the_next_step() -> None:
    with hostile(say("start", close(TEXT, 403), stays=True)) as broker:
        port = broker.port
        (finding,) = check(broker)
    shown = r"AccessRefused: \x1b[2J\x0dbroker ok\x0aqueue ok \x202e ***"
    advice = "mend user and password in transport_url, or the user's permissions"
    assert finding.text == f"127.0.0.1:{port}: access refused ({shown}): {advice}"
    with hostile(say("start", close(b"\xff\xfeaway"), stays=True)) as broker:
        (finding,) = check(broker)
    assert r"UnicodeDecodeError: \xff\xfeaway; " in finding.text


def memory(field: str) -> int:
    """Return a size of this process, in kB."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields[field].split()[0])


def test_a_listener_outlives_it(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Each connection is treated otherwise than the one before, and the next one is tried all the same."""
    caplog.set_level(logging.DEBUG, "irqaffinity")
    monkeypatch.setattr(Retry, "failed", lambda _retry: 0.0)
    lost = dict(ends(CONSUMING))
    wait_no_longer_than(0.3, monkeypatch)
    patiently: Treat = lambda _peer: wait_no_longer_than(HANG, monkeypatch)  # noqa: E731
    waiting = [*TREATMENTS.values(), patiently, *lost.values()]
    is_over = threading.Event()

    def treat(peer: socket.socket) -> None:
        if waiting:
            waiting.pop(0)(peer)
        else:
            is_over.set()

    queue = WakeQueue()
    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory is counted anew
    before = memory("VmRSS")
    with hostile(treat) as broker:
        listener = NotificationListener(broker.settings, "cmp-1", MACHINE, queue, lambda: ())
        thread = threading.Thread(target=listener.run)
        thread.start()
        assert is_over.wait(HANG)
        assert thread.is_alive()
        listener.stop()
        thread.join(HANG)
        assert not thread.is_alive()
    assert listener.link.losses == len(lost)
    assert queue.take(0) == Wakes(everything=True)
    assert memory("VmHWM") - before < MOST_KB
    assert all(message.isprintable() and PASSWORD not in message for message in caplog.messages)


def test_a_connection_that_failed_is_closed_at_once() -> None:
    ended = threading.Event()

    def treat(peer: socket.socket) -> None:
        say("start", close(b"\xff"))(peer)
        while peer.recv(65536):
            pass
        ended.set()

    with hostile(treat) as broker:
        check(broker)
        patience = Patience(60.0)
        while not ended.wait(0.1):
            assert not patience.is_over()


def test_a_listener_ends_while_a_broker_stands_still_within_a_message() -> None:
    part = method(DELIVERY, b"\x01t" + bytes(11), 1) + frame(2, 1, struct.pack(">HHQ", 60, 0, 10) + bytes(2))[:9]
    with hostile(say(CONSUMING, part, stays=True)) as broker:
        listener = NotificationListener(broker.settings, "cmp-1", MACHINE, WakeQueue(), lambda: ())
        thread = threading.Thread(target=listener.run)
        thread.start()
        patience = Patience(60.0)
        while not listener.link.state.is_up:
            assert not patience.is_over()
        listener.stop()
        thread.join(HANG)
        assert not thread.is_alive()
