# SPDX-License-Identifier: Apache-2.0
"""What the agent, the relay and a repeating audit log, as whole processes, and where."""

import fcntl
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.scene import DEDICATED, GUEST, OTHER, VF0, VF1
from tests.fakes.tree import HostTree
from tests.functional.agent import HOST, PROGRAM, Agent, ended, wait_for

FORM = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (\d+) ([A-Z]+) ([\w.]+) \[-\] (.*)")


def lines_of(text: str) -> list[tuple[str, str]]:
    """Return level and message of each line, all of which have the form of OpenStack's."""
    found = [FORM.fullmatch(line) for line in text.splitlines()]
    assert all(found), text
    return [(line[2], line[4]) for line in found if line]


@pytest.fixture
def agent(tree: HostTree, tmp_path: Path) -> Iterator[Agent]:
    """An agent, not started yet, with a guest that is placed and one whose mask is wrong."""
    specs = DEDICATED | {"hw:pci_irq_affinity_mask": "9"}
    domains = [
        domain("vm-a", GUEST, ("2", "3"), [hostdev(VF0)], metadata=nova_metadata("nfv", DEDICATED)),
        domain("vm-b", OTHER, ("10", "11"), [hostdev(VF1)], metadata=nova_metadata("nfv", specs)),
    ]
    made = Agent(tmp_path / "agent", make_libvirt(tmp_path / "libvirt", domains), tree)
    made.set("DEFAULT", debug=False)
    made.set("audit", interval=3600)
    with ended(made):
        yield made


def test_the_first_and_last_lines_tell_what_runs_where_with_what_and_for_how_long(agent: Agent, tmp_path: Path) -> None:
    nova, folder = tmp_path / "nova.conf", tmp_path / "conf.d"
    nova.write_text("[DEFAULT]\nlog_file = /nowhere/nova.log\ndebug = true\n")
    folder.mkdir()
    (folder / "10.conf").write_text("")
    agent.arguments += ["--config-dir", folder, "--nova-config", nova]
    agent.start()
    agent.wait_logged("the first pass has ended")
    assert agent.process is not None
    assert agent.stop() == 0
    lines = lines_of(agent.log())
    files = f"configuration: {agent.configuration}, {folder}/10.conf; from nova.conf: {nova}"
    who = f"irqaffinity {version('irqaffinity')}: the agent starts on host {HOST}, pid {agent.process.pid}; {files}"
    assert lines[0] == ("INFO", who)
    (found,) = (message for level, message in lines if level == "WARNING" and "first pass" in message)
    assert re.fullmatch("the first pass has ended: 2 guests, .* interrupts: .*; 1 guest in error: vm-b", found)
    assert re.fullmatch(r"the agent ends after \d+ s, as SIGTERM asks", lines[-1][1])


def test_a_first_pass_that_cannot_be_made_is_told_and_the_first_that_can(agent: Agent, tmp_path: Path) -> None:
    uri = agent.options["libvirt"]["uri"]
    agent.set("libvirt", uri=f"test://{tmp_path}/nothing.xml")
    agent.start()
    agent.wait_logged("the first pass failed, the lines above say why; the agent tries again")
    agent.set("libvirt", uri=uri)
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    agent.wait_logged("the first pass has ended: 2 guests, ")
    assert "libvirt: libvirt" not in agent.log()
    assert agent.log().count("the configuration was read again: changed: [libvirt] uri\n") == 1


def test_sighup_says_what_changed_by_name_and_log_options_take_effect(agent: Agent) -> None:
    agent.start()
    agent.signal(signal.SIGHUP)
    agent.wait_logged("the configuration was read again: nothing changed\n")
    agent.set("DEFAULT", log_file=agent.folder / "file", use_json=True, debug=True)
    agent.set("placement", numa="strict")
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    file = agent.folder / "file"
    names = "[DEFAULT] debug, [DEFAULT] log_file, [DEFAULT] use_json, [placement] numa"
    wait_for("the line", lambda: file.exists() and f"was read again: changed: {names}" in file.read_text())
    agent.set("DEFAULT", default_log_levels="s3cret")
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    wait_for("the refusal", lambda: "the configuration is left as it was: " in file.read_text())
    agent.set("DEFAULT", default_log_levels="amqp=WARN", log_file="/nowhere/file")
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    agent.wait_logged("[DEFAULT] log_file: /nowhere/file cannot be opened: No such file or directory; lines go to")
    assert agent.stop() == 0
    assert [json.loads(line)["levelname"] for line in file.read_text().splitlines()].count("ERROR") == 1
    assert "s3cret" not in file.read_text() + agent.log()


def test_a_log_that_logrotate_moved_is_made_anew(agent: Agent) -> None:
    """By the configuration of the guide, with its own tool where that is installed."""
    file = agent.folder / "agent.log"
    agent.set("DEFAULT", log_file=file)
    agent.start()
    wait_for("the log", lambda: file.exists() and "the first pass has ended" in file.read_text())
    file.rename(agent.folder / "agent.log.1")
    agent.signal(signal.SIGHUP)
    wait_for("the new one", lambda: file.exists() and "nothing changed" in file.read_text())
    assert agent.stop() == 0
    assert "as SIGTERM asks" in file.read_text()
    assert "nothing changed" not in (agent.folder / "agent.log.1").read_text()


