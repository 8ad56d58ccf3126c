# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of the test's own: on loopback, on free ports, in a temporary folder, and ended by its process id."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu

from tests.patience import HANG, Patience

START_LIMIT = 120.0
"""Seconds of a quiet machine after which a broker that does not answer is broken; see Patience."""

USER, PASSWORD = "nova", "s3cr@t:p%$"
SECRET_QUOTED = "s3cr%40t%3Ap%25%24"
_BINARY = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"
_CONFIGURATION = """
listeners.tcp.default = 127.0.0.1:{port}
listeners.ssl.default = 127.0.0.1:{tls_port}
ssl_options.cacertfile = {folder}/ca.pem
ssl_options.certfile = {folder}/broker.pem
ssl_options.keyfile = {folder}/broker.key
ssl_options.verify = verify_none
default_user = {user}
log.console = false
log.file.level = warning
"""
_MANAGEMENT = """
management.tcp.ip = 127.0.0.1
management.tcp.port = {management_port}
management.ssl.ip = 127.0.0.1
management.ssl.port = {management_tls_port}
management.ssl.cacertfile = {folder}/ca.pem
management.ssl.certfile = {folder}/broker.pem
management.ssl.keyfile = {folder}/broker.key
collect_statistics_interval = 1000
"""

_ADVANCED = '[{{rabbit, [{{default_pass, <<"{password}">>}}]}}].\n'
"""In the other file RabbitMQ 4 takes what stands before a colon for the way in which the password is encrypted."""

_INSIDE = """
set -e
root=$1 folder=$2
shift 2
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root$folder"
mount --bind "$folder" "$root$folder"
mount --bind /etc/hosts "$root/etc/hosts"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" "$@"
"""
"""Runs a command in another root, with a folder below /tmp, in a mount namespace of its own."""


def free_ports(count: int) -> list[int]:
    """Return TCP ports of loopback that nobody has.

    They are below those that the kernel gives to clients: what listens starts seconds later, and other tests that run
    beside this one have thousands of clients meanwhile.
    """
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    for port in random.sample(range(10_000, first), 1000):
        with socket.socket() as each, contextlib.suppress(OSError):
            each.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(f"no {count} ports below {first} are free")


def make_certificates(folder: Path) -> None:
    """Make an authority (ca.pem), a certificate for 127.0.0.1 that it signed, and another authority (other.pem)."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        key = ("-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key")
        openssl("req", "-x509", *key, "-subj", f"/CN={name}", "-days", "2", "-out", f"{name}.pem")
    openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "broker.key", "-subj", "/CN=broker", "-out", "broker.csr"
    )
    (folder / "names").write_text("subjectAltName = IP:127.0.0.1\n")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "broker.csr", *signing, "-out", "broker.pem")


class RabbitMQ:
    """A broker and its epmd, which would outlive it; that of this machine, or of another root."""

    def __init__(self, folder: Path, root: Path | None = None, *, has_management: bool = False) -> None:
        self.folder = folder
        self._root = root or Path("/")
        self._inside = [] if root is None else ["unshare", "--mount", "sh", "-c", _INSIDE, "sh", str(root), str(folder)]
        self.port, self.tls_port, self.management_port, self.management_tls_port, epmd, distribution = free_ports(6)
        make_certificates(folder)
        configuration = folder / "rabbitmq.conf"
        lines = _CONFIGURATION + (_MANAGEMENT if has_management else "")
        configuration.write_text(lines.format(**vars(self), user=USER))
        (folder / "advanced.config").write_text(_ADVANCED.format(password=PASSWORD))
        (folder / "enabled_plugins").write_text("[rabbitmq_management].\n" if has_management else "[].\n")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"irqaffinity{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        self._epmd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The transport_url of nova.conf."""
        return f"rabbit://{USER}:{SECRET_QUOTED}@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start the broker and wait until it takes connections."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": self._environment}
        if self._epmd is None:
            found = next(self._root.glob("usr/lib/erlang/erts-*/bin/epmd"), None)
            binary = shutil.which("epmd") if found is None else f"/{found.relative_to(self._root)}"
            self._epmd = subprocess.Popen([*self._inside, str(binary)], **quiet)  # type: ignore[call-overload]
        command = [*self._inside, _BINARY]
        self._process = subprocess.Popen(command, start_new_session=True, **quiet)  # type: ignore[call-overload]
        patience = Patience(START_LIMIT)
        while True:
            try:
                with self.connect() as connection:
                    connection.connect()
                return
            except OSError:
                if self._process.poll() is not None or patience.is_over():
                    raise RuntimeError(f"RabbitMQ does not answer; its log: {self.log()}") from None
                time.sleep(0.1)

    def connect(self, virtual_host: str = "/") -> Any:
        """Return a connection, not opened yet."""
        address = {"hostname": "127.0.0.1", "port": self.port, "userid": USER, "password": PASSWORD}
        return kombu.Connection(**address, virtual_host=virtual_host, connect_timeout=10)

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl and return what it printed."""
        command = [*self._inside, _CONTROL, "--quiet", *arguments]
        return subprocess.run(
            command, env=self._environment, check=True, capture_output=True, text=True, timeout=HANG
        ).stdout

    def log(self) -> str:
        """Return what the broker wrote to its log."""
        return "".join(path.read_text() for path in sorted((self.folder / "log").glob("*.log")))

    def kill(self) -> None:
        """End the broker at once, as a crash would; its epmd stays for the next `start`."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Make the broker stand still, its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def stop(self) -> None:
        """End broker and epmd."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()


@contextlib.contextmanager
def running_rabbitmq(folder: Path, root: Path | None = None, *, has_management: bool = False) -> Iterator[RabbitMQ]:
    """Run a broker of this machine or of another root; by choice with its management, with numbers of a second ago."""
    broker = RabbitMQ(folder, root, has_management=has_management)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
