# SPDX-License-Identifier: Apache-2.0
"""The sentences on a broker that is away, refuses, or does not speak AMQP."""

import contextlib
import socket
import ssl
import struct
import subprocess
from pathlib import Path
from typing import Any

import amqp
import pytest

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.refusals import describe, explain
from irqaffinity.model.text import LONGEST

NODES = (BrokerHost("a", 5672, "nova", "s3cr@t"), BrokerHost("b", 5672, "guest", "guest"), BrokerHost("c", 1, "x", ""))
DOWN = "home node 'rabbit@b' of durable queue 'irqaffinity-relay' in vhost '/' is down or inaccessible"
"""What another node of the cluster says."""


def broker(**fields: Any) -> Broker:
    return Broker(NODES, "/nova", "nova", ("versioned_notifications.info",), **fields)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (amqp.NotFound("no exchange 'nova'"), "the exchange nova is not there; Nova makes it: "),
        (amqp.NotFound(f"NOT_FOUND - {DOWN}"), f"NotFound: NOT_FOUND - {DOWN}; start the broker, or mend"),
        (amqp.AccessRefused("login refused"), "access refused (AccessRefused: login refused): mend user and password"),
        (amqp.NotAllowed("vhost nova not found"), "not allowed (NotAllowed: vhost nova not found): mend the virtual"),
        (amqp.ConsumerCancelled("x"), "the queue was deleted; it is made anew"),
        (OSError(113, "No route to host"), "OSError: [Errno 113] No route to host; start the broker, or mend"),
        (TimeoutError(), "TimeoutError; start the broker, or mend transport_url"),
        (FileNotFoundError(2, "No such file"), "FileNotFoundError: [Errno 2] No such file; start the broker"),
        (struct.error("too short"), "error: too short; what answers there speaks no AMQP 0-9-1: mend host and port"),
        (KeyError(77), "KeyError: 77; what answers there"),
        (RecursionError("deep"), "RecursionError: deep; what answers there"),
        (amqp.ConnectionForced("a\nb\x1b[2J"), r"ConnectionForced: a\x0ab\x1b[2J; start the broker"),
        (amqp.AccessRefused("\ud800 of s3cr@t"), r"access refused (AccessRefused: \xd800 of ***): "),
        (amqp.AccessRefused("refused for user 'guest'"), "access refused (AccessRefused: refused for user 'guest')"),
    ],
)
def test_what_is_said_of_a_refusal(error: BaseException, expected: str) -> None:
    assert explain(error, broker()).startswith(expected)


def test_what_a_relay_has_to_have_made_is_said_to_be_its_own() -> None:
    said = explain(amqp.NotFound("no exchange 'irqaffinity-hosts'"), broker(), from_relay=True)
    assert said == (
        "the exchange irqaffinity-hosts is not there, for no relay has run yet: start irqaffinity relay, or mend "
        "[notifications] source"
    )
    said = explain(amqp.AccessRefused("read access refused"), broker(), from_relay=True)
    assert said.endswith(": mend user and password or the right to read irqaffinity-hosts")


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example.org", ".a"])
def test_a_name_that_no_host_has_is_said_to_be_none(name: str) -> None:
    with pytest.raises(UnicodeError) as caught:
        socket.getaddrinfo(name, 5672)
    assert explain(caught.value, broker()) == "the node's name cannot be one of a host: mend transport_url"


def test_words_that_are_no_text_are_shown_all_the_same() -> None:
    with pytest.raises(UnicodeDecodeError) as caught:
        b"away \xff".decode()
    assert describe(caught.value) == r"UnicodeDecodeError: away \xff"


@pytest.mark.parametrize("kind", [amqp.AccessRefused, amqp.NotAllowed, amqp.ConnectionForced, amqp.UnexpectedFrame])
@pytest.mark.parametrize("text", ["x" * 100_000, "\x1b" * 255])
def test_words_without_end_leave_room_for_the_next_step(kind: type[Exception], text: str) -> None:
    for from_relay in (False, True):
        said = explain(kind(text), broker(), from_relay=from_relay)
        assert len(said) <= LONGEST - len("[2001:db8:1111:2222::1]:5672: ")
        assert "…" in said
        assert said.partition("…")[2].count("mend") == 1


FILES = {"certfile": "/etc/c.pem", "keyfile": "/etc/k.pem", "ca_certs": "/etc/ca.pem"}
NAMED = "ssl_ca_file /etc/ca.pem, ssl_cert_file /etc/c.pem, ssl_key_file /etc/k.pem"


@pytest.mark.parametrize(
    ("tls", "named"),
    [(FILES, NAMED), ({"certfile": "c", "keyfile": None}, "ssl_cert_file c"), ({}, "ssl_ca_file, which is not set")],
)
@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            ssl.SSLError(1, "wrong version number"),
            "see {} in [oslo_messaging_rabbit], and whether the broker speaks TLS on that port",
        ),
        (FileNotFoundError(2, "No such file"), "see {}"),
    ],
)
def test_errors_of_tls_name_the_files(tls: dict[str, str], named: str, error: OSError, advice: str) -> None:
    said = explain(error, broker(tls=tls))
    assert advice.format(named) in said


