# SPDX-License-Identifier: Apache-2.0
"""The process that applies what is declared, for real: on a host of files, and with what can go wrong."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from irqaffinity.agent import sriov_process
from irqaffinity.agent.sriov_process import Ended, ask
from irqaffinity.conf.child import ChildFailed
from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.model.declared import DeclaredPf, Setting
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import VfSettings
from irqaffinity.sriov.task import Task
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.past import Wanted, read_history
from tests.fakes.declared import make_host, make_task
from tests.fakes.tree import HostTree

NIC = "0000:41:00.0"


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    return make_host(tmp_path)


@pytest.fixture
def task(tree: HostTree, tmp_path: Path) -> Task:
    specs = parse_device_spec('{"address": "0000:41:00.0", "physical_network": "sriov-a"}')
    wish = DeclaredPf("ens1f0", num_vfs=4, autoprobe=False, settings=VfSettings(trust=True))
    return make_task(tree, tmp_path, wish, specs)


def test_it_does_the_work_and_answers(task: Task, tree: HostTree) -> None:
    found = ask(task, lambda: False)
    assert [(row["setting"], row["vfs"], row["verdict"]) for row in found.rows] == [
        ("autoprobe", None, "set"),
        ("trust", "0-3", "unsupported"),
    ]
    assert (found.drifts, found.is_sure, found.unsupported) == (0, True, frozenset())
    assert {made: count for made, count in found.writes.items() if count} == {"set": 1}
    assert (tree.device_folder(NIC) / "sriov_drivers_autoprobe").read_text().strip() == "0"
    (line,) = read_history(StateFolder(task.state_path), Wanted())
    assert (line["device"], line["setting"], line["cause"]) == (NIC, "autoprobe", "sriov")


def test_without_libvirt_it_is_not_sure(task: Task) -> None:
    task.libvirt_uri = "test:///nowhere/at/all.xml"
    found = ask(task, lambda: False)
    assert not found.is_sure


def test_a_host_that_cannot_be_read_is_one_line(task: Task) -> None:
    task.sys = "/nowhere"
    with pytest.raises(ChildFailed, match=r"^/nowhere/bus/pci/devices does not exist: point --sys or ") as caught:
        ask(task, lambda: False)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import os; os._exit(3)", "the process that applies [sriov] pf was ended with status 3; look at what it "),
        ("import os; os.kill(os.getpid(), 9)", "the process that applies [sriov] pf was ended by signal 9; look at "),
        ("print('hello')", "the process that applies [sriov] pf gave no answer that can be read; see what else of "),
        ("print('{}')", "the process that applies [sriov] pf gave no answer that can be read; see what else of "),
        ("print('[]')", "the process that applies [sriov] pf gave no answer that can be read; see what else of "),
    ],
)
def test_what_can_go_wrong_with_it(task: Task, monkeypatch: pytest.MonkeyPatch, program: str, told: str) -> None:
    monkeypatch.setattr(sriov_process, "_PROGRAM", f"import sys; sys.stdin.read; {program}")
    with pytest.raises(ChildFailed) as caught:
        ask(task, lambda: False)
    assert str(caught.value).startswith(told)


def test_an_agent_that_ends_does_not_wait_for_it(task: Task, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = tmp_path / "pid"
    program = f"import os, time; open({str(name)!r}, 'w').write(str(os.getpid())); os.read(0, 1); time.sleep(3600)"
    monkeypatch.setattr(sriov_process, "_PROGRAM", program)
    with pytest.raises(Ended):
        ask(task, name.exists)


def test_its_values_come_as_they_are(task: Task) -> None:
    task.unsupported = frozenset({(PciAddress.parse(NIC), Setting.TRUST)})
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer), 'pyroute2' in sys.modules)"
    asked = pickle.dumps(task)
    done = subprocess.run([sys.executable, "-c", program], input=asked, capture_output=True, check=True)
    assert done.stdout.decode() == f"{pickle.loads(asked)} False\n"
    assert pickle.loads(asked) == task
