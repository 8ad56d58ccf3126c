# SPDX-License-Identifier: Apache-2.0
"""Checks that the files of a connection with TLS can be used: the errors of ssl itself do not name the file."""

import ssl
from collections.abc import Iterator

from irqaffinity.conf.regular_file import read_regular, why_unreadable
from irqaffinity.listen.broker import Broker
from irqaffinity.model.text import clean


class _Encrypted(Exception):
    """A key needs a passphrase."""


def tls_faults(broker: Broker) -> Iterator[str]:
    """Give a line for each file of TLS that cannot be used; the line names its option of [oslo_messaging_rabbit]."""
    tls = broker.tls or {}
    authority, certificate, key = tls.get("ca_certs"), tls.get("certfile"), tls.get("keyfile")
    faults = []
    if authority is not None:
        faults.append(("ssl_ca_file", authority, _fault_of_certificate(authority)))
    if certificate is not None:
        faults.append(("ssl_cert_file", certificate, _fault_of_certificate(certificate)))
        if faults[-1][2] is None:
            name, path = ("ssl_cert_file", certificate) if key is None else ("ssl_key_file", key)
            faults.append((name, path, _fault_of_key(certificate, path)))
    for name, path, fault in faults:
        if fault is not None:
            yield clean(f"[oslo_messaging_rabbit] {name}: {path} {fault}")


def _fault_of_certificate(path: str) -> str | None:
    """Return why a file has no certificate, None where it has."""
    try:
        read_regular(path)  # before ssl opens it, which waits for a pipe
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return "has no certificate in PEM: name a file that has"
    except (OSError, ValueError) as error:
        return f"cannot be read: {why_unreadable(error)}: mend that, or name another file"
    return None


def _fault_of_key(certificate: str, path: str) -> str | None:
    """Return why a file does not hold the private key of a certificate, None where it does."""
    try:
        read_regular(path)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, path, _refuse_passphrase)
    except _Encrypted:
        return "is encrypted, and nobody is there to give its passphrase: decrypt it"
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return clean(
                f"does not hold the key of the certificate in {certificate}: name the file that holds that key"
            )
        return "has no private key in PEM: name a file that has"
    except (OSError, ValueError) as error:
        return f"cannot be read: {why_unreadable(error)}: mend that, or name another file"
    return None


def _refuse_passphrase() -> str:
    raise _Encrypted
