# SPDX-License-Identifier: Apache-2.0
"""The program with a state that cannot be used: it says so in one line, waits for nobody, and runs once."""

import contextlib
import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.demo.tree import HostTree
from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.scene import DEDICATED, GUEST, VF0, VF1
from tests.functional.agent import PROGRAM, Agent, ended, wait_for
from tests.patience import HANG

NAMES = ("state.db", "state.db-wal", "state.db-shm", "state.db-journal", "state.json", "pass.lock", "agent.lock", "")
"""Of what stands in the folder of the state; the last one is the folder."""

COMMANDS = {
    "dry": ["audit", "--once", "--dry-run"],
    "explain": ["explain", "40"],
    "audit": ["audit", "--once"],
    "reset": ["reset"],
    "check": ["check"],
}
RESULT = {"audit": 1, "dry": 2, "reset": 1, "explain": 0, "check": 1}

pytestmark = pytest.mark.usefixtures("as_root")


@pytest.fixture
def agent(tree: HostTree, tmp_path: Path) -> Iterator[Agent]:
    """An agent on a host with one guest, not started yet."""
    guest = domain("nfv", GUEST, ("2", "3"), [hostdev(VF0), hostdev(VF1)], metadata=nova_metadata("nfv", DEDICATED))
    made = Agent(tmp_path / "agent", make_libvirt(tmp_path / "libvirt", [guest]), tree)
    made.set("notifications", enabled=False)
    made.set("vectors", source="poll")
    with ended(made):
        yield made


def another(agent: Agent, name: str, **state: object) -> Agent:
    """Return an agent on the same host with folders of its own."""
    made = Agent(agent.folder.with_name(name), str(agent.options["libvirt"]["uri"]), agent.tree)
    made.options = {group: dict(values) for group, values in agent.options.items()}
    made.set("status", path=made.folder / "run/status.json")
    made.set("state", path=made.folder / "state", **state)
    return made


def run(agent: Agent, *arguments: str) -> tuple[int, str, str]:
    """Run a command; fail when it does not end by itself."""
    agent.write_configuration()
    command = [PROGRAM, *agent.arguments, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(f"the end of {arguments}", lambda: process.poll() is not None)
    finally:
        process.kill()
        out, err = process.communicate()
    return process.returncode, out, err


def put_in_the_way(agent: Agent, name: str, kind: str = "fifo") -> Path:
    """Put something that is no file where the state has one, and return its path."""
    path = agent.folder / "state" / name if name else agent.folder / "state"
    if not name:
        path.rmdir()
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero: it can be read for ever
    else:
        with socket.socket(socket.AF_UNIX) as server:
            os.chdir(path.parent)
            server.bind(path.name)
        path.chmod(0o600)
    return path


@contextlib.contextmanager
def mounted(path: Path, options: str) -> Iterator[None]:
    """Have a small file system in a folder."""
    path.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0700,{options}", "none", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def is_no_matter(name: str, command: str) -> bool:
    """Tell whether a command has nothing to do with what is in the way."""
    return name.endswith(".lock") and (command in ("dry", "explain") or (name, command) == ("agent.lock", "audit"))


@pytest.mark.parametrize("kind", ["fifo", "device", "socket"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_file_is_named_in_one_line_and_waited_for_by_no_command(
    agent: Agent, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    has_state = name.startswith("state.db-")
    if has_state:
        assert run(agent, *COMMANDS["audit"])[0] == 0
    path = put_in_the_way(agent, name, kind)
    expected = RESULT | {"dry": 0 if has_state else 2}
    for command in COMMANDS if kind == "fifo" else ["audit", "check"]:
        status, out, err = run(agent, *COMMANDS[command])
        if is_no_matter(name, command):
            assert (status, err) == (0 if command == "audit" else expected[command], "")
            continue
        said = out + err if command == "check" else err
        assert (status, said) == (expected[command], said)
        (line,) = [line for line in said.splitlines() if str(path) in line]
        assert ("is not a regular file: move it away" if name else "Not a directory") in line
        assert command == "check" or len(err.splitlines()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_with_a_fifo_in_the_way_says_so_once_places_and_ends_on_sigterm(agent: Agent, name: str) -> None:
    if name.startswith("state.db-"):
        assert run(agent, *COMMANDS["audit"])[0] == 0
    path = put_in_the_way(agent, name)
    agent.start()
    agent.wait_placed(irq40="2-3", irq50="2-3")
    warned = "only one of the two locks keeps" if name in ("agent.lock", "") else "is kept in memory alone"
    (line,) = [line for line in agent.log().splitlines() if warned in line]
    assert str(path) in line
    assert agent.stop() == 0


@pytest.mark.parametrize("way", ["a file", "absent", "open to others", "a link", "full", "read-only"])
def test_two_agents_do_not_run_where_the_state_cannot_be_used(agent: Agent, tmp_path: Path, way: str) -> None:
    state = agent.folder / "state"
    state.rmdir()
    with contextlib.ExitStack() as stack:
        if way == "a file":
            state.touch()
        elif way == "absent":
            agent.set("state", path="/proc/nothing")
        elif way == "open to others":
            state.mkdir()
            state.chmod(0o777)
        elif way == "a link":
            state.symlink_to(tmp_path)
        else:
            stack.enter_context(mounted(state, "nr_inodes=1" if way == "full" else "ro"))
        agent.start()
        agent.wait_placed(irq40="2-3")
        assert "only one of the two locks keeps a second agent away: " in agent.log()
        for second in (agent, another(agent, "second")):
            status, _, err = run(second, "agent")
            assert status == 1
            assert "an agent runs on this host already: an agent holds /run/irqaffinity/agent-" in err.splitlines()[-1]
            refusal = "irqaffinity: an agent runs and would move them again: stop it first, or use --force\n"
            assert run(second, "reset")[::2] == (1, refusal)
        assert agent.stop() == 0


def test_an_agent_that_nothing_keeps_apart_from_a_second_one_does_not_run(agent: Agent) -> None:
    agent.set("state", path="/proc/nothing")
    agent.write_configuration()
    command = " ".join(map(str, [PROGRAM, *agent.arguments, "agent"]))
    script = f"mkdir -p /run/irqaffinity && mount -t tmpfs -o ro,mode=0755 none /run/irqaffinity && exec {command}"
    inside = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=HANG)
    assert (done.returncode, agent.smp(40)) == (1, "0-15")
    line = done.stderr.splitlines()[-1]
    assert (
        " ERROR irqaffinity.cli.main [-] the agent could not start: nothing would keep a second agent away: /proc/"
        in line
    )
    assert "/run/irqaffinity/agent-" in line
    assert "Read-only file system" in line


def test_a_full_disk_is_one_line_and_all_is_given_back_once_there_is_room(agent: Agent) -> None:
    state = agent.folder / "state"
    with mounted(state, "size=512k"):
        assert run(agent, *COMMANDS["audit"])[0] == 0
        filler = state / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        agent.tree.add_vectors(VF0, [60], "0-15")
        for command in ("audit", "reset"):
            status, out, err = run(agent, *COMMANDS[command])
            (line,) = err.splitlines()
            assert (status, out) == (1, "")
            assert line.startswith(f"irqaffinity: {state}/state.db: ")
            assert line.endswith("; free or mend its file system, or end the program that holds it")
        assert (agent.smp(40), agent.smp(60)) == ("2-3", "0-15")
        filler.unlink()
        assert run(agent, *COMMANDS["reset"])[0] == 0
        assert (agent.smp(40), agent.smp(50)) == ("0-15", "0-15")
