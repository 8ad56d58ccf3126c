# SPDX-License-Identifier: Apache-2.0
"""Explains why a broker is away, refuses, or does not speak AMQP: one clean line with the next step."""

import errno
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import amqp
import amqp.exceptions
import kombu.exceptions

from irqaffinity.listen.broker import Broker
from irqaffinity.listen.names import HOSTS_EXCHANGE
from irqaffinity.model.text import clean

FAILURES: tuple[type[BaseException], ...] = (
    *amqp.Connection.connection_errors,
    *amqp.Connection.channel_errors,
    kombu.exceptions.KombuError,
    OSError,
)
"""The errors of a broker that is away or refuses. A server that does not speak AMQP may cause any other error."""

_TLS_FILES = {"ca_certs": "ssl_ca_file", "certfile": "ssl_cert_file", "keyfile": "ssl_key_file"}
_FILE_ERRORS = frozenset({errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})

_EXPIRED, _NOT_YET = 10, 9
_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})
"""OpenSSL's numbers for what is wrong with a certificate (openssl/x509_vfy.h)."""

_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST"})
_HIDDEN = "***"
_LONGEST = 120
"""The most characters of a broker's words: the line has to leave room for the next step."""

_QUEUE = "queue '"
"""These words tell a missing queue, whose node in the cluster is down, from a missing exchange."""

_NO_NOVA = "the exchange {} is not there; Nova makes it: wait for Nova, or mend [notifications] exchange"
_NO_RELAY = (
    f"the exchange {HOSTS_EXCHANGE} is not there, for no relay has run yet: start irqaffinity relay, or mend "
    "[notifications] source"
)


def explain(error: BaseException, broker: Broker, *, from_relay: bool = False) -> str:
    """Return what is wrong, and the next step; the exchange is Nova's, or that of the relays."""
    words = describe(error, {node.password for node in broker.hosts if node.password != node.user} - {""})
    if isinstance(error, amqp.exceptions.NotFound) and _QUEUE not in str(error):
        return _NO_RELAY if from_relay else _NO_NOVA.format(broker.exchange)
    if isinstance(error, amqp.exceptions.AccessRefused):
        rights = (
            f"or the right to read {HOSTS_EXCHANGE}" if from_relay else "in transport_url, or the user's permissions"
        )
        return f"access refused ({words}): mend user and password {rights}"
    if isinstance(error, amqp.exceptions.NotAllowed):
        return f"not allowed ({words}): mend the virtual host at the end of transport_url"
    if isinstance(error, amqp.exceptions.ConsumerCancelled):
        return "the queue was deleted; it is made anew"
    if isinstance(error, UnicodeError) and not isinstance(error, UnicodeDecodeError):
        return "the node's name cannot be one of a host: mend transport_url"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {_why_refused(error, broker.tls or {})}"
    if isinstance(error, socket.gaierror):
        return f"its name has no address ({error.strerror}): mend it in transport_url, or the host's resolver"
    if isinstance(error, FAILURES):
        return f"{words}; {_tls_advice(error, broker) or 'start the broker, or mend transport_url'}"
    return f"{words}; what answers there speaks no AMQP 0-9-1: mend host and port in transport_url"


def _why_refused(error: ssl.SSLCertVerificationError, tls: Mapping[str, Any]) -> str:
    """Return what is wrong with a certificate, and what mends it, by the numbers of X509_verify_cert_error(3)."""
    authority, code = tls.get("ca_certs"), getattr(error, "verify_code", None)
    if code in _OTHER_NAME:
        return "it is for another name: write a name of the certificate in transport_url, or renew it for this name"
    if code == _EXPIRED:
        return "it has expired, or an authority above it has: renew it on the broker"
    if code == _NOT_YET:
        return "it is not valid yet: compare the clocks of this host and the broker"
    if code in _UNKNOWN_AUTHORITY and authority:
        return f"no authority in {authority} has signed it: mend ssl_ca_file in [oslo_messaging_rabbit]"
    if code in _UNKNOWN_AUTHORITY:
        return "none of the system's authorities has signed it: set ssl_ca_file in [oslo_messaging_rabbit]"
    words = clean(str(getattr(error, "verify_message", error)))[:_LONGEST]
    return f"{words}: renew it, or mend ssl_ca_file in [oslo_messaging_rabbit]"


def _tls_advice(error: BaseException, broker: Broker) -> str | None:
    """Return what to look at where TLS, or one of its files, may be the cause: errors of ssl name no file."""
    if broker.tls is None and isinstance(error, ConnectionResetError):
        return "start the broker, or mend transport_url; if it speaks TLS there, set ssl in [oslo_messaging_rabbit]"
    if broker.tls is None or not isinstance(error, OSError):
        return None
    if isinstance(error, ssl.SSLError) and getattr(error, "reason", None) in _NO_TLS:
        return "it speaks no TLS on that port: mend the port in transport_url, or ssl in [oslo_messaging_rabbit]"
    files = f"see {', '.join(_tls_files(broker.tls)) or 'ssl_ca_file, which is not set'} in [oslo_messaging_rabbit]"
    if isinstance(error, ssl.SSLError):
        return f"{files}, and whether the broker speaks TLS on that port"
    return files if error.errno in _FILE_ERRORS else None


def _tls_files(tls: Mapping[str, Any]) -> Iterator[str]:
    for key, option in _TLS_FILES.items():
        if tls.get(key):
            yield f"{option} {tls[key]}"


def describe(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """Return what an error says, on one clean line. A broker may write anything there, even a password that it got."""
    text = str(getattr(error, "reply_text", None) or error)
    if isinstance(error, UnicodeDecodeError):  # what a broker said as it closed, in another encoding
        text = bytes(error.object).decode(errors="backslashreplace")
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    text = clean(text)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
