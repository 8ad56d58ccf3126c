# SPDX-License-Identifier: Apache-2.0
"""The live view in a real terminal, over a tree of 64 guests, and over this machine's own interrupts."""

import contextlib
import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from irqaffinity.cli import columns
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.observe.arrivals import ArrivalCounter
from irqaffinity.observe.root import HostRoot
from tests.fakes.counts import Counts
from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.scene import DEDICATED, GUEST, OTHER, VF0, VF1
from tests.fakes.tree import HostTree
from tests.functional.agent import PROGRAM, wait_for
from tests.functional.conftest import Libvirtd, RealDevice, read_real_devices
from tests.functional.terminal import AS_JOB, Terminal, running, state_of, wait_until_ended
from tests.functional.test_agent import TEST, Stage

SCHEMA = json.loads((Path(__file__).parents[1] / "schema/top-1.json").read_text())
DISK = "0000:a1:00.0"
GUESTS = 64
VECTORS = 4


def address(guest: int) -> str:
    return f"0000:{guest + 1:02x}:00.0"


def name(guest: int) -> str:
    return f"instance-{guest + 1:08x}"


def uuid(guest: int) -> str:
    return f"00000000-0000-4000-8000-{guest:012x}"


@dataclass
class Host:
    """A host of 128 CPUs with 64 guests, each with two of them and a device, whose interrupts keep on arriving.

    Each guest's interrupts arrive on its first CPU. Of guest 5 a tenth arrives on the CPU of guest 6, where a disk of
    the host's arrives too, whose interrupts the kernel manages. The timer ticks there as well.
    """

    tree: HostTree
    counts: Counts
    uri: str

    def arrive(self) -> None:
        """Let everything arrive once more."""
        for guest in range(0, GUESTS, 3):
            self.counts.arrive(100 + guest * VECTORS, 2 * guest, 10 * (guest + 1))
        self.counts.arrive(100 + 5 * VECTORS, 10, 900)
        self.counts.arrive(100 + 5 * VECTORS, 12, 100)
        self.counts.arrive(24, 12, 7)
        self.counts.timer[12] += 1280
        self.counts.writes_files = False
        path = self.tree.proc / "interrupts"
        path.with_name("new").write_text(self.counts.table())
        path.with_name("new").rename(path)

    @contextlib.contextmanager
    def arriving(self) -> Iterator[None]:
        """Let everything arrive again and again."""
        is_over = threading.Event()

        def run() -> None:
            while not is_over.wait(0.05):
                self.arrive()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def command(self, *arguments: str) -> list[str | Path]:
        """Return the command line of `top` over this host, without a state and with nothing in its configuration."""
        places = [f"--proc={self.tree.proc}", f"--sys={self.tree.sys}", f"--libvirt-uri={self.uri}"]
        return [PROGRAM, *places, "--state=/nowhere/at/all", "top", *arguments]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("top")
    tree = HostTree(folder / "host", {0: "0-63", 1: "64-127"}, "0-127")
    counts = Counts(tree, "0-127")
    counts.add(24, "nvme0q4")
    tree.add_device(DISK, 0)
    tree.add_host_interrupt(24, "nvme0q4", "12-13", "12", address=DISK, is_managed=True)
    domains = []
    for guest in range(GUESTS):
        first = 100 + guest * VECTORS
        tree.add_device(address(guest), int(guest >= GUESTS // 2))
        tree.add_vectors(address(guest), range(first, first + VECTORS), f"{2 * guest}-{2 * guest + 1}", f"{2 * guest}")
        for index in range(VECTORS):
            counts.add(first + index, f"vfio-msix[{index}]({address(guest)})")
        pins = [str(2 * guest), str(2 * guest + 1)]
        devices = [hostdev(address(guest))]
        domains.append(domain(name(guest), uuid(guest), pins, devices, metadata=nova_metadata("nfv", DEDICATED)))
    made = Host(tree, counts, make_libvirt(folder / "libvirt", domains))
    counts.write()
    with made.arriving():
        yield made


@pytest.fixture
def view(host: Host) -> Iterator[Terminal]:
    """The view in a terminal of 80 x 24, which shows something."""
    with running(host.command("--delay", "0.2")) as terminal:
        wait_until_whole(terminal)
        yield terminal


def rows(terminal: Terminal) -> list[list[str]]:
    """Return the words of each line of the table."""
    return [line.split() for line in terminal.text.split("\n")[5:-1] if line.strip()]


def rates(terminal: Terminal) -> list[float]:
    return [float(row[3]) for row in rows(terminal)]


def wait_until_whole(terminal: Terminal) -> None:
    """Read until a whole screen of 24 lines is there, of an interval in which something arrived."""
    terminal.wait(lambda: len(rows(terminal)) == 18 and any({name(5), "10.0%"} <= set(row) for row in rows(terminal)))
    terminal.wait("wrong: arrivals outside the target of 1 device")
    terminal.wait(lambda: terminal.text.split("\n")[-1].startswith("q quit"))


def test_a_screen_of_80_columns_tells_what_arrives_where(view: Terminal) -> None:
    head, totals, trouble, _, columns, *_ = view.text.split("\n")
    assert re.match(r"irqaffinity top  \S+  \d\d:\d\d:\d\dZ  every \d+\.\d s, own cost \d", head)
    assert re.match(r"64 guests, 64 devices, 256 interrupts: \w+/s, \d+\.\d% outside their target", totals)
    assert trouble == "wrong: arrivals outside the target of 1 device"
    assert columns.split() == ["DEVICE", "GUEST", "TARGET", "RATE/S", "OUTSIDE", "VERDICT", "ARRIVES", "ON"]
    of_five = next(row for row in rows(view) if row[1] == name(5))
    assert (of_five[0], of_five[2], of_five[4], of_five[5]) == (address(5), "10-11", "10.0%", "ok")
    assert [cell.partition(":")[0] for cell in of_five[6:]] == ["10", "12"]
    assert view.red(name(5)).split() == ["10.0%"]
    assert max(map(len, view.text.split("\n"))) <= 80


def test_keys_order_filter_and_turn_the_view(view: Terminal) -> None:
    view.wait(lambda: rates(view)[0] > 0 and rates(view) == sorted(rates(view), reverse=True))
    view.type("d")
    view.wait("order device or CPU")
    view.wait(lambda: [row[0] for row in rows(view)] == [address(guest) for guest in range(18)])
    view.type("d")
    view.wait(lambda: rows(view)[0][0] == address(63))
    view.type("o")
    view.wait(lambda: rows(view)[0][1] == name(5))
    view.type(f"/{name(9)}")
    view.wait(f"/{name(9)}_")
    view.wait(lambda: [row[1] for row in rows(view)] == [name(9)])
    view.type("\n")
    view.wait(f"only: {name(9)}")
    view.type("\x1b")
    view.wait(lambda: len(rows(view)) == 18)


def test_the_table_can_be_scrolled_to_its_end(view: Terminal) -> None:
    view.type("d")
    view.wait(lambda: rows(view)[0][0] == address(0))
    view.type("\x1b[6~")
    view.wait(lambda: rows(view)[0][0] == address(18))
    view.type("\x1b[A")
    view.wait(lambda: rows(view)[0][0] == address(17))
    view.type("\x1b[4~")
    view.wait(lambda: rows(view)[-1][0] == address(63))


def test_by_guest_and_by_cpu(view: Terminal) -> None:
    view.type("b")
    view.wait("b by guest")
    view.wait(lambda: rows(view)[0][:3] == [name(5), "1", "10-11"])
    view.type("\t")
    view.wait("FOREIGN ARE")
    view.type("o")
    view.wait(lambda: rows(view)[0][:3] == ["12", name(6), "0"])
    view.wait(lambda: {name(5), "nvme0q4"} <= set(rows(view)[0]))
    line = r"(?m)^foreign on CPUs of guests: \S+/s; the kernel's own on each: LOC \S+/s$"
    view.wait(lambda: re.search(line, view.text) is not None)


def test_by_intruder(view: Terminal) -> None:
    view.type("bbb")
    view.wait("b by intruder")
    view.wait("MOVABLE")

    def shown() -> list[list[str]]:
        """Return what is shown of each interrupt, but for the rate, and the one CPU."""
        return [[*row[:5], row[6].partition(":")[0]] for row in rows(view) if len(row) > 6]

    first = str(100 + 5 * VECTORS)
    view.wait(lambda: [row[0] for row in shown()] == [first, "24"])
    view.wait(lambda: shown()[1] == ["24", "nvme0q4", DISK, "no", name(6), "12"])
    view.wait(lambda: shown()[0][2:] == [address(5), "yes", name(6), "12"])


def test_pause_keeps_the_numbers_and_help_tells_the_keys(view: Terminal) -> None:
    view.type("p")
    view.wait("PAUSED")
    before = rows(view)
    view.type("h")
    assert "order by verdict" in view.wait("Ctrl-C")
    view.type("h")
    view.wait(lambda: rows(view) == before)
    view.type(" ")
    view.wait(lambda: "PAUSED" not in view.text)
    view.wait(lambda: rows(view) != before)


def test_q_leaves_and_the_terminal_is_as_before(view: Terminal) -> None:
    assert not view.has_its_modes
    view.type("q")
    assert view.wait_for_end() == 0
    assert view.has_its_modes


def test_ctrl_c_leaves_with_the_status_of_all_commands(view: Terminal) -> None:
    view.type("\x03")
    assert view.wait_for_end() == 130
    assert view.has_its_modes
    assert "Traceback" not in view.text


def test_sigterm_leaves_and_the_terminal_is_as_before(view: Terminal) -> None:
    view.process.send_signal(signal.SIGTERM)
    assert view.wait_for_end() == 0
    assert view.has_its_modes


def test_ctrl_z_gives_the_terminal_back_until_the_view_goes_on(host: Host) -> None:
    with running([*AS_JOB, *host.command("--delay", "0.2")]) as terminal:
        wait_until_whole(terminal)
        assert not terminal.has_its_modes
        job = terminal.child()
        terminal.type("\x1a")
        terminal.wait(lambda: state_of(job) == "T")
        assert terminal.has_its_modes
        terminal.screen.reset()
        os.kill(job, signal.SIGCONT)
        wait_until_whole(terminal)
        assert not terminal.has_its_modes
        terminal.type("q")
        assert terminal.wait_for_end() == 0
        assert terminal.has_its_modes


def test_another_size_is_taken_at_once(view: Terminal) -> None:
    view.resize(132, 40)
    view.wait(lambda: len(rows(view)) == 34)
    view.resize(40, 10)
    view.wait(lambda: len(rows(view)) == 4)
    assert max(map(len, view.text.split("\n"))) <= 40
    view.resize(39, 9)
    view.wait("40 x 10 are needed")
    view.resize(80, 24)
    view.wait(lambda: len(rows(view)) == 18)
    view.type("q")
    assert view.wait_for_end() == 0


@pytest.mark.parametrize("starter", [[], ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"]], ids=["hup", "no hup"])
def test_a_terminal_that_dies_ends_the_view(host: Host, starter: list[str]) -> None:
    """Where SIGHUP is ignored nothing tells of it: the view has to see for itself."""
    with running([*starter, *host.command("--delay", "0.2")]) as terminal:
        wait_until_whole(terminal)
        terminal.die()
        assert wait_until_ended(terminal.process) == 1


@pytest.mark.parametrize(
    ("environment", "option"), [({"TERM": "vt100"}, "auto"), ({"NO_COLOR": "1"}, "auto"), ({}, "never")]
)
def test_without_colours_what_is_wrong_is_reversed(host: Host, environment: dict[str, str], option: str) -> None:
    with running(host.command("--delay", "0.2", f"--color={option}"), environment) as terminal:
        wait_until_whole(terminal)
        place = next(place for place, line in enumerate(terminal.screen.display) if name(5) in line)
        row = terminal.screen.buffer[place]
        assert "".join(row[x].data for x in range(80) if row[x].reverse).strip() == "10.0%"
        assert b"\x1b[31m" not in terminal.written


def test_a_serial_line_that_does_not_know_its_size_has_that_of_its_type(host: Host) -> None:
    with running(host.command("--delay", "0.2"), {"TERM": "vt100"}, 0, 0) as terminal:
        terminal.screen.resize(24, 80)
        wait_until_whole(terminal)


@pytest.mark.parametrize(
    ("environment", "size", "said"),
    [
        ({"TERM": "dumb"}, (80, 24), "a terminal of the type 'dumb' cannot place its cursor: use --once"),
        ({"TERM": "no-such-terminal"}, (80, 24), "this host does not know the type of terminal 'no-such-terminal': "),
        ({"TERM": ""}, (80, 24), "TERM is not set: set TERM to a known type, such as xterm, or use --once"),
        ({}, (39, 24), "the terminal has 39 x 24 characters and the live view needs 40 x 10: make it larger, or"),
        ({}, (80, 9), "the terminal has 80 x 9 characters and the live view needs 40 x 10"),
    ],
)
def test_a_terminal_that_cannot_show_it_is_told_in_one_line(
    host: Host, environment: dict[str, str], size: tuple[int, int], said: str
) -> None:
    with running(host.command(), environment, *size) as terminal:
        assert terminal.wait_for_end() == 1
        assert b"irqaffinity: " + said.encode() in terminal.written
        assert terminal.written.count(b"\n") == 1
        assert terminal.has_its_modes


def test_an_error_leaves_the_terminal_as_before() -> None:
    view = "from irqaffinity.cli.top_terminal import opened_terminal\nwith opened_terminal(is_coloured=True):\n"
    code = f"{view}    raise RuntimeError('x')"
    with running([sys.executable, "-c", code]) as terminal:
        assert terminal.wait_for_end() == 1
        assert terminal.has_its_modes
        assert b"RuntimeError: x" in terminal.written


def run(command: list[str | Path], status: int = 0, **options: Any) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_where_no_terminal_is_the_next_step_is_told(host: Host) -> None:
    done = run(host.command(), 1)
    assert done.stderr == ("irqaffinity: standard output is not a terminal, which the live view needs: use --once\n")


def test_libvirt_that_is_away_is_told_at_the_start(host: Host) -> None:
    command = [PROGRAM, "--libvirt-uri=test:///nowhere/at/all.xml", "top"]
    said = run([*command, "--once"], 1).stderr
    assert re.search(
        "^irqaffinity: libvirt at test:///nowhere/at/all.xml is not reachable: .*\n\\Z", said, re.MULTILINE
    )
    with running(command) as terminal:
        assert terminal.wait_for_end() == 1
        assert b"is not reachable" in terminal.written
        assert b"\x1b" not in terminal.written


def test_libvirt_that_goes_away_later_is_told_and_its_guests_are_shown(
    libvirtd: Libvirtd, tree: HostTree, tmp_path: Path
) -> None:
    counts = Counts(tree, "0-15")
    counts.add(40, "vfio-msix[0]")
    counts.write()
    stage = Stage(tmp_path, libvirtd, tree, None)
    stage.create(VF0)
    places = [f"--proc={tree.proc}", f"--sys={tree.sys}", f"--libvirt-uri={libvirtd.uri(*TEST)}"]
    with running([PROGRAM, *places, "top", "--delay", "0.2"]) as terminal:
        terminal.wait(lambda: "would_set" in terminal.text and "q quit" in terminal.text)
        libvirtd.stop()
        terminal.type("l")
        terminal.wait("wrong: guests are shown as of ")
        assert VF0 in terminal.text
        libvirtd.start()
        stage.keep_alive()
        stage.create(VF1, uuid=OTHER)

        def is_looked_at_again() -> bool:
            terminal.type("l")
            return VF1 in terminal.text

        terminal.wait(is_looked_at_again)
        terminal.wait(lambda: "guests are shown as of" not in terminal.text and VF0 not in terminal.text)


def arrived(host: Host, *arguments: str, has: Callable[[str], object]) -> str:
    """Return what is printed of an interval that `has` what arrives again and again: a busy machine has others too."""
    printed: list[str] = []

    def is_whole() -> object:
        printed.append(run(host.command("--delay", "0.3", *arguments)).stdout)
        return has(printed[-1])

    wait_for("an interval in which everything arrived", is_whole)
    return printed[-1]


def test_one_interval_as_json(host: Host) -> None:
    text = arrived(host, "--once", "-f", "json", has=lambda text: json.loads(text)["devices"][5]["arrived"])
    found = json.loads(text)
    jsonschema.validate(found, SCHEMA)
    assert found["seconds"] >= 0.3
    assert [row["address"] for row in found["devices"]] == [address(guest) for guest in range(GUESTS)]
    assert tuple(found["devices"][0]) == columns.ARRIVED_DEVICES
    assert tuple(found["guests"][0]) == columns.ARRIVED_GUESTS
    assert tuple(found["cpus"][0]) == columns.ARRIVED_CPUS
    assert tuple(found["intruders"][0]) == columns.ARRIVED_INTRUDERS
    five = found["devices"][5]
    assert (five["guest"], five["target"], five["outside"]) == (uuid(5), "10-11", 0.1)
    assert five["arrived"] == {"10": 9 * five["arrived"]["12"], "12": five["arrived"]["12"]}
    assert five["rate"] == pytest.approx(10 * five["arrived"]["12"] / found["seconds"], rel=0.01)
    assert found["devices"][1]["outside"] is None
    twelve = found["cpus"][12]
    assert (twelve["cpu"], twelve["guest"], twelve["vcpu"]) == (12, uuid(6), 0)
    assert [irq["name"] for irq in twelve["foreign_irqs"]] == [f"vfio-msix[0]({address(5)})", "nvme0q4"]
    assert twelve["foreign"] == pytest.approx(sum(irq["rate"] for irq in twelve["foreign_irqs"]), rel=0.01)
    assert [(row["irq"], row["owner"]) for row in found["intruders"]] == [(100 + 5 * VECTORS, uuid(5)), (24, None)]
    disk = found["intruders"][1]
    assert (disk["name"], disk["device"], disk["movable"]) == ("nvme0q4", DISK, False)
    assert (disk["cpus"], disk["guests"], disk["guest_names"]) == ("12", [uuid(6)], [name(6)])
    assert disk["arrived"] == {"12": 7 * found["kernel"][0]["arrived"]["12"] // 1280}
    assert found["kernel"][0]["row"] == "LOC"


def test_one_interval_as_a_table_and_as_csv(host: Host) -> None:
    out = run(host.command("--once", "--delay", "0.3")).stdout
    assert f"{address(5)} {name(5)} 10-11" in out
    options = ["--once", "--by", "cpu", "-f", "csv", "--sort", "foreign:desc"]
    by_cpu = arrived(host, *options, has=lambda text: "nvme0q4" in text)
    first = next(csv.DictReader(io.StringIO(by_cpu)))
    assert (first["cpu"], first["name"]) == ("12", name(6))
    options = ["--by", "intruder", "-f", "csv", "--sort", "irq"]
    by_intruder = arrived(host, *options, has=lambda text: "nvme0q4" in text)
    first = next(csv.DictReader(io.StringIO(by_intruder)))
    assert (first["irq"], first["name"], first["movable"]) == ("24", "nvme0q4", "false")
    assert json.loads(first["guests"]) == [uuid(6)]
    one = run(host.command("--delay", "0.1", "--by", "guest", "-f", "value", "-c", "name", "-c", "cpus")).stdout
    assert one.split("\n")[5] == f"{name(5)} 10-11"


def test_a_column_of_another_list_is_told_with_those_that_there_are(host: Host) -> None:
    said = run(host.command("--by", "cpu", "-c", "address"), 64).stderr
    assert re.search("'address' is not a column.*cpu, guest, name, vcpu, rate, foreign, foreign_irqs", said)


def test_neither_root_nor_a_state_nor_a_boot_id_is_needed(host: Host, short_folder: Path) -> None:
    """The user is changed once everything is imported, for this Python may stand where only root can read."""
    tree = HostTree(short_folder / "host", {0: "0-7"}, "0-7")
    tree.add_device(address(0), 0)
    tree.add_vectors(address(0), [40], "2", "2")
    counts = Counts(tree, "0-7")
    counts.add(40, "vfio-msix[0]")
    counts.write()
    guest = domain("vm", GUEST, ["2"], [hostdev(address(0))], metadata=nova_metadata("nfv", DEDICATED))
    uri = make_libvirt(short_folder / "libvirt", [guest])
    code = (
        "import os, sys\nimport irqaffinity.cli.top, irqaffinity.hypervisor.connection\n"
        "from irqaffinity.cli.main import main\n"
        "os.setgroups([]); os.setresgid(*[65534] * 3); os.setresuid(*[65534] * 3)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    places = [f"--proc={tree.proc}", f"--sys={tree.sys}", f"--libvirt-uri={uri}", f"--state={short_folder}/nowhere"]
    options = ["--once", "--delay", "0.1", "-f", "json"]
    found = json.loads(run([sys.executable, "-c", code, *places, "top", *options]).stdout)
    assert found["devices"][0]["target"] == "2"


@contextlib.contextmanager
def interrupting() -> Iterator[None]:
    """Make devices of this machine interrupt again and again: its source of random numbers, and its network."""
    is_over = threading.Event()

    def run_random() -> None:
        with contextlib.suppress(OSError), Path("/dev/hwrng").open("rb", buffering=0) as source:
            while not is_over.is_set():
                source.read(64)

    def run_network() -> None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not is_over.wait(0.01):
                with contextlib.suppress(OSError):
                    sender.sendto(b"irqaffinity", ("192.0.2.1", 9))

    threads = [threading.Thread(target=target) for target in (run_random, run_network)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@dataclass(frozen=True)
class Busy:
    """A device of this machine that interrupts, and a CPU on which fewer of its interrupts arrive than on another."""

    device: RealDevice
    quiet: int


@pytest.fixture
def busy(as_root: None, kept_affinity: None) -> Iterator[Busy]:
    """What interrupts while the test runs, and can be moved."""
    online = sorted(CpuSet.parse(Path("/sys/devices/system/cpu/online").read_text()))
    with interrupting():
        counter = ArrivalCounter(HostRoot())
        counter.read()
        threading.Event().wait(0.5)
        arrived = counter.read().arrived
        found = []
        for device in read_real_devices():
            counts = [arrived.get(number, {}) for number in device.movable] if not device.managed else []
            by_cpu = {cpu: sum(count.get(cpu, 0) for count in counts) for cpu in online}
            found.append((sum(by_cpu.values()), device, min(by_cpu, key=lambda cpu: by_cpu[cpu])))
        total, busiest, quiet = max(found, key=lambda entry: entry[0], default=(0, None, 0))
        if busiest is None or total < 5:
            pytest.skip("no device of this machine whose interrupts can be moved interrupts for randomness or network")
        yield Busy(busiest, quiet)


def test_what_is_pinned_arrives_on_its_cpu_alone(busy: Busy, tmp_path: Path) -> None:
    """The interrupts of a real device are pinned to a CPU on which few or none have arrived, and counted there."""
    pinned = str(busy.quiet)
    metadata = nova_metadata("nfv", DEDICATED)
    guest = domain("pinned", GUEST, [pinned], [hostdev(busy.device.address)], metadata=metadata)
    options = [f"--libvirt-uri={make_libvirt(tmp_path / 'libvirt', [guest])}", f"--state={tmp_path / 'state'}"]
    run([PROGRAM, *options, "audit", "--once"])
    top = [PROGRAM, *options, "top", "--once", "--delay", "0.5", "-f", "json"]
    run(top)  # an interrupt that is set follows at its next arrival
    found = json.loads(run(top).stdout)
    jsonschema.validate(found, SCHEMA)
    row = next(row for row in found["devices"] if row["address"] == busy.device.address)
    assert (row["target"], set(row["arrived"]), row["outside"]) == (pinned, {pinned}, 0.0)
    assert row["verdict"] in ("ok", "pending")  # what never arrives stays pending
    assert row["rate"] > 0
    on_cpu = next(row for row in found["cpus"] if row["cpu"] == busy.quiet)
    assert (on_cpu["guest"], on_cpu["vcpu"]) == (GUEST, 0)
