# SPDX-License-Identifier: Apache-2.0
"""oslo.messaging is never in the agent's own process, and the one that reads through it never keeps it waiting."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.tree import HostTree
from tests.functional.agent import LIMIT, Agent, ended, wait_for
from tests.functional.rabbitmq import free_ports

RECORDER = """
import os, sys
class Recorder:
    def find_spec(name, path=None, target=None):
        with open({file!r}, "a") as file:
            print(os.getpid(), name, file=file)
sys.meta_path.insert(0, Recorder)
"""
STUCK = """
import os, signal
with open({file!r}, "w") as file:
    print(os.getpid(), file=file, flush=True)
signal.pause()
"""


@pytest.fixture
def agent(tree: HostTree, tmp_path: Path) -> Iterator[Agent]:
    """An agent with libvirt's own test driver, not started yet, that imports modules of `folder / "lib"` first."""
    made = Agent(tmp_path / "agent", "test:///default", tree)
    (made.folder / "lib").mkdir()
    made.environment["PYTHONPATH"] = str(made.folder / "lib")
    with ended(made):
        yield made


def refusing() -> str:
    """Return the URL of a broker that refuses."""
    return f"rabbit://nova:secret@127.0.0.1:{free_ports(1)[0]}/"


def stick(agent: Agent) -> Path:
    """Have oslo.messaging wait without end where it is imported, and return the file that then tells the process."""
    file = agent.folder / "stuck"
    (agent.folder / "lib/oslo_messaging.py").write_text(STUCK.format(file=str(file)))
    return file


def wait_stuck(file: Path) -> int:
    """Wait until the import hangs, and return the process it hangs in."""
    wait_for("the import of oslo.messaging", lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


def is_there(process: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def brought_by_oslo_config() -> set[str]:
    """Return what it imports: in OpenStack 2023.1 and 2024.1 asyncio is among it."""
    code = "import sys, oslo_config.cfg; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_oslo_messaging_is_never_in_the_agents_process(agent: Agent) -> None:
    file = agent.folder / "imported"
    (agent.folder / "lib/sitecustomize.py").write_text(RECORDER.format(file=str(file)))
    agent.options["DEFAULT"]["transport_url"] = refusing()
    agent.start()
    wait_for("the refusal", lambda: agent.link("broker").get("trouble"))
    agent.set("DEFAULT", transport_url=refusing())
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    agent.wait_logged("the configuration was read again")
    assert agent.process is not None
    imported = [line.split() for line in file.read_text().splitlines()]
    of_agent = {name.partition(".")[0] for process, name in imported if process == str(agent.process.pid)}
    askers = {process for process, name in imported if name == "oslo_messaging"}
    assert {"irqaffinity", "kombu", "libvirt"} <= of_agent
    assert not of_agent & (
        {"oslo_messaging", "oslo_service", "pyroute2", "eventlet", "asyncio"} - brought_by_oslo_config()
    )
    assert len(askers) == 2, "one at the start, one at the signal"
    assert not [process for process in askers if is_there(int(process))]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_while_the_broker_is_asked_for_at_the_start_ends_the_agent(
    agent: Agent, number: signal.Signals, status: int
) -> None:
    file = stick(agent)
    agent.options["DEFAULT"]["transport_url"] = refusing()
    agent.launch()
    stuck = wait_stuck(file)
    assert agent.process is not None
    assert os.getsid(stuck) != os.getsid(agent.process.pid), "Ctrl-C in a terminal is for the agent alone"
    agent.signal(number)
    assert agent.process.wait(LIMIT) == status
    assert "Traceback" not in agent.log()
    if number == signal.SIGINT:
        assert not is_there(stuck)
    else:  # nobody is left to end it: it ends when its answer finds no reader, and systemd ends all of a unit
        os.kill(stuck, signal.SIGTERM)
        wait_for("the end of the process", lambda: not is_there(stuck))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_while_the_broker_is_asked_for_again_ends_the_agent_in_order(
    agent: Agent, number: signal.Signals, status: int
) -> None:
    file = stick(agent)
    agent.start()
    agent.set("DEFAULT", transport_url=refusing())
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    stuck = wait_stuck(file)
    agent.signal(number)
    assert agent.process is not None
    assert agent.process.wait(LIMIT) == status
    assert (
        "the configuration is left as it was: a signal ended the agent before it had read the broker's options"
        in agent.log()
    )
    assert not is_there(stuck)


def test_a_process_that_is_killed_leaves_the_configuration_as_it_was(agent: Agent) -> None:
    file = stick(agent)
    agent.start()
    agent.set("DEFAULT", transport_url=refusing())
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    os.kill(wait_stuck(file), signal.SIGTERM)
    agent.wait_logged("left as it was: the process that reads transport_url was ended by signal 15")
    (agent.folder / "lib/oslo_messaging.py").unlink()
    agent.signal(signal.SIGHUP)
    agent.wait_logged("the configuration was read again")
    wait_for("the refusal", lambda: agent.link("broker").get("trouble"))
