# SPDX-License-Identifier: Apache-2.0
"""The errors for TLS files that cannot be used, each made with openssl."""

import os
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from irqaffinity.conf.broker_files import tls_faults
from irqaffinity.listen.broker import Broker, BrokerHost


def make_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "9",
    ]
    subprocess.run([*command, "-subj", "/CN=x", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def faults(**tls: object) -> list[str]:
    """Return the error for these files."""
    broker = Broker((BrokerHost("h", 5671, "u", "p"),), "/", "nova", ("k.info",), {k: str(v) for k, v in tls.items()})
    return list(tls_faults(broker))


def test_files_that_can_be_used_are_no_fault(tmp_path: Path) -> None:
    certificate, key = make_pair(tmp_path, "one")
    both = tmp_path / "both.pem"
    both.write_text(f"# für beide\n{certificate.read_text()}{key.read_text()}")
    assert faults(ca_certs=certificate, certfile=certificate, keyfile=key) == []
    assert faults(ca_certs=both, certfile=both) == []
    assert faults() == []


def is_missing(path: Path) -> str:
    assert not path.exists()
    return "cannot be read: No such file or directory: mend that, or name another file"


def is_pipe(path: Path) -> str:
    os.mkfifo(path)
    return "cannot be read: it is no regular file: mend that, or name another file"


def is_folder(path: Path) -> str:
    path.mkdir()
    return "cannot be read: it is a folder: mend that, or name another file"


def is_text(path: Path) -> str:
    path.write_text("nothing of the kind\n")
    return "has no {} in PEM: name a file that has"


def is_empty(path: Path) -> str:
    path.touch()
    return "has no {} in PEM: name a file that has"


@pytest.mark.parametrize("make", [is_missing, is_pipe, is_folder, is_text, is_empty])
@pytest.mark.parametrize(
    ("option", "name", "what"),
    [
        ("ssl_ca_file", "ca_certs", "certificate"),
        ("ssl_cert_file", "certfile", "certificate"),
        ("ssl_key_file", "keyfile", "private key"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_option(
    tmp_path: Path, make: Callable[[Path], str], option: str, name: str, what: str
) -> None:
    certificate, key = make_pair(tmp_path, "one")
    bad = tmp_path / "bad"
    told = make(bad).format(what)
    files = {"ca_certs": certificate, "certfile": certificate, "keyfile": key} | {name: bad}
    assert faults(**files) == [f"[oslo_messaging_rabbit] {option}: {bad} {told}"]


def test_a_key_of_another_certificate_one_that_is_missing_and_one_that_is_encrypted(tmp_path: Path) -> None:
    certificate, key = make_pair(tmp_path, "one")
    _, other = make_pair(tmp_path, "two")
    (told,) = faults(certfile=certificate, keyfile=other)
    assert told.startswith(f"[oslo_messaging_rabbit] ssl_key_file: {other} does not hold the key of the cert")
    assert faults(certfile=certificate) == [
        f"[oslo_messaging_rabbit] ssl_cert_file: {certificate} has no private key in PEM: name a file that has"
    ]
    locked = tmp_path / "locked.key"
    command = ["openssl", "ec", "-aes128", "-passout", "pass:hunter2", "-in", key, "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    (told,) = faults(certfile=certificate, keyfile=locked)
    assert told == (
        f"[oslo_messaging_rabbit] ssl_key_file: {locked} is encrypted, and nobody is there to give its passphrase: "
        "decrypt it"
    )
    with pytest.raises(ssl.SSLError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, locked, "")
