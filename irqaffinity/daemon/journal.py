# SPDX-License-Identifier: Apache-2.0
"""Sends lines to systemd's journal with their fields, in its native protocol, and to syslog.

oslo.log's own handler of the journal needs systemd-python, which needs a compiler and is in none of the usual images
and packages of OpenStack. The protocol is a datagram to a socket (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
oslo.log's handler of syslog uses the C library, where one line that cannot be sent blocks each thread that opens
syslog again.
"""

import abc
import logging
import socket
import time
from collections.abc import Mapping
from typing import Any

from irqaffinity.daemon.scribe import fields_of

SOCKET = "/run/systemd/journal/socket"
SYSLOG = "/dev/log"
IDENTIFIER = "irqaffinity"
PREFIX = "IRQAFFINITY_"
"""The prefix of the fields of a settled change: the journal has fields of all programs."""

PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""The priorities of syslog.h by the levels of logging."""


class _Sender(logging.Handler, abc.ABC):
    """Sends each record to the path of a socket, so that it also reaches a daemon that was restarted."""

    def __init__(self, name: str, path: str, facility: int) -> None:
        """Take the name for people, and the facility as it is in syslog.h: a number times eight."""
        super().__init__()
        self.place = f"{name} at {path}"
        self._path = path
        self._facility = facility
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record, or leave it to handleError."""
        try:
            self._socket.sendto(self._datagram(record), self._path)
        except Exception:  # noqa: BLE001  as every handler does
            self.handleError(record)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()

    @abc.abstractmethod
    def _datagram(self, record: logging.LogRecord) -> bytes:
        """Return a record in the form of the daemon."""


class SyslogHandler(_Sender):
    """Sends each record to syslog, in the form in which the C library does."""

    def __init__(self, facility: int) -> None:
        super().__init__("syslog", SYSLOG, facility)

    def _datagram(self, record: logging.LogRecord) -> bytes:
        priority = self._facility | PRIORITIES.get(record.levelno, 6)
        moment = time.strftime("%b %e %H:%M:%S", time.localtime(record.created))
        return f"<{priority}>{moment} {IDENTIFIER}: {self.format(record)}".encode(errors="backslashreplace")


class JournalHandler(_Sender):
    """Sends each record to the journal, with its fields."""

    def __init__(self, facility: int) -> None:
        super().__init__("the journal", SOCKET, facility)

    def _datagram(self, record: logging.LogRecord) -> bytes:
        return encode(self._describe(record))

    def _describe(self, record: logging.LogRecord) -> Mapping[str, Any]:
        """Return the fields: those of oslo.log's handler under the same names, and those of a settled change."""
        fields: dict[str, Any] = {
            "MESSAGE": self.format(record),
            "PRIORITY": PRIORITIES.get(record.levelno, 6),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "SYSLOG_FACILITY": self._facility >> 3,
            "CODE_FILE": record.pathname,
            "CODE_LINE": record.lineno,
            "CODE_FUNC": record.funcName,
            "THREAD_NAME": record.threadName,
            "PROCESS_NAME": record.processName,
            "LOGGER_NAME": record.name,
            "LOGGER_LEVEL": record.levelname,
            "EXCEPTION_INFO": record.exc_text,
        }
        return fields | {PREFIX + name.upper(): value for name, value in fields_of(record).items()}


def encode(fields: Mapping[str, Any]) -> bytes:
    """Return the datagram; fields that are None are left out."""
    parts = []
    for name, value in fields.items():
        if value is None:
            continue
        text = str(value).encode(errors="backslashreplace")
        if b"\n" in text:
            parts.append(name.encode() + b"\n" + len(text).to_bytes(8, "little") + text + b"\n")
        else:
            parts.append(name.encode() + b"=" + text + b"\n")
    return b"".join(parts)
