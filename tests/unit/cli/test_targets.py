# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity targets`: what the completion of a shell gets from the running agent."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.agent.status_file import publish
from irqaffinity.cli.main import main
from irqaffinity.report.status_report import describe_placement
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene
from tests.fakes.tree import sriov_host
from tests.unit.cli.test_output import published
from tests.unit.cli.test_shell_word import BREAKS

Ask = Callable[..., list[str]]


@pytest.fixture(scope="module")
def placement(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an agent tells of two guests with a device each."""
    scene = Scene(tmp_path_factory.mktemp("scene"))
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    return describe_placement(scene.audit())


@pytest.fixture
def status(placement: dict[str, Any]) -> dict[str, Any]:
    kept = {"mode": "report", "kept": "2-4,10-12", "housekeeping": "", "message": None, "default": None, "irqs": []}
    return published() | {"placement": copy.deepcopy(placement), "isolation": kept}


@pytest.fixture
def file(status: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "status.json"
    publish(str(path), status)
    monkeypatch.setattr("irqaffinity.conf.status_path.DEFAULT", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return path


@pytest.fixture
def ask(file: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    def call(*arguments: str) -> list[str]:
        assert main(["targets", *arguments]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out.splitlines()

    return call


def test_devices_that_can_have_virtual_functions_are_listed_without_an_agent(ask: Ask, tmp_path: Path) -> None:
    host = FakeHost(tmp_path / "host")
    sriov_host(host)
    host.add_device("0000:03:00.0", 0, "nvme")
    (tmp_path / "status.json").unlink()
    assert ask("--kind=pf", f"--sys={host.sys}") == ["ens1f0", "ens1f1", "0000:81:00.0"]
    assert ask("--kind=pf", "--begun", f"--sys={host.sys}")[:2] == ["ens1f0", "0000:41:00.0"]
    assert ask("--kind=pf", f"--sys={tmp_path / 'none'}") == []
    for line, told in (
        (f"--sys {host.sys} sriov --pf en", ["ens1f0", "ens1f1"]),
        (f"sriov --sys {host.sys} --pf ens1f1", ["ens1f1"]),
        (f"sriov apply --sys={host.sys} --pf 0000:8", ["81:00.0"]),  # bash replaces what is behind its last break
    ):
        assert ask(f"--line=irqaffinity {line}", f"--breaks={BREAKS}") == told


def test_names_are_listed_and_the_rest_once_something_is_typed(ask: Ask) -> None:
    assert ask() == ["instance-0", "instance-1", VF0, VF1]
    assert ask("--kind=guest") == ["instance-0", "instance-1"]
    assert ask("--kind=device") == [VF0, VF1]
    assert ask("--kind=guest", "--begun") == ["instance-0", GUEST, "instance-1", OTHER]
    assert ask("--kind=device", "--begun") == [VF0, "40", "41", VF1, "50", "51"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("audit --guest ", ["instance-0", "instance-1"]),
        ("audit --once --guest inst", ["instance-0", "instance-1"]),
        ("--debug audit --proc /p --guest=inst", ["instance-0", "instance-1"]),
        ("audit --guest 2", [OTHER]),
        ("audit --guest web", []),
        ("audit --device ", [VF0, VF1]),
        ("audit --device 0000:4", ["41:00.1"]),
        ("audit --device 5", ["50", "51"]),
        ("explain ", ["instance-0", "instance-1", VF0, VF1]),
        ("explain 4", ["40", "41"]),
        ("explain -- 4", ["40", "41"]),
        ("explain --proc /p 4", ["40", "41"]),
        ("explain --proc ", []),
        ("explain --", []),
        ("explain 40 ", []),
        ("explain c", ["cpu"]),
        ("explain cpu ", ["2", "3", "4", "10", "11", "12"]),
        ("explain cpu 1", ["10", "11", "12"]),
        ("explain -- cpu 1", ["10", "11", "12"]),
        ("explain cpu 2 ", []),
        ("audit --guest cpu ", []),
        ("hold --guest ", ["instance-0", "instance-1"]),
        ("hold --for 2h --device 0000:4", ["41:00.1"]),
        ("hold --reason ", []),
        ("unhold --guest 2", [OTHER]),
        ("unhold --id ", []),
        ("audit ", []),
        ("audit --guest x ", []),
        ("audit -f ", []),
        ("mask ", []),
        ("frobnicate --guest ", []),
        ("", []),
        ("explain 'inst'", []),
    ],
)
def test_a_line_is_completed_where_it_takes_a_target(ask: Ask, line: str, told: list[str]) -> None:
    assert ask("--line", f"irqaffinity {line}", "--breaks", BREAKS) == told


@pytest.mark.parametrize(
    "damage", [None, "", "{}", "[1]", '{"schema": 1}', '{"schema": 9, "pid": 1, "heartbeat": 1.0}']
)
def test_nothing_is_said_where_no_agent_runs_or_its_file_is_damaged(ask: Ask, file: Path, damage: str | None) -> None:
    file.unlink()
    if damage is not None:
        file.write_text(damage)
    assert ask() == ask("--line", "irqaffinity explain ", "--breaks", BREAKS) == []


def test_nothing_is_said_of_a_configuration_that_cannot_be_read(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "irqaffinity.conf").write_text("[status]\npath = {no\n[host]\nnone\n")
    assert ask("--config-file", str(tmp_path / "irqaffinity.conf")) == []


def test_a_status_elsewhere_is_found(ask: Ask, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irqaffinity.conf.status_path.DEFAULT", "/nowhere")
    (tmp_path / "own.conf").write_text(f"[status]\npath = {file}\n")
    assert ask("--config-file", str(tmp_path / "own.conf"), "--kind=guest") == ["instance-0", "instance-1"]


def test_what_is_printed_is_one_line_a_target_whatever_the_file_says(
    ask: Ask, file: Path, status: dict[str, Any]
) -> None:
    status["placement"]["guests"][0]["name"] = "a\nb\x1b[31m"
    status["placement"]["guests"][1]["name"] = "--once"
    status["placement"]["devices"][0]["irqs"] = "1-99999999999,x,5-,7"
    publish(str(file), status)
    assert ask("--kind=guest") == ["a\\x0ab\\x1b[31m"]
    begun = ask("--kind=device", "--begun")
    assert len(begun) < 100_000
    assert begun[-2:] == ["65537", VF1]


def test_nothing_heavy_is_imported(file: Path) -> None:
    code = (
        "import sys; from irqaffinity.conf import status_path; status_path.DEFAULT = sys.argv[1];"
        "from irqaffinity.cli.main import main; main(['targets', '--kind=guest']);"
        "print(*{'oslo_config', 'libvirt', 'sqlite3', 'kombu', 'irqaffinity.passes'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
    assert done.stdout == "instance-0\ninstance-1\n\n"


def test_no_help_tells_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["frobnicate"], ["target"]):
        with pytest.raises(SystemExit):
            main(arguments)
        out, err = capsys.readouterr()
        assert "targets" not in out + err
