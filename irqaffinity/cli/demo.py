# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity demo`."""

import argparse
import contextlib
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import say
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.cli.session import explained
from irqaffinity.demo.hosts import make_demo_host
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Policy
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.summary import render_summary
from irqaffinity.report.table import render_table
from irqaffinity.state.memory import MemoryStore

_INTRODUCTION = """\
A made-up host in a temporary folder: CPUs 0-7 are NUMA node 0, CPUs 8-15 node 1. Two guests run on it, each with
a virtual function of a card on either node, and their interrupts may arrive anywhere on the node of the card.
One audit puts each on CPUs that belong to its guest:
"""


def run(arguments: argparse.Namespace) -> int:
    """Audit a made-up host twice; print what the first pass did, and that the second found nothing to do."""
    with _temporary_folder() as folder, explained():
        try:
            tree, uri = make_demo_host(Path(folder))
        except OSError as error:
            why = f"{folder} cannot be filled: {error.strerror}"
            raise CommandError(f"{why}; free its file system, or name another folder in TMPDIR") from error
        with contextlib.closing(Hypervisor(uri)) as hypervisor:
            auditor = Auditor("demo", tree.root, hypervisor, Policy(), MemoryStore())
            first, second = auditor.audit().outcome, auditor.audit().outcome
    screen = look_at_screen(arguments)
    again = f"\nA second audit of the same host finds:\n{render_summary(second, screen=screen)}"
    say("\n".join((_INTRODUCTION, render_table(first, screen=screen), again)))
    return _status(first, second)


@contextlib.contextmanager
def _temporary_folder() -> Iterator[str]:
    """Give a folder and remove it afterwards; Ctrl-C interrupts neither its making nor its removal."""
    with _late_interrupt() as hear:
        try:
            folder = tempfile.TemporaryDirectory(prefix="irqaffinity-demo-")
        except OSError as error:
            raise CommandError(f"no temporary folder can be made: {error.strerror}; name one in TMPDIR") from error
        try:
            with hear():
                yield folder.name
        finally:
            folder.cleanup()


@contextlib.contextmanager
def _late_interrupt() -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """Delay SIGINT until the end; it works at once only inside the context that the given function makes."""
    before = signal.getsignal(signal.SIGINT)
    came: list[int] = []
    if before is signal.SIG_IGN:
        yield contextlib.nullcontext
        return

    @contextlib.contextmanager
    def hear() -> Iterator[None]:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(came.pop())
        yield
        signal.signal(signal.SIGINT, wait)

    def wait(number: int, _frame: object) -> None:
        came.append(number)

    signal.signal(signal.SIGINT, wait)
    try:
        yield hear
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(came.pop())


def _status(*outcomes: Outcome) -> int:
    return max(outcome.exit_status() for outcome in outcomes)
