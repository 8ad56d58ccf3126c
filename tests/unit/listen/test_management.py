# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ's management as one that means no good: what it says is bounded, and neither that nor the password shown."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from irqaffinity.listen import management
from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.broker_limits import Limits
from irqaffinity.listen.broker_policy import BrokerPolicy
from irqaffinity.listen.management import Management, QueueFacts, Unreadable
from irqaffinity.listen.queue_look import Look
from tests.fakes.broker import PASSWORD, USER, hostile
from tests.functional.agent import wait_for
from tests.patience import HANG

EVIL = b"\x1b[2J\nqueue ok forged \xe2\x80\xae " + PASSWORD.encode()
QUEUE = "versioned_notifications.info"


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def managed(
    monkeypatch: pytest.MonkeyPatch, treat: Callable[[socket.socket], None], **changes: object
) -> Iterator[Management]:
    """Give the management of a broker whose port of it treats each connection so."""
    with hostile(treat) as server:
        monkeypatch.setattr(management, "PORT", server.port)
        monkeypatch.setattr(management, "TLS_PORT", server.port)
        node = BrokerHost("127.0.0.1", 5672, USER, PASSWORD)
        broker = replace(Broker((node,), "no/va", "nova", ()), **changes)  # type: ignore[arg-type]
        yield Management(broker, node)


