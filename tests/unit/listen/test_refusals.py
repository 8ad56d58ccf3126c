# SPDX-License-Identifier: Apache-2.0
"""What is said of a broker that is away, refuses, or sends what is no AMQP."""

import socket
import ssl
import struct
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
            ssl.SSLCertVerificationError(1, "certificate verify failed"),
            "see {} in [oslo_messaging_rabbit], and whether the certificate has the name in",
        ),
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
