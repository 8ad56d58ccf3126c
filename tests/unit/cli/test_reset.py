# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity reset` under a hold."""

from datetime import timedelta
from pathlib import Path

import pytest

from irqaffinity.cli.main import main
from irqaffinity.observe.moment import read_moment
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.holds import add_hold
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from tests.fakes.scene import VF0, Scene


def test_it_names_the_hold_and_changes_nothing_until_it_is_forced(
    scene: Scene, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    now, path = read_moment(scene.host.root), tmp_path / "other"
    store = Store(StateFolder(str(path)), now.boot_id)
    scene.add_guest(VF0)
    Auditor("cmp-12", scene.host.root, scene, scene.policy, store).audit()
    add_hold(store, now, now.now + timedelta(hours=1), "firmware of the switch")
    arguments = ["--proc", str(scene.host.proc), "--sys", str(scene.host.sys), "--state", str(path), "reset"]
    assert main(arguments) == 1
    said = capfd.readouterr()
    assert "hold 1 (firmware of the switch) until " in said.err
    assert said.err.rstrip().endswith(": lift it first with irqaffinity unhold, or use --force")
    assert scene.host.smp(40) == "2-3"
    assert main([*arguments, "--force"]) == 0
    assert scene.host.smp(40) == scene.host.smp(41) == "0-15"
    left = store.load()
    assert (left.records, left.deferred, [hold.id for hold in left.holds.values()]) == ({}, {}, [1])