def test_a_mistake_is_in_the_log_and_on_standard_error(agent: Agent) -> None:
    """Whoever starts it by hand does not look into a file."""
    file = agent.folder / "agent.log"
    agent.set("DEFAULT", log_file=file, transport_url="rabbit://a:s3cret$x@h/")
    agent.write_configuration()
    done = agent.run("agent")
    place = f"{agent.configuration}:5: [DEFAULT] transport_url"
    told = f"{place}: a $ in it begins the name of an option that does not exist"
    assert (done.returncode, done.stderr) == (1, f"irqaffinity: {told}; write a plain $ as $$\n")
    assert lines_of(file.read_text())[-1] == ("ERROR", f"{told}; write a plain $ as $$")


def test_a_reader_of_standard_error_that_stands_still_holds_no_placement_up(agent: Agent) -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    agent.set("DEFAULT", debug=True)
    agent.write_configuration()
    agent.process = subprocess.Popen([PROGRAM, *agent.arguments, "agent"], stderr=write)
    wait_for("the agent's status", agent.has_started)
    for _ in range(10):
        agent.tree.put(agent.tree.proc / "irq/40/smp_affinity_list", "0-15")
        agent.signal(signal.SIGUSR1)
        agent.wait_placed(irq40="2-3")
    assert select.select([], [write], [], 0)[1] == []  # it is full, and somebody waits for it
    assert agent.stop() == 0
    os.close(read)
    os.close(write)


def test_a_repeating_audit_logs_as_the_agent_does(agent: Agent) -> None:
    file = agent.folder / "audit.log"
    agent.set("DEFAULT", log_file=file, logging_default_format_string="%(levelname)s %(message)s")
    agent.write_configuration()
    with subprocess.Popen([PROGRAM, *agent.arguments, "audit", "--quiet"], stdout=subprocess.PIPE) as process:
        wait_for("the placement", lambda: agent.smp(40) == "2-3")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    assert process.returncode == 1  # for the mask that is wrong
    assert out.count(b"\n") == 1
    lines = file.read_text().splitlines()
    assert lines[0].startswith(f"INFO irqaffinity {version('irqaffinity')}: the audit starts on host {HOST}, pid ")
    assert re.fullmatch("INFO the audit ends after .*, as SIGTERM asks", lines[-1])


def test_the_relay_begins_and_ends_with_a_line_and_heeds_sighup(tmp_path: Path) -> None:
    file, log = tmp_path / "relay.conf", tmp_path / "logs/irqaffinity-relay.log"
    log.parent.mkdir()
    options = f"[DEFAULT]\nhost = ctl-1\nlog_dir = {log.parent}\ntransport_url = rabbit://a:s3cret@127.0.0.1:1/\n"
    file.write_text(options)
    with subprocess.Popen([PROGRAM, "--config-file", file, "relay"], stderr=subprocess.PIPE, text=True) as process:
        wait_for("its try", lambda: log.exists() and "broker: 127.0.0.1:1: " in log.read_text())
        file.write_text(options.replace("s3cret", "0ther"))
        process.send_signal(signal.SIGHUP)
        wait_for("SIGHUP", lambda: "read again: changed: [DEFAULT] transport_url\n" in log.read_text())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "")
    lines = lines_of(log.read_text())
    assert lines[0][1].startswith(f"irqaffinity {version('irqaffinity')}: the relay starts on host ctl-1, pid ")
    assert re.fullmatch("the relay ends after .*, as SIGINT asks", lines[-1][1])
    assert "s3cret" not in log.read_text()


def test_oslo_log_is_not_in_the_memory_of_who_sets_none_of_its_options() -> None:
    modules = "irqaffinity.cli.agent, irqaffinity.cli.relay, irqaffinity.cli.audit, irqaffinity.cli.logs"
    program = f"import sys, {modules}; print(sorted({{'oslo_log.log', 'oslo_context', 'inspect'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "oslo_log.log" not in done.stdout
    assert "oslo_context" not in done.stdout


def test_a_placed_guest_is_a_line_of_json_with_fields_of_its_own(agent: Agent) -> None:
    file = agent.folder / "json"
    agent.set("DEFAULT", log_file=file, use_json=True)
    agent.start()
    wait_for("the change", lambda: file.exists() and '"cause"' in file.read_text())
    assert agent.stop() == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    (fields,) = (line["extra"] for line in lines if line["extra"].get("uuid") == GUEST)
    wanted = {"name": "vm-a", "device": VF0, "interrupts": "40-41", "from": "0-15", "to": "2-3", "cause": "start"}
    assert {name: fields[name] for name in wanted} == wanted
