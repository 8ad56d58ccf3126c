# SPDX-License-Identifier: Apache-2.0
"""Programs of root's that move interrupts too are found by their name, and where it matters by their files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.observe.rivals import ADVICE, advise, find_rivals, look_for_rivals, shows_processes
from irqaffinity.observe.root import HostRoot
from tests.fakes.host import FakeHost
from tests.functional.agent import wait_for

NOBODY = 65534


def test_irqbalance_is_found_among_the_processes(host: FakeHost) -> None:
    assert (find_rivals(host.root), shows_processes(host.root)) == ((), False)
    host.add_process(1, "systemd")
    assert (find_rivals(host.root), shows_processes(host.root)) == ((), True)
    host.put(host.proc / "self/comm", "irqbalance")
    host.put(host.proc / "76/comm", "irqbalance")  # it ends meanwhile
    assert find_rivals(host.root) == ()
    host.add_process(77, "irqbalance")
    host.add_process(78, "irqbalance")
    (host.proc / "79").mkdir()
    assert find_rivals(host.root) == ("irqbalance",)


def test_a_process_of_another_user_is_none_whatever_its_name(host: FakeHost) -> None:
    host.add_process(77, "irqbalance", uid=1000)
    host.add_process(78, "irqbalance", uid=10)
    assert find_rivals(host.root) == ()


def test_the_advice_on_several_rivals_names_each() -> None:
    assert advise(()) is None
    assert advise(("tuned",)) == ADVICE["tuned"]
    assert advise(("irqbalance", "udevd")) == f"irqbalance: {ADVICE['irqbalance']}; udevd: {ADVICE['udevd']}"


def found(host: FakeHost) -> dict[str, str]:
    """Return what is found of each rival, and check that there is a remedy for it."""
    rivals = look_for_rivals(host.root)
    assert all(rival.advice == ADVICE[rival.name] for rival in rivals)
    assert find_rivals(host.root) == tuple(rival.name for rival in rivals)
    return {rival.name: rival.found for rival in rivals}


@pytest.mark.parametrize(
    ("comm", "words", "name", "file"),
    [
        ("set_irq_affinit", "/bin/bash /usr/sbin/set_irq_affinity.sh eth0", "set_irq_affinity", "set_irq_affinity.sh"),
        ("bash", "bash -x ./set_irq_affinity_cpulist.sh 0-1 eth0", "set_irq_affinity", "set_irq_affinity_cpulist.sh"),
        ("sh", "sh irq_balance.sh", "set_irq_affinity", "irq_balance.sh"),
        ("mlnx_affinity", "/bin/bash /usr/sbin/mlnx_affinity start", "set_irq_affinity", "mlnx_affinity"),
        ("pci-irq-affinit", "/usr/bin/python3 /usr/bin/pci-irq-affinity-agent", "starlingx", "pci-irq-affinity-agent"),
        ("python", "python -u /opt/nova-pci-irq-affinity-agent", "starlingx", "nova-pci-irq-affinity-agent"),
        ("pci-irq-affinit", "pci-irq-affinity-agent", "starlingx", "pci-irq-affinity-agent"),
    ],
)
def test_scripts_are_found_by_the_file_that_runs(host: FakeHost, comm: str, words: str, name: str, file: str) -> None:
    host.add_process(77, comm, words=words.split())
    assert found(host) == {name: f"{file} runs"}
    host.add_process(77, comm, uid=1000, words=words.split())
    assert found(host) == {}


@pytest.mark.parametrize(
    ("comm", "words"),
    [
        ("vim", ["vim", "set_irq_affinity.sh"]),
        ("bash", ["bash", "-c", "set_irq_affinity.sh"]),
        ("bash", ["-bash"]),
        ("bash", ["bash", "deploy.sh", "set_irq_affinity.sh"]),
        ("show_irq_affini", ["/bin/bash", "/usr/sbin/show_irq_affinity.sh", "eth0"]),
        ("python3", ["python3", "-m", "tuned"]),
        ("set_irq_affinit", ["set_irq_affinity_of_the_neighbour.pl"]),
        ("bash", []),
        ("kworker/0:1-eve", []),
        ("irqbalance-ui", ["irqbalance-ui"]),
    ],
)
def test_other_programs_are_none(host: FakeHost, comm: str, words: list[str]) -> None:
    host.add_process(77, comm, words=words)
    assert found(host) == {}


def test_the_command_lines_of_other_users_are_not_read(host: FakeHost) -> None:
    host.add_process(77, "bash", uid=1000)
    (host.proc / "77/cmdline").unlink()
    (host.proc / "77/cmdline").mkdir()
    host.reads = 0
    assert found(host) == {}
    assert host.reads < 12


@pytest.mark.parametrize("comm", ["tuned", "python3.9"])
def test_tuned_counts_while_its_profile_moves_interrupts(host: FakeHost, comm: str) -> None:
    active = host.proc / "1/root/etc/tuned/active_profile"
    host.put(active, "cpu-partitioning")
    host.put(
        host.proc / "1/root/usr/lib/tuned/cpu-partitioning/tuned.conf", "[scheduler]\nisolated_cores=${isolated_cores}"
    )
    assert found(host) == {}
    host.add_process(77, comm, words=["/usr/bin/python3", "-Es", "/usr/sbin/tuned", "-l", "-P"])
    assert found(host) == {"tuned": "tuned runs with the profile cpu-partitioning: [scheduler] isolated_cores"}
    host.put(active, "balanced")
    assert found(host) == {}


def test_udevd_counts_while_a_link_file_moves_interrupts(host: FakeHost) -> None:
    link = "etc/systemd/network/10-nic.link"
    host.add_process(77, "systemd-udevd")
    assert found(host) == {}
    host.put(host.proc / "1/root" / link, "[Link]\nIRQAffinityPolicy=spread")
    assert found(host) == {"udevd": f"systemd-udevd runs with IRQAffinityPolicy= in /{link}"}


def test_rivals_come_in_the_order_of_their_names_and_the_names_are_a_closed_list(host: FakeHost) -> None:
    host.put(host.proc / "1/root/etc/systemd/network/10.link", "[Link]\nIRQAffinityPolicy=spread")
    host.add_process(5, "systemd-udevd")
    host.add_process(6, "irqbalance")
    host.add_process(7, "sh", words=["sh", "set_irq_affinity"])
    host.add_process(8, "sh", words=["sh", "irq_balance\n.sh"])
    assert list(found(host)) == ["irqbalance", "set_irq_affinity", "udevd"]
    assert sorted(ADVICE) == ["irqbalance", "set_irq_affinity", "starlingx", "tuned", "udevd"]


@pytest.fixture
def script(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A script of a vendor's name that root runs, and that waits."""
    path = tmp_path / "set_irq_affinity.sh"
    path.write_text("#!/bin/sh\nread line\n")
    path.chmod(0o755)
    with subprocess.Popen([path], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_real_script(script: subprocess.Popen[bytes], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: only root's programs count")
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / str(script.pid)).symlink_to(f"/proc/{script.pid}")
    comm = Path(f"/proc/{script.pid}/comm")
    wait_for("its name", lambda: comm.read_text() == "set_irq_affinit\n")
    (rival,) = look_for_rivals(HostRoot(proc=str(proc)))
    assert (rival.name, rival.found) == ("set_irq_affinity", "set_irq_affinity.sh runs")


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Path]:
    """A program that waits, by the name of a rival, where every user may start it."""
    if os.geteuid() != 0:
        pytest.skip("needs root: nobody else can start a process of another user")
    folder = Path("/tmp") / f"irqaffinity-{os.getpid()}"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    shutil.copy("/bin/sleep", folder / "irqbalance")
    yield folder / "irqbalance"
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("users", "rivals"),
    [((0, 0), ("irqbalance",)), ((NOBODY, NOBODY), ()), ((NOBODY, 0), ())],
    ids=["root", "nobody", "nobody with a set-user-ID program"],
)
def test_real_processes(named: Path, tmp_path: Path, users: tuple[int, int], rivals: tuple[str, ...]) -> None:
    """Those of this machine are left out: one of its own may be a rival."""
    begin = f"import os; os.setresuid(*{users}, {users[1]}); os.execv({str(named)!r}, ['x', '1000000'])"
    with subprocess.Popen([sys.executable, "-c", begin]) as process:
        try:
            (tmp_path / str(process.pid)).symlink_to(f"/proc/{process.pid}")
            comm = Path(f"/proc/{process.pid}/comm")
            wait_for("its name", lambda: comm.read_text() == "irqbalance\n")
            assert find_rivals(HostRoot(proc=str(tmp_path))) == rivals
        finally:
            process.kill()


def test_a_proc_that_is_away_shows_none(host: FakeHost) -> None:
    host.proc.rename(host.proc.with_name("away"))
    assert (find_rivals(host.root), shows_processes(host.root)) == ((), False)
