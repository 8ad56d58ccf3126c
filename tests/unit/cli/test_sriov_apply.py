# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity sriov apply` on a host of files: its forms, its exit statuses, and what it leaves in the history."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.cli.main import main
from irqaffinity.cli.sriov_apply import exit_status
from irqaffinity.model.declared import Made, Setting, Step
from irqaffinity.state.history import HISTORY
from tests.fakes.tree import HostTree, sriov_host

Run = Callable[..., tuple[int, str, str]]

NIC, PORT, NVME = "0000:41:00.0", "0000:41:00.1", "0000:81:00.0"


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    made = HostTree(tmp_path / "host", {0: "0-7", 1: "8-15"}, "0-15")
    sriov_host(made)
    return made


@pytest.fixture
def run(tree: HostTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what the command says, with these values of [sriov] pf."""

    def call(*arguments: str, declared: tuple[dict[str, Any], ...] = ()) -> tuple[int, str, str]:
        file = tmp_path / "irqaffinity.conf"
        lines = [f"pf = {json.dumps(each)}" for each in declared]
        file.write_text("\n".join(["[sriov]", *lines, "[libvirt]", "uri = test:///default", ""]))
        common = ["--config-file", str(file), "--proc", str(tree.proc), "--sys", str(tree.sys)]
        try:
            status = main(["sriov", "apply", *common, "--state", str(tmp_path / "state"), *arguments])
        except SystemExit as left:
            status = int(str(left.code))
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_nothing_is_declared(run: Run) -> None:
    assert run() == (0, "nothing is declared: set [sriov] pf\n", "")
    status, out, _ = run("-f", "json")
    assert (status, json.loads(out)["steps"]) == (0, [])


def test_what_is_declared_of_functions_alone_needs_some(run: Run) -> None:
    told = "nothing to do: [sriov] pf declares no number of virtual functions, and there is none to set\n"
    assert run(declared=({"devname": "ens1f1", "vf": {"trust": True}},)) == (0, told, "")


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(run: Run, tree: HostTree, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tree.sys.rglob("*") if path.is_file()}
    declared = ({"devname": "ens1f1", "numvfs": 8, "vf": {"trust": True}},)
    status, out, err = run("--dry-run", declared=declared)
    assert (status, err) == (2, "")
    assert out.splitlines() == [
        "PF      VF   SETTING  FROM  TO    VERDICT    MESSAGE",
        "ens1f1  -    numvfs   0     8     would_set  -",
        "ens1f1  0-7  trust    -     true  would_set  once it is there",
        "",
        "9 declared: 9 would_set",
    ]
    assert before == {path: path.read_bytes() for path in tree.sys.rglob("*") if path.is_file()}
    assert not (tmp_path / "state").exists()


def test_the_document(run: Run) -> None:
    _, out, _ = run("--dry-run", "-f", "json", declared=({"address": NVME, "numvfs": 3},))
    found = json.loads(out)
    assert list(found) == ["schema", "host", "time", "dry_run", "steps"]
    assert (found["schema"], found["dry_run"]) == (1, True)
    assert found["steps"] == [
        {
            "pf": NVME,
            "netdev": None,
            "vf": None,
            "setting": "numvfs",
            "from": 2,
            "to": 3,
            "verdict": "refused",
            "message": "another count removes all 2 first, none in use; irqaffinity sriov apply --force does it",
        }
    ]
    status, out, _ = run("-f", "csv", "-c", "pf", "-c", "verdict", declared=({"address": NVME, "numvfs": 3},))
    assert (status, out) == (1, f"pf,verdict\n{NVME},refused\n")


def test_what_netlink_would_tell_is_not_known_on_another_host(run: Run) -> None:
    status, out, _ = run(
        "-f", "value", "-c", "vf", "-c", "verdict", declared=({"devname": "ens1f0", "vf": {"vlan": 7}},)
    )
    assert status == 0
    assert out.splitlines() == [f"{vf} unsupported" for vf in range(4)]


def test_what_is_written_stands_in_the_history_and_a_refused_count_is_never_forced(
    run: Run, tree: HostTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkdir(tmp_path / "state", 0o700)
    status, _, err = run(declared=({"devname": "ens1f0", "numvfs": 6, "autoprobe": False},))
    assert (status, err) == (1, "")
    folder = tree.device_folder(NIC)
    assert (folder / "sriov_drivers_autoprobe").read_text().strip() == "0"
    assert (folder / "sriov_numvfs").read_text().strip() == "4"
    assert main(["history", "--state", str(tmp_path / "state"), "-f", "json", "--cause", "sriov"]) == 0
    (line,) = json.loads(capsys.readouterr().out)["lines"]
    assert (line["device"], line["irqs"], line["from"], line["to"]) == (NIC, "autoprobe", "true", "false")
    assert (line["guest"], line["cause"], line["verdict"]) == (None, "sriov", "set")


def test_force_says_first_what_is_removed_and_the_count_is_read_back(run: Run, tree: HostTree) -> None:
    status, out, err = run("--force", declared=({"devname": "ens1f0", "numvfs": 6},))
    assert (status, err) == (1, "ens1f0: all 4 virtual functions are removed\n")
    assert "it has 4, and should have 6: the kernel accepted it" in out, "files remove no functions"


def test_a_dry_run_of_force_says_what_would_be_removed(run: Run) -> None:
    status, out, err = run("--dry-run", "--force", "-f", "json", declared=({"devname": "ens1f0", "numvfs": 6},))
    (step,) = json.loads(out)["steps"]
    assert (status, step["verdict"], err) == (2, "would_set", "")
    assert step["message"] == "another count removes all 4 first, none in use"


def test_one_device_alone(run: Run) -> None:
    declared = ({"devname": "ens1f0", "numvfs": 4}, {"devname": "ens1f1", "numvfs": 8})
    status, out, _ = run("--dry-run", "--pf", "41:00.0", declared=declared)
    assert (status, out) == (0, "1 declared: 1 ok\n")
    status, _, err = run("--dry-run", "--pf", NVME, declared=declared)
    assert (status, err) == (
        1,
        f"irqaffinity: [sriov] pf declares nothing of {NVME}: name another device, or add it\n",
    )
    assert run("--pf", "ens9", declared=declared)[0] == 1


def test_a_state_that_cannot_be_read_keeps_everything_as_it_is(run: Run, tree: HostTree, tmp_path: Path) -> None:
    os.mkdir(tmp_path / "state", 0o700)
    (tmp_path / "state/state.db").write_bytes(b"x" * 4096)
    (tmp_path / "state/state.db").chmod(0o600)
    status, _, err = run(declared=({"devname": "ens1f0", "autoprobe": False},))
    assert status == 1
    assert "state.db" in err
    assert (tree.device_folder(NIC) / "sriov_drivers_autoprobe").read_text().strip() == "1"
    assert not (tmp_path / "state" / HISTORY).exists()


@pytest.mark.parametrize(
    ("made", "status"),
    [
        ((), 0),
        ((Made.OK, Made.SET, Made.UNSUPPORTED, Made.HELD), 0),
        ((Made.OK, Made.WOULD_SET), 2),
        ((Made.WOULD_SET, Made.REFUSED), 1),
        ((Made.SET, Made.FAILED), 1),
    ],
)
def test_the_exit_status(made: tuple[Made, ...], status: int) -> None:
    assert exit_status([Step(None, None, None, Setting.NUMVFS, 0, 1, each) for each in made]) == status


def test_what_a_user_of_a_function_has_set_is_no_failure() -> None:
    drift = Step(None, None, 0, Setting.TRUST, True, False, Made.REFUSED, is_drift=True)
    assert exit_status([drift]) == 0
    assert exit_status([drift, drift._replace(is_drift=False)]) == 1
