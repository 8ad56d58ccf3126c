# SPDX-License-Identifier: Apache-2.0
"""The unit files, as systemd itself judges them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from irqaffinity.state.one_agent import RUN

FOLDER = Path(__file__).parents[2] / "systemd"
UNIT = FOLDER / "irqaffinity.service"
RELAY = FOLDER / "irqaffinity-relay.service"
SRIOV = FOLDER / "irqaffinity.service.d/sriov.conf"


@pytest.mark.parametrize("source", [UNIT, RELAY], ids=lambda path: path.stem)
def test_the_unit_is_well_formed(source: Path, tmp_path: Path) -> None:
    """The program need not be in /usr/bin for this."""
    unit = tmp_path / source.name
    unit.write_text(source.read_text().replace("/usr/bin/irqaffinity", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("source", "most"), [(UNIT, 3.0), (RELAY, 1.3)], ids=["agent", "relay"])
def test_the_unit_exposes_little(source: Path, most: float, tmp_path: Path) -> None:
    unit = tmp_path / source.name
    unit.write_text(source.read_text())
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(rf"exposure level for {source.name}: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) < most


def test_the_relay_is_no_user_of_the_host_and_gets_its_configuration_all_the_same() -> None:
    lines = RELAY.read_text().splitlines()
    assert {"DynamicUser=yes", "PrivateUsers=yes", "ProtectProc=invisible", "ProcSubset=pid"} <= set(lines)
    (credential,) = (line.removeprefix("LoadCredential=") for line in lines if line.startswith("LoadCredential="))
    name, _, path = credential.partition(":")
    assert path == "/etc/irqaffinity/irqaffinity.conf"
    assert f"ExecStart=/usr/bin/irqaffinity --config-file ${{CREDENTIALS_DIRECTORY}}/{name} relay" in lines


def test_what_the_agent_needs_is_left_to_it() -> None:
    options = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"\w+=", line))
    assert {"ProtectKernelTunables", "PrivateUsers", "ProtectProc", "ProcSubset"}.isdisjoint(options)
    assert (options["Type"], options["Restart"], options["StartLimitIntervalSec"]) == ("notify", "always", "0")
    assert options["CapabilityBoundingSet"] == ""
    assert int(options["TimeoutStopSec"]) > 5
    assert f"/run/{options['RuntimeDirectory']}" == RUN
    assert options["RuntimeDirectoryPreserve"] == "yes"
    assert f"/var/log/{options['LogsDirectory']}" in (Path(__file__).parents[2] / "doc/logs.rst").read_text()


def test_enforced_isolation_needs_nothing_that_the_agent_has_not() -> None:
    """The default affinity is below /proc/irq; irqbalance has a socket in /run, or an abstract one of the network."""
    options = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"\w+=", line))
    assert options["ReadWritePaths"].split() == ["/proc/irq", "-/sys/kernel/tracing/instances"]
    assert "AF_UNIX" in options["RestrictAddressFamilies"].split()
    assert {"PrivateNetwork", "PrivateUsers", "InaccessiblePaths", "TemporaryFileSystem"}.isdisjoint(options)


def merge_options(*files: Path) -> dict[str, str]:
    """Return the options of a unit with its drop-ins, lists as systemd joins them."""
    found: dict[str, str] = {}
    for file in files:
        for line in file.read_text().splitlines():
            if re.match(r"\w+=", line):
                name, value = line.split("=", 1)
                is_list = name in ("CapabilityBoundingSet", "ReadWritePaths")
                found[name] = f"{found.get(name, '')} {value}".strip() if is_list else value
    return found


def test_the_drop_in_for_sriov_is_well_formed_and_gives_no_more_than_is_needed(tmp_path: Path) -> None:
    unit, folder = tmp_path / UNIT.name, tmp_path / f"{UNIT.name}.d"
    unit.write_text(UNIT.read_text().replace("/usr/bin/irqaffinity", "/bin/true"))
    folder.mkdir()
    (folder / SRIOV.name).write_text(SRIOV.read_text())
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    plain, more = merge_options(UNIT), merge_options(UNIT, SRIOV)
    assert {name for name in more if more[name] != plain.get(name)} == {
        "Before",
        "CapabilityBoundingSet",
        "ReadWritePaths",
    }
    assert set(more["CapabilityBoundingSet"].split()) == {"CAP_NET_ADMIN", "CAP_SYS_PTRACE"}
    assert set(more["ReadWritePaths"].split()) - set(plain["ReadWritePaths"].split()) == {"/sys/devices"}
    assert "nova-compute.service" in more["Before"].split()
    assert "AF_NETLINK" in more["RestrictAddressFamilies"].split()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take capabilities from a process")
def test_root_has_just_the_capabilities_of_the_drop_in() -> None:
    """As systemd starts the agent: with these in the bounding set, and no new privileges."""
    names = merge_options(UNIT, SRIOV)["CapabilityBoundingSet"].lower().replace("cap_", "+").split()
    program = ["setpriv", "--no-new-privs", "--bounding-set", f"-all,{','.join(names)}"]
    told = subprocess.run([*program, "grep", "CapEff", "/proc/self/status"], capture_output=True, text=True, check=True)
    assert int(told.stdout.split()[1], 16) == 1 << 12 | 1 << 19