def saying(data: bytes, asked: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    def treat(peer: socket.socket) -> None:
        asked_now = peer.recv(65536)
        if asked is not None:
            asked.append(asked_now)
        peer.sendall(data)

    return treat


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (answer(b"{" + EVIL), "its answer is no JSON"),
        (answer(b"[" * 100_000), "its answer is no JSON"),
        (answer(b'"' + b"x" * 20 + b'"'), "its answer is no list of policies"),
        (answer(b"[" + b" " * (1 << 20) + b"]"), "its answer is too large"),
        (answer(EVIL, "401 Unauthorized"), "it refuses this account, which lacks the tag management"),
        (answer(EVIL, "403 Forbidden"), "it refuses this account"),
        (answer(EVIL, "302 Found", "Location: http://127.0.0.1:1/"), "it answers with status 302"),
        (answer(EVIL, "500 " + "x" * 100), "it answers with status 500"),
        (b"SSH-2.0-OpenSSH\r\n" + EVIL, "BadStatusLine"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500, "HTTPException"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[", "its answer is no JSON"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "IncompleteRead"),
        (b"", "RemoteDisconnected"),
    ],
)
def test_what_is_no_answer_is_one_clean_line(monkeypatch: pytest.MonkeyPatch, data: bytes, why: str) -> None:
    with managed(monkeypatch, saying(data)) as asked, pytest.raises(Unreadable, match=why) as caught:
        asked.policies()
    said = str(caught.value)
    assert said.startswith("RabbitMQ's management at 127.0.0.1, port ")
    assert said.isprintable()
    assert PASSWORD not in said
    assert "forged" not in said


def test_one_that_says_nothing_or_speaks_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def stay(peer: socket.socket) -> None:
        while peer.recv(65536):
            pass

    monkeypatch.setattr(management, "_TIMEOUT", 0.2)
    monkeypatch.setattr(management, "_DEADLINE", HANG)
    with managed(monkeypatch, stay) as asked, pytest.raises(Unreadable, match="does not answer in time"):
        asked.policies()

    def drip(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:  # until the other side has had enough
            peer.sendall(b" ")
            time.sleep(0.02)

    monkeypatch.setattr(management, "_TIMEOUT", HANG)
    monkeypatch.setattr(management, "_DEADLINE", 0.5)
    with managed(monkeypatch, drip) as asked, pytest.raises(Unreadable):
        asked.policies()
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    wait_for("the end of what watched over them", lambda: not any(timer.is_alive() for timer in timers))


def test_the_question_names_virtual_host_and_queue_and_no_proxy_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    asked: list[bytes] = []
    with managed(monkeypatch, saying(answer(b"[]"), asked)) as found:
        assert found.policies() == ()
    with managed(monkeypatch, saying(answer(b"{}"), asked)) as found:
        assert found.queue("a/b") == QueueFacts()
    with managed(monkeypatch, saying(answer(b"{}", "404 Not Found"))) as found:
        assert found.queue("a/b") is None
    assert [line.split(b" ")[1] for line in asked] == [b"/api/policies/no%2Fva", b"/api/queues/no%2Fva/a%2Fb"]


def test_fields_of_other_types_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'[1, {"name": 5, "pattern": null, "priority": "9", "definition": [], "apply-to": {}}]'
    with managed(monkeypatch, saying(answer(body))) as asked:
        assert asked.policies() == (BrokerPolicy("5", "None", 0, "{}", {}),)
    with managed(monkeypatch, saying(answer(b'{"type": 1, "policy": 2, "arguments": 3}'))) as asked:
        assert asked.queue("q") == QueueFacts()


def test_the_password_goes_out_with_tls_alone_where_the_broker_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[bytes] = []

    def listen(peer: socket.socket) -> None:
        got.append(peer.recv(65536))

    with managed(monkeypatch, listen, tls={}) as asked, pytest.raises(Unreadable):
        asked.policies()
    assert got[0][:1] == b"\x16"  # a TLS handshake
    assert b"Authorization" not in got[0]


def make_certificate(folder: Path, name: str, address: str) -> None:
    """Make NAME.pem, a certificate for an address that is its own authority, and NAME.key."""
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
    subject = ["-subj", "/CN=broker", "-addext", f"subjectAltName=IP:{address}"]
    subprocess.run([*request, *files, *subject], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("authority", "certificate", "is_trusted"), [("own", "own", True), ("other", "own", False), ("far", "far", False)]
)
def test_the_password_goes_to_none_whose_certificate_is_not_the_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: str, certificate: str, is_trusted: bool
) -> None:
    for name, address in (("own", "127.0.0.1"), ("other", "127.0.0.1"), ("far", "192.0.2.1")):
        make_certificate(tmp_path, name, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / f"{certificate}.pem", tmp_path / f"{certificate}.key")
    asked: list[bytes] = []

    def treat(peer: socket.socket) -> None:
        try:
            with context.wrap_socket(peer.dup(), server_side=True) as secured:
                saying(answer(b"[]"), asked)(secured)
        except ssl.SSLError:
            return

    tls = {"ca_certs": str(tmp_path / f"{authority}.pem"), "cert_reqs": ssl.CERT_REQUIRED}
    with managed(monkeypatch, treat, tls=tls) as found:
        if is_trusted:
            assert found.policies() == ()
        else:
            with pytest.raises(Unreadable, match="CERTIFICATE_VERIFY_FAILED"):
                found.policies()
    assert any(b"Authorization: Basic" in question for question in asked) == is_trusted


def test_an_account_without_a_password_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    external = managed(monkeypatch, saying(b""), login_method="EXTERNAL")
    with external as asked, pytest.raises(Unreadable, match="has no password"):
        asked.policies()


def test_what_it_says_of_names_and_keys_forges_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    policies = (
        b'[{"name": "a\\u001b[2J\\nb", "pattern": "", "apply-to": "all", "definition": {"\\n\\u202e": "\\u001b"}}]'
    )
    limited = policies.replace(b"\\n\\u202e", b"message-ttl").replace(b'"\\u001b"', b"5000")
    bodies = [policies, b"{}", limited, b"{}"]

    def treat(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(answer(bodies.pop(0)))

    with managed(monkeypatch, treat) as asked:
        finding = Limits(asked, "no/va").of_nova(QUEUE, Look(messages=3))
        named = Limits(asked, "no/va").of_nova(QUEUE, Look(messages=3))
    assert named.is_ok
    assert r"limited by the policy a\x1b[2J\x0ab (priority 0): kept 5 s" in named.text
    assert not finding.is_ok
    assert finding.text.isprintable()
    assert "rabbitmqctl set_policy -p no/va --priority 1 --apply-to queues versioned-notifications" in finding.text
