# SPDX-License-Identifier: Apache-2.0
"""The broker's password is in no output of the real program, whatever slip is made in which file."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.tree import HostTree
from tests.functional.agent import PROGRAM, Agent, ended, wait_for
from tests.functional.rabbitmq import free_ports
from tests.patience import HANG

PASSWORD = "Zq7vKx9Wj"
URL = f"rabbit://nova:{PASSWORD}@127.0.0.1:1/"
RABBIT = f"[DEFAULT]\ntransport_url = {URL}\n[oslo_messaging_rabbit]\n"
LEGACY = f"[notifications]\nnotification_format = both\n[DEFAULT]\ntransport_url = {URL}\n"

SLIPS = {
    "an indented option that continues a value": f"[DEFAULT]\nhost = cmp-1\n  transport_url = {URL}\n",
    "an indented option that continues a switch": f"[DEFAULT]\ndebug = true\n\ttransport_url = {URL}\n",
    "an indented option that continues nothing": f"[DEFAULT]\n  transport_url = {URL}\n",
    "an indented URL alone": f"[audit]\ninterval = 60\n  {URL}\n",
    "an indented password alone": f"[audit]\ninterval = 60\n  {PASSWORD}\n",
    "no name in front of =": f"[DEFAULT]\n= {URL}\n",
    "no =": f"[DEFAULT]\ntransport_url {URL}\n",
    "no = and no URL": f"[DEFAULT]\ntransport_url {PASSWORD}\n",
    "a colon for =": f"[DEFAULT]\ntransport_url: {URL}\n",
    "a group that is not closed": f"[DEFAULT transport_url = {URL}\n",
    "a group that is closed late": f"[DEFAULT\ntransport_url = {URL}]\n",
    "a line that begins with [": f"[DEFAULT]\n[transport_url = {URL}\n",
    "a group that is a URL": f"[{URL}]\nx = y\n",
    "a group that is nearly one of ours": f"[oslo_messaging_notifications{PASSWORD}]\nx = y\n",
    "no group": f"transport_url = {URL}\n",
    "a switch": f"[DEFAULT]\ndebug = {URL}\n",
    "a number": f"[audit]\ninterval = {URL}\n",
    "a choice": f"[placement]\nnuma = {URL}\n",
    "a list of CPUs": f"[placement]\ndedicated_cpus = {URL}\n",
    "masks": f"[placement]\nflavor_masks = {URL}\n",
    "a mask": f'[placement]\nflavor_masks = nfv:"{PASSWORD}"\n',
    "a device": f"[pci]\ndevice_spec = {URL}\n",
    "a device's address": f'[pci]\ndevice_spec = {{"address": "{URL}"}}\n',
    "a device's bus": f'[pci]\ndevice_spec = {{"address": "{PASSWORD}:00.0"}}\n',
    "a device's boolean": f'[pci]\ndevice_spec = {{"managed": "{URL}"}}\n',
    "a device's expression": f'[pci]\ndevice_spec = {{"address": {{"bus": "(?P<{PASSWORD}"}}}}\n',
    "a host": f"[DEFAULT]\nhost = {URL}\n",
    "a folder": f"[host]\nproc = {URL}\n",
    "the status": f"[status]\npath = {URL}\n",
    "the state": f"[state]\npath = {URL}\n",
    "libvirt": f"[libvirt]\nuri = {URL}\n",
    "an exchange": f"[notifications]\nexchange = {URL}\n",
    "topics": f"[notifications]\nversioned_notifications_topics = {URL}\n",
    "topics of the library": f"[oslo_messaging_notifications]\ntopics = {URL}\n{LEGACY}",
    "an address": f"[metrics]\nbind = {URL}\n",
    "a port": f"[metrics]\nport = {URL}\n",
    "a source elsewhere": f"[DEFAULT]\nconfig_source = {URL}\n",
    "a $ in the password": f"[DEFAULT]\ntransport_url = rabbit://nova:x${PASSWORD}@h/\n",
    "a $ in braces": f"[DEFAULT]\ntransport_url = rabbit://nova:x${{{PASSWORD}}}@h/\n",
    "a $ in another option": f"[DEFAULT]\ntransport_url = {URL}\n[state]\npath = /x/$transport_url\n",
    "a URL that names itself": f"[DEFAULT]\ntransport_url = rabbit://nova:{PASSWORD}@$transport_url/\n",
    "a / in the password": f"[DEFAULT]\ntransport_url = rabbit://nova:12/{PASSWORD}@h/v\n",
    "a # in the password": f"[DEFAULT]\ntransport_url = rabbit://nova:12#{PASSWORD}@h/v\n",
    "a ? in the password": f"[DEFAULT]\ntransport_url = rabbit://nova:12?{PASSWORD}@h/v\n",
    "a comma in the password": f"[DEFAULT]\ntransport_url = rabbit://nova:12,{PASSWORD}@h/v\n",
    "a comma behind letters": f"[DEFAULT]\ntransport_url = rabbit://nova:{PASSWORD},x@h/v\n",
    "a password for a node": f"[DEFAULT]\ntransport_url = rabbit://{PASSWORD},nova:x@h/v\n",
    "a bracket in the password": f"[DEFAULT]\ntransport_url = rabbit://nova:[{PASSWORD}@h/v\n",
    "an @ in the password": f"[DEFAULT]\ntransport_url = rabbit://nova:x@{PASSWORD}@h/v\n",
    "another broker": f"[DEFAULT]\ntransport_url = kafka://nova:{PASSWORD}@h/v\n",
    "a port that is none": f"[DEFAULT]\ntransport_url = rabbit://nova:{PASSWORD}@h:amqp/v\n",
    "a URL broken in the password": f"[DEFAULT]\ntransport_url = rabbit://nova:\n{PASSWORD}@h/v\n",
    "a URL broken before base64": f"[DEFAULT]\ntransport_url = rabbit://nova:\n{PASSWORD}==@h/v\n",
    "a URL broken before a colon": f"[DEFAULT]\ntransport_url = rabbit://nova:\n{PASSWORD}:x@h/v\n",
    "a name of the library that is none": f"[oslo_messaging_rabbit]\n{PASSWORD} = x\n",
    "a switch of the library": f"{RABBIT}ssl = {URL}\n",
    "a number of the library": f"{RABBIT}heartbeat_timeout_threshold = {URL}\n",
    "a choice of the library": f"{RABBIT}rabbit_login_method = {URL}\n",
    "a file of TLS": f"{RABBIT}ssl = true\nssl_ca_file = {URL}\n",
    "an old name": f"[DEFAULT]\nnotification_transport_url = {URL}\n",
    "a slip in the name": f"[DEFAULT]\ntransport_ulr = {URL}\n",
    "a NUL": f"[DEFAULT]\ntransport_url = {URL}\0\nhost = x\n",
}


@pytest.fixture
def agent(tree: HostTree, tmp_path: Path) -> Iterator[Agent]:
    """An agent with libvirt's own test driver and a broker that refuses, not started yet."""
    made = Agent(tmp_path / "agent", "test:///default", tree, URL.replace(":1/", f":{free_ports(1)[0]}/"))
    with ended(made):
        yield made


