# SPDX-License-Identifier: Apache-2.0
"""The unit file, as systemd itself judges it."""

import re
import subprocess
from pathlib import Path

from irqaffinity.state.one_agent import RUN

UNIT = Path(__file__).parents[2] / "systemd/irqaffinity.service"


def test_the_unit_is_well_formed(tmp_path: Path) -> None:
    """The program need not be in /usr/bin for this."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/irqaffinity", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_exposes_little(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text())
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"exposure level for irqaffinity\.service: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) < 3.0


def test_what_the_agent_needs_is_left_to_it() -> None:
    options = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"\w+=", line))
    assert {"ProtectKernelTunables", "PrivateUsers", "ProtectProc", "ProcSubset"}.isdisjoint(options)
    assert (options["Type"], options["Restart"], options["StartLimitIntervalSec"]) == ("notify", "always", "0")
    assert options["CapabilityBoundingSet"] == ""
    assert int(options["TimeoutStopSec"]) > 5
    assert f"/run/{options['RuntimeDirectory']}" == RUN
    assert options["RuntimeDirectoryPreserve"] == "yes"