def test_the_errors_of_ssl_itself_are_known(tmp_path: Path) -> None:
    """Its own errors are what they are taken for: no file is named in them."""
    (tmp_path / "not-pem").write_text("x")
    context = ssl.create_default_context()
    for file, kind in (("missing", FileNotFoundError), ("not-pem", ssl.SSLError)):
        with pytest.raises(kind) as caught:
            context.load_verify_locations(tmp_path / file)
        assert file not in str(caught.value)
        said = explain(caught.value, broker(tls={"ca_certs": str(tmp_path / file)}))
        assert f"see ssl_ca_file {tmp_path / file} in [oslo_messaging_rabbit]" in said


def test_the_network_is_no_matter_of_tls() -> None:
    said = explain(ConnectionRefusedError(111, "refused"), broker(tls=FILES))
    assert said == "ConnectionRefusedError: [Errno 111] refused; start the broker, or mend transport_url"


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificate(folder: Path, name: str, *, days: str) -> None:
    """Make a certificate that an authority of its own, `ca.pem`, has signed, for one name."""
    key = ("-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key")
    usage = ("-addext", "keyUsage=critical,keyCertSign")  # Python 3.13 asks for it
    openssl(folder, "req", "-x509", *key, *usage, "-subj", "/CN=ca", "-days", "2", "-out", "ca.pem")
    request = ("-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-subj", "/CN=x", "-out", "csr.pem")
    openssl(folder, "req", *request)
    (folder / "names").write_text(f"subjectAltName = {name}\nauthorityKeyIdentifier = keyid\n")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", days)
    openssl(folder, "x509", "-req", "-in", "csr.pem", *signing, "-out", "cert.pem")


def shake_hands(folder: Path, tls: dict[str, Any]) -> None:
    """Have a client speak to a server that shows the certificate; it raises what kombu would see."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    client = ssl.create_default_context(cafile=tls.get("ca_certs"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(outgoing, incoming, server_side=True)
    ours = client.wrap_bio(incoming, outgoing, server_hostname="broker.example.org")
    for _ in range(4):
        with contextlib.suppress(ssl.SSLWantReadError):
            ours.do_handshake()
        with contextlib.suppress(ssl.SSLWantReadError):
            theirs.do_handshake()


@pytest.mark.parametrize(
    ("name", "days", "authority", "told"),
    [
        ("DNS:other.example.org", "2", "ca.pem", "it is for another name: write a name of the certificate in"),
        ("DNS:broker.example.org", "-1", "ca.pem", "it has expired, or an authority above it has: renew it"),
        ("DNS:broker.example.org", "2", None, "none of the system's authorities has signed it: set ssl_ca_file in"),
        ("DNS:broker.example.org", "2", "other.pem", "no authority in {}/other.pem has signed it: mend ssl_ca_file in"),
    ],
    ids=["name", "expired", "no-authority", "other-authority"],
)
def test_what_is_wrong_with_a_certificate_is_said(
    name: str, days: str, authority: str | None, told: str, tmp_path: Path
) -> None:
    make_certificate(tmp_path, name, days=days)
    openssl(
        tmp_path,
        *[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "other.key",
            "-subj",
            "/CN=o",
            "-days",
            "2",
            "-out",
            "other.pem",
        ],
    )
    tls = {} if authority is None else {"ca_certs": str(tmp_path / authority)}
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake_hands(tmp_path, tls)
    said = explain(caught.value, broker(tls=tls))
    assert said.startswith(f"its certificate is refused: {told.format(tmp_path)}")
    assert "start the broker" not in said


def test_a_certificate_of_tomorrow_and_what_openssl_may_say_some_day_are_told_too() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 9, "certificate is not yet valid"
    assert explain(error, broker(tls=FILES)).endswith("compare the clocks of this host and the broker")
    error.verify_code, error.verify_message = 79, "invalid CA certificate\x1b"
    assert r"refused: invalid CA certificate\x1b: renew it, or mend ssl_ca_file" in explain(error, broker(tls=FILES))


def test_a_name_without_an_address_and_a_port_with_or_without_tls_are_told() -> None:
    said = explain(socket.gaierror(-2, "Name or service not known"), broker())
    assert (
        said == "its name has no address (Name or service not known): mend it in transport_url, or the host's resolver"
    )
    assert explain(ConnectionResetError(104, "reset"), broker()).endswith("set ssl in [oslo_messaging_rabbit]")
    client, server = socket.socketpair()
    with client, server:
        server.sendall(b"AMQP\0\0\x09\x01")
        with pytest.raises(ssl.SSLError) as caught:
            ssl.create_default_context().wrap_socket(client, server_hostname="broker")
    assert "it speaks no TLS on that port: mend the port" in explain(caught.value, broker(tls=FILES))