def run(agent: Agent, *arguments: str | Path, environment: dict[str, str] | None = None) -> str:
    """Run the program and return all that it wrote."""
    done = subprocess.run(
        [PROGRAM, "--libvirt-uri=test:///default", f"--proc={agent.tree.proc}", f"--sys={agent.tree.sys}", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
    )
    return done.stdout + done.stderr


def assert_clean(output: str) -> None:
    """Fail where the output has a part of the password, a traceback, or nothing at all."""
    assert [PASSWORD[at : at + 4] for at in range(len(PASSWORD) - 3) if PASSWORD[at : at + 4] in output] == [], output
    assert "Traceback" not in output


@pytest.mark.parametrize("text", SLIPS.values(), ids=SLIPS)
def test_a_slip_is_told_by_each_command_without_the_password(agent: Agent, text: str) -> None:
    own, folder = agent.folder / "own.conf", agent.folder / "conf.d"
    folder.mkdir()
    for path in (own, folder / "10.conf"):
        path.write_text(text)
    state = f"--state={agent.folder / 'state'}"
    for command in (["audit", "--once"], ["--debug", "check"]):
        assert_clean(run(agent, state, "--config-file", own, *command))
    assert_clean(run(agent, state, "--config-file=/dev/null", "--config-dir", folder, "audit", "--once", "--debug"))
    assert_clean(run(agent, state, "--config-file=/dev/null", "--nova-config", own, "check"))


def test_a_running_agent_refuses_or_reads_each_slip_without_the_password(agent: Agent) -> None:
    """The host and the like stay as they are; what a slip leaves readable may be read."""
    nova = agent.folder / "nova.conf"
    nova.touch()
    agent.arguments = [*agent.arguments, "--nova-config", nova]
    agent.set("notifications", enabled=True)
    agent.start()
    configuration = agent.configuration.read_text()
    for text in SLIPS.values():
        for path, good in ((agent.configuration, configuration), (nova, "")):
            path.write_text(text)
            hang_up(agent)
            path.write_text(good)
    assert_clean(agent.log())
    assert agent.log().count("is left as it was") > len(SLIPS)
    assert agent.stop() == 0


def hang_up(agent: Agent) -> None:
    """Have the agent read its configuration again, and wait until it has said what came of it."""
    said = ("the configuration is left as it was", "the configuration was read again")
    before = sum(map(agent.log().count, said))
    agent.signal(signal.SIGHUP)
    wait_for("what came of it", lambda: sum(map(agent.log().count, said)) > before)


REFUSED = ["an indented option that continues a switch", "no name in front of =", "a $ in the password", "a switch"]


@pytest.mark.parametrize("slip", REFUSED)
def test_an_agent_does_not_start_with_a_slip_and_keeps_the_password(agent: Agent, slip: str) -> None:
    own = agent.folder / "own.conf"
    own.write_text(SLIPS[slip])
    output = run(agent, f"--state={agent.folder / 'state'}", "--config-file", own, "--debug", "agent")
    assert_clean(output)
    *first, last = output.splitlines()
    assert all(": the agent starts on host " in line for line in first)
    assert len(first) <= 1
    assert str(own) in last


VARIABLES = {
    "OS_DEFAULT__TRANSPORT_URL": f"rabbit://nova:12/{PASSWORD}@h/v",
    "OS_DEFAULT__DEBUG": URL,
    "OS_AUDIT__INTERVAL": URL,
    "OS_DEFAULT__CONFIG_SOURCE": URL,
    "OS_PCI__DEVICE_SPEC": URL,
    "OS_DEFAULT__HOST": f"x${PASSWORD}",
    f"OS_DEFAULT__TRANSPORT_URL {URL}": "x",
}


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_slip_in_the_environment_is_told_without_the_password(agent: Agent, variable: str) -> None:
    environment = {variable: VARIABLES[variable]}
    for command in (["audit", "--once"], ["check", "--debug"]):
        assert_clean(run(agent, "--config-file=/dev/null", "--state=/nowhere/x", *command, environment=environment))
