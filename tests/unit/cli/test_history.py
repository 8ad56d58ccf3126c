# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity history`: its forms, what it needs, and one clear line for what it cannot show."""

import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from irqaffinity.cli.main import main
from irqaffinity.model.guest import HOST
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.verdict import Cause
from tests.fakes.snapshots import VF2, guest_id
from tests.unit.state.test_history import CHANGE, change, history_in

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder with a history of two lines, and nothing else."""
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    history_in(made).append([change(0), change(60, device=VF2, name=None, cause=Cause.GONE, guest=guest_id(2))])
    return made


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what a run of the command on that folder says, in a place without a configuration."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def call(*arguments: str, state: Path = folder) -> tuple[int, str, str]:
        try:
            status = main(["history", "--state", str(state), *arguments])
        except SystemExit as left:
            status = int(str(left.code))
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_the_document_is_as_the_design_has_it(run: Run) -> None:
    status, out, err = run("-f", "json")
    found = json.loads(out)
    assert (status, err, list(found)) == (0, "", ["schema", "host", "time", "lines"])
    assert found["schema"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["time"])
    assert found["lines"][0] == {
        "time": "2026-11-20T12:00:00Z",
        "guest": CHANGE.guest,
        "name": "vm",
        "device": str(CHANGE.device),
        "irqs": "40-41",
        "from": "0-15",
        "to": "2-3",
        "cause": "birth",
        "verdict": "set",
        "setting": None,
    }


def test_the_table_names_the_host_where_others_have_their_guest(run: Run, folder: Path) -> None:
    own = change(90, guest=HOST, name=None, cause=Cause.ISOLATION, device=NO_DEVICE, numbers=(DEFAULT.number,))
    history_in(folder).append([own])
    out = run()[1]
    assert out.splitlines()[3].split()[1:] == ["(host)", "-", "default_smp_affinity", "0-15", "2-3", "isolation", "set"]
    assert out.endswith("3 changes of 2 guests and the host\n")
    assert run("--cause", "isolation")[1].endswith("1 change of the host\n")


def test_the_table_has_a_line_a_change_and_the_uuid_where_no_name_is_known(run: Run) -> None:
    status, out, _ = run()
    head, first, second, _, summary = out.splitlines()
    assert (status, summary) == (0, "2 changes of 2 guests")
    assert head.split() == ["TIME", "NAME", "DEVICE", "IRQS", "FROM", "TO", "CAUSE", "VERDICT"]
    row = [str(CHANGE.device), "40-41", "0-15", "2-3", "birth", "set"]
    assert first.split() == ["2026-11-20T12:00:00Z", "vm", *row]
    assert second.split()[:2] == ["2026-11-20T12:01:00Z", guest_id(2)]


def test_the_table_fits_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irqaffinity.cli.screen._width", lambda: 80)
    head, *lines = run("--guest", "vm")[1].splitlines()
    assert head.split() == ["TIME", "NAME", "DEVICE", "IRQS", "FROM", "TO", "CAUSE", "VERDICT"]
    monkeypatch.setattr("irqaffinity.cli.screen._width", lambda: 70)
    head, *lines = run("--guest", "vm")[1].splitlines()
    assert head.split() == ["TIME", "NAME", "DEVICE", "FROM", "TO", "CAUSE", "VERDICT"]
    assert max(map(len, [head, *lines])) <= 70


def test_forms_and_columns_are_those_of_all_reports(run: Run) -> None:
    assert run("-f", "csv", "-c", "time", "-c", "cause", "--sort", "time:desc")[1].splitlines() == [
        "time,cause",
        "2026-11-20T12:01:00Z,gone",
        "2026-11-20T12:00:00Z,birth",
    ]
    assert run("-f", "value", "-c", "irqs", "-c", "to")[1] == "40-41 2-3\n40-41 2-3\n"
    assert "- time: '2026-11-20T12:00:00Z'" in run("-f", "yaml")[1]


@pytest.mark.parametrize(
    ("arguments", "causes"),
    [
        (["--since", "2026-11-20T12:00:30Z"], ["gone"]),
        (["--until", "2026-11-20T12:00:30"], ["birth"]),
        (["--guest", "vm"], ["birth"]),
        (["--device", str(VF2)], ["gone"]),
        (["--irq", "41", "--cause", "gone"], ["gone"]),
    ],
)
def test_it_is_narrowed(run: Run, arguments: list[str], causes: list[str]) -> None:
    assert run("-f", "value", "-c", "cause", *arguments)[1].split() == causes


def test_what_moved_lately_counts_back_from_now(run: Run, folder: Path) -> None:
    now = datetime.now(timezone.utc)
    history_in(folder).append([CHANGE._replace(time=now - timedelta(hours=1, minutes=ago)) for ago in (5, -5)])
    assert len(run("--since", "1h", "-f", "value")[1].splitlines()) == 1


def test_nothing_to_show_is_said_in_words_and_is_no_failure(run: Run) -> None:
    assert run("--since", "2026-11-21", "--guest", "vm", "--cause", "reset") == (
        0,
        "the history has no change since 2026-11-21T00:00:00Z of guest vm for the cause reset\n",
        "",
    )
    assert run("--since", "2026-11-21", "-f", "csv")[1] == "time,guest,name,device,irqs,from,to,cause,verdict,setting\n"
    assert json.loads(run("--since", "2026-11-21", "-f", "json")[1])["lines"] == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--guest", "vm9"], "no line of the history has a guest 'vm9'; without a filter, all lines are shown"),
        (["--device", "eth0"], "no line of the history has a device 'eth0'; without a filter, all lines are shown"),
        (["--irq", "7"], "no line of the history has an interrupt 7; without a filter, all lines are shown"),
    ],
)
def test_the_unknown_is_one_line(run: Run, arguments: list[str], line: str) -> None:
    assert run(*arguments) == (1, "", f"irqaffinity: {line}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "x"],
        ["--irq", "-1"],
        ["--cause", "why"],
        ["-c", "owner"],
        ["--since", "1h", "--until", "2h"],
        ["--since", "2026-11-20", "--until", "2026-11-20"],
    ],
)
def test_wrong_usage_is_64(run: Run, arguments: list[str]) -> None:
    assert run(*arguments)[0] == 64


def test_what_cannot_be_read_is_one_line_and_stays_as_it_is(run: Run, folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    (folder / "history.db").write_bytes(b"x" * 5000)
    (folder / "history.db").chmod(0o600)
    status, out, err = run()
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"irqaffinity: {folder}")
    assert os.listdir(folder) == ["history.db"]


@pytest.mark.parametrize("has_folder", [True, False])
def test_without_a_history_there_is_no_change_and_a_warning_says_why(
    run: Run, folder: Path, caplog: pytest.LogCaptureFixture, *, has_folder: bool
) -> None:
    for file in folder.iterdir():
        file.unlink()
    if not has_folder:
        folder.rmdir()
    assert run()[:2] == (0, "the history has no change\n")
    why = "nothing has been moved yet, or [history] lines is 0"
    what = f"{folder} has no history.db" if has_folder else f"there is no folder {folder}"
    assert caplog.messages == [f"{what}: {why}"]
    assert json.loads(run("-f", "json")[1])["lines"] == []
    assert run("--irq", "7")[0] == 1


def test_with_a_folder_named_no_configuration_has_to_be_right(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.conf"
    broken.write_text("[audit\n")
    assert run("--config-file", str(broken))[0] == 0


def test_without_one_the_configuration_names_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = tmp_path / "right.conf"
    right.write_text(f"[DEFAULT]\nhost = cmp-7\n[state]\npath = {folder}\n")
    assert main(["history", "--config-file", str(right), "-f", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["host"], len(found["lines"])) == ("cmp-7", 2)
    right.write_text("[audit\n")
    assert main(["history", "--config-file", str(right)]) == 1
