# SPDX-License-Identifier: Apache-2.0
"""A run over what is declared, for real: what happens between its look and its write."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.model.declared import DeclaredPf, Made
from irqaffinity.observe.moment import read_moment
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.holds import add_hold, lift_holds
from irqaffinity.sriov import task as module
from irqaffinity.sriov.task import Task
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from tests.fakes.declared import make_host, make_task
from tests.fakes.tree import HostTree

NIC = "0000:41:00.0"


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    return make_host(tmp_path)


@pytest.fixture
def task(tree: HostTree, tmp_path: Path) -> Task:
    return make_task(tree, tmp_path, DeclaredPf("ens1f0", autoprobe=False))


def after(monkeypatch: pytest.MonkeyPatch, name: str, happens: Callable[[], None]) -> None:
    """Have something happen right after a part of the run is over."""
    real = getattr(module, name)

    def do(*values: Any) -> Any:
        found = real(*values)
        happens()
        return found

    monkeypatch.setattr(module, name, do)


def autoprobe(tree: HostTree) -> str:
    return (tree.device_folder(NIC) / "sriov_drivers_autoprobe").read_text().strip()


def test_a_hold_that_is_made_after_the_plan_counts(task: Task, tree: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = HostRoot(task.proc, task.sys)
    store, moment = Store(StateFolder(task.state_path), read_boot_id(root)), read_moment(root)
    with monkeypatch.context() as patched:
        hold = lambda: add_hold(store, moment, moment.now + timedelta(hours=1), "upgrade")  # noqa: E731
        after(patched, "peek", lambda: None if store.peek().holds else hold() and None)
        (step,) = task.apply()
    assert (step.made, step.was_written, autoprobe(tree)) == (Made.HELD, False, "1")
    lift_holds(store, moment, lambda _: True)
    (step,) = task.apply()
    assert (step.made, autoprobe(tree)) == (Made.SET, "0")


def test_a_device_that_gets_another_driver_after_the_look_is_left_alone(
    task: Task, tree: HostTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = tree.device_folder(NIC) / "driver"
    after(monkeypatch, "look_at_functions", lambda: driver.unlink(missing_ok=True))
    (step,) = task.apply()
    assert (step.made, autoprobe(tree)) == (Made.REFUSED, "1")
    assert step.message == (
        "the device itself is in use: nobody can tell who uses it: its driver was ice a moment ago, and is none now"
    )
