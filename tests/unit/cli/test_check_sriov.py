# SPDX-License-Identifier: Apache-2.0
"""`check` tells what `sriov` cannot tell, and what the agent cannot apply, for a missing right."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from irqaffinity.cli.check_sriov import check_sriov
from irqaffinity.cli.session import Session
from irqaffinity.model.finding import Finding
from irqaffinity.observe.holders import HOST_PROCESSES
from tests.fakes.holding import show_host_processes
from tests.fakes.host import FakeHost

PF = "0000:41:00.0"
DECLARED = '[sriov]\napply = {}\npf = {{"devname": "ens1f0", "numvfs": {}}}\n'
NETLINK = (
    "what virtual functions are set to cannot be told: needs the network namespace of the host (hostNetwork: true or "
    "--net=host) and its own /sys"
)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path / "host")
    made.add_physical_function(PF, 0, netdev="ens1f0")
    show_host_processes(made)
    return made


def check(folder: Path, text: str = "") -> list[Finding]:
    """Check the host in a folder, with these lines of configuration."""
    file = folder / "irqaffinity.conf"
    file.write_text(text)
    arguments = argparse.Namespace(
        config_file=[str(file)],
        config_dir=None,
        nova_config=None,
        proc=str(folder / "proc"),
        sys=str(folder / "sys"),
        libvirt_uri=None,
        state=str(folder / "state"),
        debug=False,
    )
    findings = list(check_sriov(Session.read(arguments)))
    assert all(finding.text.isprintable() for finding in findings)
    return findings


def test_a_host_without_such_devices_has_no_line(tmp_path: Path) -> None:
    host = FakeHost(tmp_path / "host")
    assert check(host.proc.parent) == []
    (host.sys / "bus/pci/devices").rmdir()
    assert check(host.proc.parent) == []


def test_where_all_can_be_told_it_says_so(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this host's own has netlink."""
    monkeypatch.setattr("irqaffinity.cli.check_sriov.open_netlink", lambda _root: object())
    told = "1 device can have virtual functions, and who uses them can be told"
    assert check(host.proc.parent) == [Finding("sriov", True, told)]


def test_what_cannot_be_told_is_named_with_the_right_that_is_missing(host: FakeHost) -> None:
    assert check(host.proc.parent) == [Finding("sriov", True, NETLINK)]
    (host.proc / "2/stat").unlink()
    (finding,) = check(host.proc.parent)
    assert finding.is_ok, "sriov is read by whoever asks; the agent does without"
    assert finding.text.endswith(f"{HOST_PROCESSES}; {NETLINK}")
    assert finding.text.startswith("which process holds a function of vfio cannot be told: ")


PROGRAM = """
import sys
from pathlib import Path
from tests.unit.cli.test_check_sriov import check
for finding in check(Path(sys.argv[1]), sys.argv[2]):
    print(finding.is_ok, finding.text)
"""


@pytest.mark.parametrize(
    ("mode", "count", "lacks"),
    [
        ("off", 8, []),
        ("watch", 8, ["CAP_NET_ADMIN", "sriov_numvfs"]),
        ("watch", "null", ["CAP_NET_ADMIN"]),
    ],
)
def test_what_the_agent_shall_apply_and_cannot_is_not_in_order(
    host: FakeHost, mode: str, count: int | str, lacks: list[str]
) -> None:
    """Where root runs this, the process has the files of root and none of its capabilities."""
    text = DECLARED.format(mode, count).replace(', "numvfs": null', ', "vf": {"trust": true}')
    (host.device_folder(PF) / "sriov_numvfs").chmod(0o444)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    command = [*bare, sys.executable, "-c", PROGRAM, str(host.proc.parent), text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{not lacks} ")
    told = [right for right in ("CAP_NET_ADMIN", "sriov_numvfs") if right in line]
    assert told == lacks
    assert f"[sriov] apply = {mode} needs" in line or not lacks


def test_root_lacks_nothing(host: FakeHost) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has the rights of root")
    assert check(host.proc.parent, DECLARED.format("watch", 8)) == [Finding("sriov", True, NETLINK)]
