# SPDX-License-Identifier: Apache-2.0
"""Asks a short process of its own which broker Nova uses, so that oslo.messaging never is in the agent's memory.

Once imported it would stay there for good, a third of the whole, for the few options that are read (conf/broker).
Question and answer are JSON; the answer holds passwords.
"""

import dataclasses
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from irqaffinity.conf.child import ENDS, ChildFailed, ask_child, become_child, leave_with, program_of, unreadable
from irqaffinity.conf.dependencies import explain
from irqaffinity.conf.load import ConfigError, Notifications
from irqaffinity.listen.broker import Broker, BrokerHost

DEADLINE = 60.0
"""Seconds that the process may take. It needs about one; the agent has to feed systemd's watchdog (90 s) meanwhile."""

_WHO = "the process that reads transport_url"
_PROGRAM = program_of(__name__)


def ask_broker(
    files: Sequence[str] | None,
    folders: Sequence[str] | None,
    wanted: Notifications,
    nova_files: Sequence[str] | None = None,
) -> Broker | None:
    """Return what load_broker of conf/broker returns; raise ConfigError, also where the process fails."""
    question = json.dumps([files, folders, dataclasses.asdict(wanted), nova_files])
    end = monotonic() + DEADLINE
    try:
        return _read(ask_child(_WHO, _PROGRAM, question.encode(), lambda: _go_on(end)))
    except ChildFailed as error:
        raise ConfigError(str(error)) from error


def _go_on(end: float) -> None:
    """Raise ConfigError after the end of its time, or at once on a signal that ends the agent."""
    if signal.sigpending() & ENDS:
        raise ConfigError("a signal ended the agent before it had read the broker's options")
    if monotonic() > end:
        why = f"has not answered for {DEADLINE:.0f} s; see whether the host is busy, and try again"
        raise ConfigError(f"{_WHO} {why}")


def _read(reply: bytes) -> Broker | None:
    try:
        found = json.loads(reply)
        if "refused" in found:
            raise ConfigError(str(found["refused"]))
        return _broker(found["broker"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise unreadable(_WHO) from None


def _broker(found: dict[str, Any] | None) -> Broker | None:
    if found is None:
        return None
    hosts = tuple(BrokerHost(**host) for host in found.pop("hosts"))
    keys = tuple(found.pop("routing_keys"))
    unwanted = tuple(found.pop("unwanted_keys"))
    return Broker(hosts=hosts, routing_keys=keys, unwanted_keys=unwanted, rpc=_broker(found.pop("rpc")), **found)


def answer() -> None:
    """Read the question, print the answer, and leave: this is all that the process does."""
    become_child()
    files, folders, wanted, nova_files = json.load(sys.stdin)
    try:
        load_broker = _load()
        _fall_silent()
        broker = load_broker(files, folders, Notifications(**wanted), nova_files)
        reply: dict[str, Any] = {"broker": None if broker is None else dataclasses.asdict(broker)}
    except ConfigError as error:
        reply = {"refused": str(error)}
    except Exception as error:  # noqa: BLE001  the top of a process; what the error says may repeat a password
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} in {place.filename}, line {place.lineno}"
        reply = {"refused": f"transport_url cannot be read: {what}; check that it has the form that nova.conf uses"}
    leave_with(reply)


def _load() -> Callable[..., Broker | None]:
    """Return load_broker; raise ConfigError where a library does not suit this Python, or another library."""
    try:
        from irqaffinity.conf.broker import load_broker  # noqa: PLC0415  what this process is for
    except Exception as error:  # whatever a library raises
        raise ConfigError(f"transport_url cannot be read: {explain(error)}") from error
    return load_broker


def _fall_silent() -> None:
    """Send standard error to /dev/null: from now on the libraries' warnings repeat parts of the values they read."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
