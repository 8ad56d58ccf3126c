# SPDX-License-Identifier: Apache-2.0
"""irqaffinity, as an operator of the machine runs it."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from irqaffinity.cli.main import main
from irqaffinity.model.cpuset import CpuSet
from tests.lab.inside.processes import LIMIT, run, wait_for

STATE = Path("/var/lib/irqaffinity")
STATUS = Path("/run/irqaffinity/status.json")
NOBODY = 65534
_CONFIGURATION = Path("/etc/irqaffinity/irqaffinity.conf")
_LOG = Path("/run/irqaffinity.log")


def configure(text: str) -> None:
    """Write the configuration."""
    _CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    _CONFIGURATION.write_text(text)


def command(*arguments: str) -> dict[str, Any]:
    """Run a command of the program, and return its exit status and what it printed.

    It is run in a child of this process: to start Python anew takes ten seconds here.
    """
    return _in_child(lambda: main(list(arguments)))


def command_of_nobody(*arguments: str) -> dict[str, Any]:
    """Run a command of the program as a user who may nothing.

    It is run once before, as root: this user may not be able to read what it imports late, of the tests' environment.
    """

    def work() -> int:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            main(list(arguments))
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        return main(list(arguments))

    return _in_child(work)


def opened_to_write(*arguments: str) -> list[str]:
    """Run a command of the program, and return which files of /proc/irq it opened to write."""
    with tempfile.TemporaryFile("w+") as found:
        child = os.fork()
        if not child:
            sys.addaudithook(lambda event, details: _note(found, event, details))
            os._exit(status_of(lambda: main(list(arguments))))
        os.waitpid(child, 0)
        found.seek(0)
        return found.read().splitlines()


def installed(*arguments: str) -> dict[str, Any]:
    """Run the installed program, as a shell would."""
    done = subprocess.run(["/usr/bin/irqaffinity", *arguments], check=False, capture_output=True, text=True)
    return {"status": done.returncode, "out": done.stdout, "err": done.stderr}


def audit(*arguments: str) -> dict[str, Any]:
    """Audit once, and return the report with the exit status beside it."""
    done = command("audit", "--once", "-f", "json", *arguments)
    if not done["out"]:
        raise RuntimeError(f"audit ended with {done['status']}: {done['err']}")
    report: dict[str, Any] = json.loads(done["out"])
    return report | {"exit": done["status"]}


def start_agent() -> None:
    """Start the service, and return once systemd has been told that it is ready."""
    run("systemctl", "start", "irqaffinity")


def stop_agent() -> None:
    """Stop the service."""
    run("systemctl", "stop", "irqaffinity")


def kill_agent() -> str:
    """Kill the service with SIGKILL, which systemd starts again; return its MainPID."""
    killed = agent_state()["MainPID"]
    os.kill(int(killed), signal.SIGKILL)
    return killed


def wait_restarted(before: str) -> None:
    """Wait until systemd has started the service again, and it is ready; `before` is the MainPID that ended."""

    def is_so() -> bool:
        state = agent_state()
        return state["MainPID"] != before and state["ActiveState"] == "active"

    wait_for("the agent to be started again", is_so)


def wake_agent() -> None:
    """Ask the agent for a full pass, and wait until one has begun and ended since."""
    before = audits()
    run("systemctl", "kill", "--signal=USR1", "irqaffinity")
    wait_for("a full pass", lambda: audits() > before)


def writable_for_agent(*paths: str) -> list[str]:
    """Return which of these files can be opened to write where the service sees them; nothing is written."""
    probe = 'for path; do (: >>"$path") 2>/dev/null && echo "$path"; done; true'
    pid = agent_state()["MainPID"]
    return run("nsenter", f"--target={pid}", "--mount", "sh", "-c", probe, "sh", *paths).splitlines()


def audits() -> int:
    """Return how many full passes the agent has made."""
    return int(status().get("counters", {}).get("passes", {}).get("full done", 0))


def agent_state(names: str = "ActiveState,SubState,NRestarts,MainPID,StatusText,Result") -> dict[str, str]:
    """Return what systemd knows of the service."""
    shown = run("systemctl", "show", "irqaffinity", "-p", names)
    return dict(line.split("=", 1) for line in shown.splitlines())


def status() -> dict[str, Any]:
    """Return what the agent published last, empty when it does not run."""
    try:
        found: dict[str, Any] = json.loads(STATUS.read_text())
    except FileNotFoundError:
        return {}
    return found


def status_after_pass() -> dict[str, Any]:
    """Return what the agent published after a full pass that it makes now: nothing of it is from before this call."""
    wake_agent()
    return status()


def wait_settled(limit: float = LIMIT) -> dict[str, Any]:
    """Have the agent make a full pass, wait until it watches no guest any more, and return its status."""

    def settled() -> dict[str, Any] | None:
        found = status()
        return found if found and not found["settling"] else None

    wake_agent()
    return wait_for("the guests to settle", settled, limit)


def wait_connected(name: str) -> None:
    """Wait until the agent is connected to a peer."""
    wait_for(f"the connection to {name}", lambda: link(name).get("state") == "connected")


def wait_rival(name: str) -> None:
    """Wait until the agent has named a program that moves interrupts too."""
    wait_for(f"the agent to name {name}", lambda: name in status()["rivals"])


def link(name: str) -> dict[str, Any]:
    """Return how the agent's connection to a peer is."""
    found: dict[str, Any] = status().get("connections", {}).get(name, {})
    return found


