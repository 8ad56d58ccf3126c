# SPDX-License-Identifier: Apache-2.0
"""Options that do not go together are refused before anything is touched, with their places and a way out."""

import re
from pathlib import Path

import pytest

from irqaffinity.conf.load import ConfigError, load
from irqaffinity.plan.policy import IsolationMode
from tests.fakes.snapshots import cpus

ENFORCE = "[isolation]\nmode = enforce\n"
WAYS_OUT = (
    "set [isolation] housekeeping_cpus; or set [placement] dedicated_cpus, then all other CPUs are housekeeping CPUs"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "irqaffinity.conf"


def test_enforce_without_housekeeping_cpus_names_the_line_and_the_ways_out(file: Path) -> None:
    file.write_text(f"# ours\n{ENFORCE}minimum = 1\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file}:3: [isolation] mode: ")) as caught:
        load([str(file)])
    assert WAYS_OUT in str(caught.value)
    assert str(caught.value).isprintable()
    assert "enforce" not in str(caught.value).removeprefix(str(file))


def test_each_way_out_is_one(file: Path) -> None:
    file.write_text(f"{ENFORCE}housekeeping_cpus = 0-1\n")
    assert load([str(file)]).policy.isolation.housekeeping_cpus == cpus("0-1")
    file.write_text(f"{ENFORCE}[placement]\ndedicated_cpus = 2-15\n")
    assert load([str(file)]).policy.isolation.mode is IsolationMode.ENFORCE


@pytest.mark.parametrize("mode", [IsolationMode.OFF, IsolationMode.REPORT])
def test_the_other_modes_need_no_housekeeping_cpus(file: Path, mode: IsolationMode) -> None:
    file.write_text(f"[isolation]\nmode = {mode.value}\n")
    assert load([str(file)]).policy.isolation.mode is mode


def test_the_files_may_share_the_work_and_the_last_mode_counts(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    file.write_text(ENFORCE)
    other.write_text("[placement]\ndedicated_cpus = 2-15\n")
    assert load([str(file), str(other)]).policy.isolation.mode is IsolationMode.ENFORCE
    other.write_text("[isolation]\nmode = report\n")
    assert load([str(file), str(other)]).policy.isolation.mode is IsolationMode.REPORT
    with pytest.raises(ConfigError, match=re.escape(f"{file}:2: [isolation] mode: ")):
        load([str(other), str(file)])


@pytest.mark.parametrize("mode", IsolationMode)
def test_a_cpu_is_not_both_the_hosts_and_the_guests(file: Path, mode: IsolationMode) -> None:
    file.write_text(
        f"[placement]\ndedicated_cpus = 2-15\n[isolation]\nmode = {mode.value}\nhousekeeping_cpus = 0-2,77\n"
    )
    told = f"{file}:5: [isolation] housekeeping_cpus: it has CPUs that {file}:2: [placement] dedicated_cpus has too"
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        load([str(file)])
    assert "77" not in str(caught.value).replace(str(file), "")
    file.write_text("[placement]\ndedicated_cpus = 2-15\n[isolation]\nhousekeeping_cpus = 0-1\n")
    assert load([str(file)]).policy.isolation.housekeeping_cpus == cpus("0-1")


def test_the_environment_is_named_where_it_decides(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[isolation]\nmode = off\n")
    monkeypatch.setenv("OS_ISOLATION__MODE", "enforce")
    with pytest.raises(ConfigError, match=re.escape("OS_ISOLATION__MODE: [isolation] mode: ")):
        load([str(file)])
    monkeypatch.setenv("OS_ISOLATION__HOUSEKEEPING_CPUS", "0")
    monkeypatch.setenv("OS_PLACEMENT__DEDICATED_CPUS", "0-3")
    both = "OS_ISOLATION__HOUSEKEEPING_CPUS: [isolation] housekeeping_cpus: it has CPUs that OS_PLACEMENT__"
    with pytest.raises(ConfigError, match=re.escape(both)):
        load([str(file)])


def test_a_value_of_the_command_line_counts_and_is_named(file: Path) -> None:
    file.write_text("[placement]\ndedicated_cpus = 2-15\n")
    given = {("isolation", "mode"): "enforce", ("isolation", "housekeeping_cpus"): "1-2"}
    with pytest.raises(ConfigError, match=re.escape("command line: [isolation] housekeeping_cpus: it has CPUs that ")):
        load([str(file)], overrides=given)
    file.write_text("[audit]\ninterval = 5\n")
    with pytest.raises(ConfigError, match=re.escape("command line: [isolation] mode: ")):
        load([str(file)], overrides={("isolation", "mode"): "enforce"})
