# SPDX-License-Identifier: Apache-2.0
"""Asks a short process of its own which broker Nova uses, so that oslo.messaging never is in the agent's memory.

Once imported it would stay there for good, a third of the whole, for the few options that are read (conf/broker).
The process is the same interpreter with the same search path and environment. Question and answer are JSON on its
standard input and output: the answer holds passwords, and a command line or environment would show them to others.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from irqaffinity.conf.dependencies import explain
from irqaffinity.conf.load import ConfigError, Notifications
from irqaffinity.listen.broker import Broker, BrokerHost

DEADLINE = 60.0
"""Seconds that the process may take. It needs about one; the agent has to feed systemd's watchdog (90 s) meanwhile."""

_TICK = 0.5
_WHO = "the process that reads transport_url"
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from irqaffinity.conf.broker_process import answer; answer()"
_ENDS = frozenset({signal.SIGTERM, signal.SIGINT})


def ask_broker(
    files: Sequence[str] | None,
    folders: Sequence[str] | None,
    wanted: Notifications,
    nova_files: Sequence[str] | None = None,
) -> Broker | None:
    """Return what load_broker of conf/broker returns; raise ConfigError, also where the process fails."""
    question = json.dumps([files, folders, dataclasses.asdict(wanted), nova_files])
    isolated = ["-I"] if sys.flags.isolated else []
    try:
        # A session of its own: Ctrl-C in a terminal is for the caller, who ends the process then.
        process = subprocess.Popen(
            [sys.executable, *isolated, "-c", _PROGRAM, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError(f"{_WHO}, {sys.executable}, cannot be started: {error.strerror}; mend that") from error
    with process:
        try:
            reply = _wait(process, question.encode())
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode:
        how = f"with status {process.returncode}" if process.returncode > 0 else f"by signal {-process.returncode}"
        raise ConfigError(f"{_WHO} was ended {how}; look at what it wrote, or at the kernel's log, and try again")
    return _read(reply)


def _wait(process: subprocess.Popen[bytes], question: bytes | None) -> bytes:
    """Return what the process prints; raise ConfigError after DEADLINE, or at once on a signal that ends the agent."""
    start, unsent = monotonic(), question
    while True:
        try:
            return process.communicate(unsent, _TICK)[0]
        except subprocess.TimeoutExpired:
            unsent = None  # or rather what is left of it, which Popen keeps
            if signal.sigpending() & _ENDS:
                raise ConfigError("a signal ended the agent before it had read the broker's options") from None
            if monotonic() - start > DEADLINE:
                why = f"has not answered for {DEADLINE:.0f} s; see whether the host is busy, and try again"
                raise ConfigError(f"{_WHO} {why}") from None


def _read(reply: bytes) -> Broker | None:
    try:
        found = json.loads(reply)
        if "refused" in found:
            raise ConfigError(str(found["refused"]))
        return _broker(found["broker"])
    except (AttributeError, KeyError, TypeError, ValueError):
        advice = "see what else of this Python writes to standard output, such as a sitecustomize"
        raise ConfigError(f"{_WHO} gave no answer that can be read; {advice}") from None


def _broker(found: dict[str, Any] | None) -> Broker | None:
    if found is None:
        return None
    hosts = tuple(BrokerHost(**host) for host in found.pop("hosts"))
    keys = tuple(found.pop("routing_keys"))
    unwanted = tuple(found.pop("unwanted_keys"))
    return Broker(hosts=hosts, routing_keys=keys, unwanted_keys=unwanted, rpc=_broker(found.pop("rpc")), **found)


def answer() -> None:
    """Read the question, print the answer, and leave: this is all that the process does.

    A signal that ends the agent ends this process too, without a message. All other signals that the agent blocks stay
    blocked here.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
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
    with open(1, "w", closefd=False) as out:
        json.dump(reply, out)
    os._exit(0)  # without waiting for threads of the libraries


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
