# SPDX-License-Identifier: Apache-2.0
"""podman makes a unit of the Quadlet file, and the unit for podman without Quadlet says the same."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.artefacts import TREE
from tests.packaging.quadlet import CONTAINER, UNIT, generated, lines, options, with_irqbalance

ADDED = {"SourcePath", "RequiresMountsFor"}
"""What Quadlet adds to [Unit]."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The unit that podman itself makes."""
    folder = tmp_path_factory.mktemp("quadlet")
    shutil.copy(CONTAINER, folder)
    return generated(folder)


def test_podman_makes_the_service_that_is_meant(made: str) -> None:
    assert ["--cap-drop", "all"] in options(made)
    assert ["--read-only"] in options(made)
    assert ["-v", "/proc/irq:/host/proc/irq"] in options(made)
    assert ("Restart", "always") in lines(made, "Service")
    assert lines(made, "Install") == [("WantedBy", "multi-user.target")]


def test_the_unit_for_older_podman_runs_the_same_container(made: str) -> None:
    assert options(UNIT.read_text()) == options(made)


def test_both_reach_irqbalance_where_that_is_switched_on_and_only_there(made: str, tmp_path: Path) -> None:
    (tmp_path / CONTAINER.name).write_text(with_irqbalance(CONTAINER.read_text()))
    switched, unit = generated(tmp_path), with_irqbalance(UNIT.read_text())
    more = [["--env", "OS_ISOLATION__IRQBALANCE_SOCKETS=/run/irqbalance"], ["-v", "/run/irqbalance:/run/irqbalance:ro"]]
    assert [option for option in options(switched) if option not in options(made)] == more
    assert options(unit) == options(switched)
    made_first = ("ExecStartPre", "/usr/bin/mkdir -p /run/irqbalance")
    assert [made_first in lines(each, "Service") for each in (switched, unit, made)] == [True, True, False]
    assert "irqbalance" not in str(options(made))


@pytest.mark.parametrize("section", ["Unit", "Service", "Install"])
def test_the_unit_for_older_podman_is_the_one_that_podman_makes(made: str, section: str) -> None:
    def settings(unit: str) -> set[tuple[str, str]]:
        return {(name, text) for name, text in lines(unit, section) if name not in ADDED | {"ExecStart", "After"}}

    assert settings(UNIT.read_text()) == settings(made)


def test_it_starts_after_what_the_service_starts_after() -> None:
    def after(unit: str) -> list[str]:
        return [text for name, text in lines(unit, "Unit") if name == "After"]

    service = after((TREE / "systemd/irqaffinity.service").read_text())
    assert after(CONTAINER.read_text()) == after(UNIT.read_text()) == service


@pytest.mark.parametrize("which", ["made", "shipped", "with irqbalance"])
def test_systemd_takes_it(made: str, which: str, tmp_path: Path) -> None:
    path = tmp_path / "irqaffinity.service"
    shipped = UNIT.read_text()
    path.write_text({"made": made, "shipped": shipped, "with irqbalance": with_irqbalance(shipped)}[which])
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
