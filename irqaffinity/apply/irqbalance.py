# SPDX-License-Identifier: Apache-2.0
"""Talks to a running irqbalance through its socket: the one place that does."""

import errno
import os
import re
import select
import socket
import struct

from irqaffinity.model.balance import Balancer, Bans, Setup
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.text import clean

_LARGEST = 1 << 20
"""Bytes of an answer: it has at most some 80 for each interrupt that is banned."""

_WAIT = struct.pack("ll", 0, 500_000)
"""struct timeval: how long to wait for a turn."""

_CREDENTIALS = struct.Struct("3i")
"""struct ucred of unix(7): process, user and group."""

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_FIELD = re.compile(r"[A-Z_]{1,32}", re.ASCII)
_MASK = re.compile(r"[0-9a-f]{1,8}(,[0-9a-f]{8})*", re.ASCII)


class BalancerGone(Exception):
    """Nobody listens at the socket: this irqbalance has ended."""


class BalancerTrouble(Exception):
    """An irqbalance cannot be talked to; str() names it, and the next step."""


class Question:
    """A question for the setup of an irqbalance: what it leaves alone.

    Its connection stays open until the answer is there, however long that takes: irqbalance (1.9.2, 1.9.4) does not
    expect anyone to hang up, and SIGPIPE ends it when it answers one who has.
    """

    def __init__(self, balancer: Balancer) -> None:
        """Ask; raise BalancerGone and BalancerTrouble."""
        self._balancer = balancer
        self._data = b""
        self._socket = _say(balancer, "setup")

    def answer(self, seconds: float) -> Setup | None:
        """Return the answer, None when it has not come within so many seconds; raise BalancerTrouble.

        Once there is an answer or an error, the question is over.
        """
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while poll.poll(seconds * 1000):
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                continue
            except OSError as error:
                self.drop()
                raise BalancerTrouble(f"{self._balancer} broke off: {error.strerror}; see its log") from error
            self._data += data
            if not data or len(self._data) > _LARGEST:
                self.drop()
                return parse_setup(self._balancer, self._data)
        return None

    def drop(self) -> None:
        """Hang up, which is safe only when the answer has come."""
        self._socket.close()


def tell(balancer: Balancer, cpus: str | None, irqs: str | None) -> None:
    """Tell an irqbalance what to leave alone; raise BalancerGone and BalancerTrouble.

    `cpus` is a list such as `2-5,9`, or `NULL` for those that it was started with; `irqs` are numbers with spaces, or
    `NONE`. None changes nothing. Each replaces what it had, and shows in its next scan. It gives no answer.
    """
    for text in (f"settings cpus {cpus}" if cpus else "", f"settings ban irqs {irqs}" if irqs else ""):
        if text:
            _say(balancer, text).close()


def parse_setup(balancer: Balancer, data: bytes) -> Setup:
    """Return what an answer means; raise BalancerTrouble.

    It is `SLEEP 10 IRQ 28 LOAD 0 DIFF 0 CLASS 0 BANNED 000000ff`: pairs of a word and a value, those of an interrupt
    after its number. Versions differ in the pairs that do not matter here, so that unknown ones are passed over.
    """
    try:
        if len(data) > _LARGEST:
            raise ValueError
        words = data.rstrip(b"\0\n").decode("ascii").split(" ")
        words = words[:-1] if words[-1:] == [""] else words
        pairs = list(zip(words[::2], words[1::2], strict=True))
        if not all(_FIELD.fullmatch(field) for field, _ in pairs):
            raise ValueError
        sleeps, masks = ([value for field, value in pairs if field == wanted] for wanted in ("SLEEP", "BANNED"))
        irqs = {_read_number(value) for field, value in pairs if field == "IRQ"}
        (sleep,), (mask,) = sleeps, masks
        if not _MASK.fullmatch(mask):
            raise ValueError
        cpus = CpuSet.from_mask(int(mask.replace(",", ""), 16))
        return Setup(_read_number(sleep), Bans(cpus, tuple(sorted(irqs))))
    except ValueError:
        start = clean(data[:100].decode("ascii", "backslashreplace"))
        what = f"{len(data)} bytes, which begin with {start!r}" if data else "nothing"
        raise BalancerTrouble(
            f"{balancer} was asked for its setup and answered {what}: it is left as it is; "
            "configure it in its own file, and set [isolation] irqbalance = false"
        ) from None


def _read_number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return int(text)


def _say(balancer: Balancer, text: str) -> socket.socket:
    """Connect and send at once: irqbalance stands still from the moment of the connection until it has the text."""
    connection = _connect(balancer)
    credentials = _CREDENTIALS.pack(os.getpid(), os.getuid(), os.getgid())
    try:
        sent = connection.sendmsg([text.encode()], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)])
        if sent != len(text):
            raise BalancerTrouble(f"{balancer} took {sent} bytes of {len(text)}: restart it")
    except OSError as error:
        connection.close()
        raise BalancerTrouble(f"{balancer} cannot be told anything: {error.strerror}; see its log") from error
    except BalancerTrouble:
        connection.close()
        raise
    return connection


def _connect(balancer: Balancer) -> socket.socket:
    """Return a connection that waits for nothing; raise BalancerGone and BalancerTrouble.

    irqbalance lets two wait until it has time for them, and connect(2) waits for its turn.
    """
    for address in balancer.addresses:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _WAIT)
        try:
            connection.connect(address)
            connection.setblocking(False)
            if _is_expected(balancer, address, connection):
                return connection
        except OSError as error:
            if error.errno not in (errno.ECONNREFUSED, errno.ENOENT):
                connection.close()
                raise BalancerTrouble(_why_unreachable(balancer, error)) from error
        connection.close()
    raise BalancerGone(f"{balancer} has no socket where one is expected: it has ended, or was built without it")


def _is_expected(balancer: Balancer, address: str | bytes, connection: socket.socket) -> bool:
    """Tell whether root listens there, and, where anyone may have taken the name, that very process."""
    peer, user, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return bool(user == 0 and (isinstance(address, str) or peer == balancer.pid))


def _why_unreachable(balancer: Balancer, error: OSError) -> str:
    if error.errno == errno.EAGAIN:
        return f"{balancer} takes no connection: it hangs; restart it"
    step = "run as root" if error.errno in (errno.EACCES, errno.EPERM) else "see [isolation] irqbalance_sockets"
    return f"{balancer} cannot be reached: {error.strerror or error}; {step}"
