# SPDX-License-Identifier: Apache-2.0
"""Talking to irqbalance: the real one, its answers in several versions, and sockets that are none of it."""

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.apply.irqbalance import BalancerGone, BalancerTrouble, Question, parse_setup, tell
from irqaffinity.model.balance import Balancer, Bans, Setup
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.observe.balancers import is_stopped
from irqaffinity.observe.root import HostRoot
from tests.functional.agent import wait_for
from tests.real_irqbalance import GUESTS, RealBalancer, running

SOMEBODY = Balancer(7, ("/nowhere",))


def ask(balancer: Balancer) -> Setup:
    """Return what it has."""
    question = Question(balancer)
    return wait_for("an answer", lambda: question.answer(1.0))


def stop(real: RealBalancer) -> None:
    """Have it stand still."""
    real.send(signal.SIGSTOP)
    wait_for("its stop", lambda: is_stopped(HostRoot(), real.pid))


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealBalancer]:
    with running(tmp_path) as balancer:
        yield balancer


def test_the_real_one_takes_what_it_is_told_and_gives_it_back(real: RealBalancer) -> None:
    assert ask(real.balancer) == Setup(1, Bans())
    tell(real.balancer, "4-7,9", "28 29 30 31")
    assert ask(real.balancer).bans.irqs == (28, 29, 30, 31)
    wanted = Bans(CpuSet.parse("4-7,9"), (28, 29, 30, 31))
    wait_for("its scan", lambda: ask(real.balancer).bans == wanted)
    tell(real.balancer, "NULL", "NONE")
    wait_for("its scan", lambda: ask(real.balancer).bans == Bans())


def test_a_folder_with_too_long_a_name_for_a_socket_is_said() -> None:
    with pytest.raises(
        BalancerTrouble, match=r"irqbalance 7 cannot be reached: AF_UNIX path too long; see \[isolation\]"
    ):
        Question(Balancer(7, (f"/{'x' * 120}/irqbalance7.sock",)))


def test_the_real_one_lives_on_when_it_answers_late(real: RealBalancer) -> None:
    """Who hangs up before the answer ends it: SIGPIPE."""
    stop(real)
    question = Question(real.balancer)
    assert question.answer(0.0) is None
    real.send(signal.SIGCONT)
    assert wait_for("the answer", lambda: question.answer(1.0)) == Setup(1, Bans())
    assert ask(real.balancer) == Setup(1, Bans())


def test_one_that_hangs_takes_no_more_connections_and_one_that_ended_is_gone(real: RealBalancer) -> None:
    stop(real)
    waiting = [Question(real.balancer), Question(real.balancer)]
    with pytest.raises(BalancerTrouble, match=rf"^irqbalance {real.pid} takes no connection: it hangs; restart it$"):
        Question(real.balancer)
    real.stop(signal.SIGKILL)
    with pytest.raises(BalancerGone, match=f"irqbalance {real.pid} has no socket"):
        tell(real.balancer, "3", None)
    for question in waiting:
        with pytest.raises(BalancerTrouble):
            wait_for("the end", lambda question=question: question.answer(1.0))


@pytest.mark.parametrize("banned", ["vfio", "vfio-pci", "vfio_pci"])
def test_the_real_one_knows_a_vfio_device_by_a_part_of_the_name_of_its_driver(tmp_path: Path, banned: str) -> None:
    with running(tmp_path, "--debug", f"--banmod={banned}") as balancer:
        wait_for("its first look", lambda: "LOCAL CPU MASK" in balancer.log())
        left_alone = {number for number in GUESTS if f"IRQ {number} was BANNED" in balancer.log()}
    assert left_alone == (set() if banned == "vfio_pci" else set(GUESTS))


IRQ = "IRQ 28 LOAD 0 DIFF 0 CLASS 0 "


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("SLEEP 10 BANNED 00000000", Setup(10, Bans())),
        (f"SLEEP 10 {IRQ}BANNED 000000f0", Setup(10, Bans(CpuSet.parse("4-7"), (28,)))),
        (f"SLEEP 10 {IRQ}BANNED 00000001,00000000", Setup(10, Bans(CpuSet([32]), (28,)))),
        ("SLEEP 10 IRQ 9 IRQ 3 LOAD 5 BANNED 1", Setup(10, Bans(CpuSet([0]), (3, 9)))),
        ("SLEEP 2 IRQ 9 LOAD 5 MODE new BANNED 1 THERMAL x\n\0", Setup(2, Bans(CpuSet([0]), (9,)))),
    ],
    ids=["nothing", "1.9", "many CPUs", "few fields", "new fields"],
)
def test_answers_of_several_versions(answer: str, expected: Setup) -> None:
    assert parse_setup(SOMEBODY, answer.encode()) == expected


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no",
        b"SLEEP 10",
        b"BANNED 0",
        b"SLEEP ten BANNED 0",
        b"SLEEP 1 SLEEP 2 BANNED 0",
        b"SLEEP 10 IRQ -3 BANNED 0",
        b"SLEEP 10 IRQ 3 LOAD BANNED 0",
        b"SLEEP 10 BANNED 00000000,000",
        b"SLEEP 10 BANNED " + b"f" * 20000,
        b"SLEEP 10 BANNED xyz",
        b"\xff\xfe\x1b[2J",
        b"SLEEP 10 " + IRQ.encode() * 50000 + b"BANNED 0",
    ],
)
def test_what_is_no_answer_is_said_in_one_line(answer: bytes) -> None:
    with pytest.raises(BalancerTrouble) as refused:
        parse_setup(SOMEBODY, answer)
    assert str(refused.value).startswith("irqbalance 7 was asked for its setup and answered ")
    assert str(refused.value).endswith("in its own file, and set [isolation] irqbalance = false")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "irqbalance7.sock"))
        server.listen()
        yield server


def test_a_socket_of_another_user_is_told_nothing() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: nobody else can listen as another user")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        script = (
            "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); "
            "s.listen(); print(flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-I", "-S", "-c", script, f"{folder}/irqbalance7.sock"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"\n"
            with pytest.raises(BalancerGone):
                tell(Balancer(7, (f"{folder}/irqbalance7.sock",)), "3", None)


def test_an_abstract_name_that_another_process_has_taken_is_told_nothing() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        name = b"\0irqaffinity-test" + str(os.getpid()).encode()
        server.bind(name)
        server.listen()
        with pytest.raises(BalancerGone):
            tell(Balancer(os.getpid() + 1, (name,)), "3", None)
        tell(Balancer(os.getpid(), (name,)), "3", None)
        server.accept()[0].close()  # the first, which said nothing
        connection, _ = server.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        text, control, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(12))
        connection.close()
    assert text == b"settings cpus 3"
    assert [data for _, kind, data in control if kind == socket.SCM_CREDENTIALS] == [
        struct.pack("3i", os.getpid(), os.getuid(), os.getgid())
    ]


def test_an_answer_without_end_is_cut_short(listener: socket.socket, tmp_path: Path) -> None:
    question = Question(Balancer(7, (str(tmp_path / "irqbalance7.sock"),)))
    connection, _ = listener.accept()

    def flood() -> None:
        try:
            while True:
                connection.sendall(IRQ.encode() * 1000)
        except OSError:
            connection.close()

    thread = threading.Thread(target=flood)
    thread.start()
    with pytest.raises(BalancerTrouble, match=r"answered 1\d{6} bytes"):
        wait_for("the end of patience", lambda: question.answer(1.0))
    thread.join()
