# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity unhold`."""

import argparse
import logging
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import Any, NamedTuple

from irqaffinity.agent.status_file import NoStatus, read_status
from irqaffinity.agent.status_shape import WHOLE
from irqaffinity.cli.ask_agent import Reply, Status, ask_agent
from irqaffinity.cli.audit import tell_irqbalance
from irqaffinity.cli.deferred import name_guests
from irqaffinity.cli.form import say_report
from irqaffinity.cli.hold_target import Named, find_named
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.cli.session import Session, explained
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import parse_guest_id
from irqaffinity.model.hold import Deferred, Hold
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.target import UnknownTarget
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import FAILED, Verdict
from irqaffinity.observe.meanings import parsed
from irqaffinity.observe.moment import read_moment
from irqaffinity.observe.procfs import read_default_affinity, read_interrupts
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.holds import find_drift, lift_holds
from irqaffinity.passes.turns import collector_paused
from irqaffinity.plan.hold import in_force
from irqaffinity.report.deferred import describe_moved, render_moved
from irqaffinity.report.document import SCHEMA
from irqaffinity.report.holds import describe_holds, tell_hold
from irqaffinity.report.outcome import EXIT_DONE, EXIT_FAILED
from irqaffinity.report.times import show_time

LOG = logging.getLogger(__name__)

_FAILED = frozenset(verdict.value for verdict in FAILED)


class _Made(NamedTuple):
    """The pass that was made for the end of a hold: by whom, and the verdicts that its maker tells.

    `trouble` is why there was none, or what it could not do.
    """

    by: str | None
    verdicts: Mapping[tuple[str, int], str] = {}
    trouble: str | None = None
    status: int = EXIT_DONE


def run(arguments: argparse.Namespace) -> int:
    """Lift holds, have what waited for that moved, and print both; return the exit status."""
    session = Session.open(arguments)
    with explained():
        moment = read_moment(session.root)
        state = session.store.peek(logs=False)  # where it cannot be read, lift_holds says so
        holds = in_force(state.holds, *moment)
        is_meant = _choose(session, arguments, holds)
        drifted = find_drift(session.root, state, list(filter(is_meant, holds)), moment.now)
        waiting = {**state.deferred, **drifted}
        lifted = lift_holds(session.store, moment, is_meant)
    if not lifted:
        raise CommandError(_describe_none(arguments, holds))
    ids = {hold.id for hold in lifted}
    made = _move(session, ids, waiting)
    with explained():
        rows = _look(session, ids, waiting, made, drifted)
    document = {
        "schema": SCHEMA,
        "host": session.settings.host,
        "time": show_time(moment.now),
        "lifted": describe_holds(lifted),
        "moved": rows,
        "moved_by": made.by,
    }
    is_done = made.status == EXIT_DONE and not any(row["verdict"] in _FAILED for row in rows)
    _say(arguments, document)
    if made.trouble is not None:
        LOG.log(logging.WARNING if made.status == EXIT_DONE else logging.ERROR, "%s", made.trouble)
    return EXIT_DONE if is_done else EXIT_FAILED


def _choose(session: Session, arguments: argparse.Namespace, holds: Sequence[Hold]) -> Callable[[Hold], bool]:
    """Return what tells whether a hold is meant; raise UnknownTarget.

    A guest or a device that a hold names by itself need not be there any more.
    """
    if arguments.id is not None:
        return lambda hold: hold.id == arguments.id
    if arguments.guest is None and arguments.device is None:
        return lambda _hold: True
    uuid = parsed(parse_guest_id, arguments.guest or "")
    address = parsed(PciAddress.parse, arguments.device or "")
    if any(
        (uuid is not None and hold.guest == uuid) or (address is not None and hold.device == address) for hold in holds
    ):
        guest, device = uuid, address
    else:
        guest, device, _ = _find_named(session, arguments, holds)
    return lambda hold: (hold.guest, hold.device) == (guest, device)


def _find_named(session: Session, arguments: argparse.Namespace, holds: Sequence[Hold]) -> Named:
    try:
        return find_named(session, arguments.guest, arguments.device)
    except UnknownTarget as error:
        remedy = ", and --id lifts one by its number" if holds else ""
        raise UnknownTarget(f"{error}{_tell_in_force(holds)}{remedy}") from error


def _tell_in_force(holds: Sequence[Hold]) -> str:
    known = "; ".join(map(tell_hold, describe_holds(holds)))
    return f"; in force: {known}" if known else "; no hold is in force"