def log() -> str:
    """Return all that the agent wrote."""
    return _LOG.read_text(errors="replace") if _LOG.exists() else ""


def wait_logged(text: str, times: int = 1, limit: float = LIMIT) -> None:
    """Wait until the agent has written a text so many times."""
    wait_for(f"{text!r} in the log", lambda: log().count(text) >= times, limit)


def fought_over() -> list[str]:
    """Return the interrupts that another program moves again and again, once for each time the log says so."""
    lines = re.findall(r"put back \d+ interrupts? \(([\d,-]+)\) of .*: fight;", log())
    return [number for line in lines for number in map(str, CpuSet.parse(line))]


def wait_fought_over(numbers: Sequence[str]) -> None:
    """Wait until the log says of each of these interrupts that another program moves it again and again."""
    wait_for(f"a fight over {', '.join(numbers)}", lambda: set(numbers) <= set(fought_over()))


def has_state() -> bool:
    """Tell whether the service has a state folder."""
    return STATE.exists()


def forget_all() -> None:
    """Stop the service, and remove its state and the configuration."""
    stop_agent()
    shutil.rmtree(STATE, ignore_errors=True)
    _CONFIGURATION.unlink(missing_ok=True)


def is_at_work(configuration: str) -> bool:
    """Tell whether the service runs with exactly this configuration; one that was killed leaves its status behind."""
    is_there = status() != {} and _CONFIGURATION.exists() and _CONFIGURATION.read_text() == configuration
    return is_there and agent_state()["ActiveState"] == "active"


def empty_log() -> None:
    """Begin the log anew; the agent goes on at its end."""
    _LOG.write_text("")


def _note(found: TextIO, event: str, details: tuple[Any, ...]) -> None:
    """Write down the path of an `open` (Python's audit event of that name) of an interrupt's file for writing."""
    if event == "open" and str(details[0]).startswith("/proc/irq/") and details[2] & (os.O_WRONLY | os.O_RDWR):
        found.write(f"{details[0]}\n")
        found.flush()


def _in_child(work: Callable[[], int]) -> dict[str, Any]:
    """Do something in a child of this process, and return its exit status and what it printed."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(status_of(work))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return {"status": status, "out": out.read(), "err": err.read()}


def status_of(work: Callable[[], int]) -> int:
    """Return the status with which a child shall end that does this."""
    try:
        return work()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:  # noqa: BLE001  whatever it is, it ends the child, as it would end the program
        sys.excepthook(*sys.exc_info())
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