def _describe_none(arguments: argparse.Namespace, holds: Sequence[Hold]) -> str:
    """Return that there is no such hold, and which there are."""
    wanted = (
        (" with the number", arguments.id),
        (" on the guest", arguments.guest),
        (" on the device", arguments.device),
    )
    named = next((f"{what} {clean(str(text))}" for what, text in wanted if text is not None), "")
    if not holds:
        return "no hold is in force, so there is none to lift"
    return f"there is no hold{named}{_tell_in_force(holds)}"


def _move(session: Session, lifted: Collection[int], waiting: Mapping[IrqId, Deferred]) -> _Made:
    """Have the agent make a pass, or else make it; return what came of it.

    A pass that cannot be made is no failure where nothing was `waiting` for the end of these holds.
    """
    has_waited = any(row.hold in lifted for row in waiting.values()) or _waits(session, lifted)

    def is_made(status: Status) -> bool:
        return not any(row["id"] in lifted for row in status.get("holds", ())) and not _waits(session, lifted)

    reply = ask_agent(session.folder, session.settings.status_path, is_made)
    if reply is Reply.ANSWERED:
        return _Made("agent", _troubles(session))
    try:
        return _pass(session)
    except CommandError as error:
        done = "the hold is lifted" if len(lifted) == 1 else "the holds are lifted"
        if not has_waited:
            return _Made(None, trouble=f"{done}; nothing waited, and no pass was made: {error}")
        later = "; the agent does it at its next pass" if reply is Reply.SILENT else ""
        return _Made(None, trouble=f"{done}, and nothing was moved: {error}{later}", status=EXIT_FAILED)


def _waits(session: Session, lifted: Collection[int]) -> bool:
    return any(row.hold in lifted for row in session.store.peek(logs=False).deferred.values())


def _troubles(session: Session) -> Mapping[tuple[str, int], str]:
    """Return the verdicts of the interrupts that the agent could not move, guests' and the host's."""
    try:
        status = read_status(session.settings.status_path, WHOLE)
    except NoStatus:
        return {}
    rows = [*status["placement"]["troubles"], *status.get("isolation", {"irqs": ()})["irqs"]]
    return {(row["device"] or str(NO_DEVICE), row["irq"]): row["verdict"] for row in rows}


def _pass(session: Session) -> _Made:
    """Make a full pass; raise CommandError."""
    with explained(), collector_paused():
        outcome = session.auditor.audit().outcome
        tell_irqbalance(session)
    hosts = () if outcome.isolated is None else outcome.isolated.results
    verdicts = {
        (str(result.action.device), result.action.number): result.verdict.value for result in (*outcome.results, *hosts)
    }
    return _Made("unhold", verdicts, outcome.unsaved, outcome.exit_status())


def _look(
    session: Session, lifted: Collection[int], waiting: Mapping[IrqId, Deferred], made: _Made, drifted: Container[IrqId]
) -> list[dict[str, Any]]:
    """Return where each interrupt that waited is now, and the verdict on it; one that had drifted, if it was moved.

    What waits for another hold is left out.
    """
    still, places = session.store.peek(logs=False).deferred, _places(session.root, waiting)
    names = name_guests(session.hypervisor, waiting)
    rows = []
    for irq, row in sorted(waiting.items()):
        if irq in still and row.hold not in lifted:
            continue
        smp = places.get(irq)
        if irq in still:
            verdict = Verdict.HELD.value
        elif irq not in places:
            verdict = Verdict.GONE.value
        else:
            told = made.verdicts.get((str(irq.device), irq.number), Verdict.OK.value)
            is_set = told == Verdict.OK.value and smp != row.origin
            verdict = Verdict.SET.value if is_set else told
        if irq not in drifted or verdict != Verdict.OK.value:
            rows.append(describe_moved(irq, row, smp, verdict, names))
    return rows


def _places(root: HostRoot, waiting: Mapping[IrqId, Deferred]) -> Mapping[IrqId, CpuSet | None]:
    """Return where interrupts are now; one that is gone is not in it. Raise HostUnreadable."""
    numbers = {irq.number: irq for irq in waiting if irq != DEFAULT}
    found = {numbers[seen.number]: seen.smp for seen in read_interrupts(root, list(numbers))}
    return found | ({DEFAULT: read_default_affinity(root)} if DEFAULT in waiting else {})


def _say(arguments: argparse.Namespace, document: Mapping[str, Any]) -> None:
    def table() -> str:
        return render_moved(document["lifted"], document["moved"], document["moved_by"], look_at_screen(arguments))

    done = "; ".join(f"hold {hold['id']} is lifted" for hold in document["lifted"])
    say_report(arguments, document, "moved", table, done=done)
