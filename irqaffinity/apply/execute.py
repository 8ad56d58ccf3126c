# SPDX-License-Identifier: Apache-2.0
"""Carries out actions: writes each affinity and reads it back. The caller has stored before what must survive."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from irqaffinity.apply.backoff import Backoff
from irqaffinity.apply.writer import Writer
from irqaffinity.model.action import Action, Result, find_in_place
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.record import Changes, Fixed, Record, State
from irqaffinity.model.verdict import IrqReason, Verdict
from irqaffinity.state.folder import StateError

Save = Callable[[Changes], None]
_HELD = {
    Verdict.NO_VECTOR: IrqReason.BACKOFF.sentence,
    Verdict.PENDING: "another program moves it again and again, so it is put back once a minute",
}
_REFUSED_FOR_GOOD = frozenset({Verdict.MANAGED, Verdict.IMMOVABLE})
_FINAL = _REFUSED_FOR_GOOD | {Verdict.GONE}


class Execution(NamedTuple):
    """One result for each action, in their order; the changes of the state that follow; why a store failed, or None."""

    results: tuple[Result, ...]
    learned: Changes
    unsaved: str | None = None


def rehearse(actions: Iterable[Action], writer: Writer) -> Execution:
    """Return what the actions would do, with a writer that writes nothing; store nothing."""
    return Execution(tuple(_carry_out(action, writer, Backoff()) for action in actions), Changes())


def execute(actions: Iterable[Action], state: State, save: Save, writer: Writer, backoff: Backoff) -> Execution:
    """Carry out the actions, whose originals `state` already has, and return the result of each.

    The caller stores `learned`, which the next process needs.
    """
    results: list[Result] = []
    unsaved: str | None = None
    for action in actions:
        result = _carry_out(action, writer, backoff)
        if result.reborn is not None:
            try:
                result = _meet_again(result, result.reborn, state, save, writer, backoff)
            except StateError as error:
                message = f"was born again, and its CPUs from before the move cannot be stored: {error}"
                result, unsaved = result._replace(verdict=Verdict.DENIED, message=message), str(error)
        results.append(result)
    backoff.forget(result.action.irq for result in results if result.verdict is not Verdict.NO_VECTOR)
    return Execution(tuple(results), learn(state, results), unsaved)


def _meet_again(
    result: Result, reborn: Interrupt, state: State, save: Save, writer: Writer, backoff: Backoff
) -> Result:
    """Place an interrupt that may have been born again before it was written; store its new original first.

    Where its affinity is the one that was read before, it was not born again, as far as anybody can see. The original
    of an earlier life is not given back to a later one, which has a fresh affinity. A refused write gives the same
    error as one to an earlier life, so only a second error means that the kernel refuses it. Raise StateError, always
    before the second write.
    """
    action = result.action._replace(current=reborn.smp, effective=reborn.effective)
    if reborn.smp == result.action.current:
        return _carry_out(action, writer, backoff)
    if action.is_release:
        message = "was born again since it was moved, so there is nothing to give back"
        return result._replace(verdict=Verdict.GONE, message=message)
    save(Changes(records={action.irq: _in_new_life(state, action)}))
    return _carry_out(action, writer, backoff)


def _in_new_life(state: State, action: Action) -> Record | None:
    """Return the record of an interrupt with the original of its new life, None where there is none to store.

    What it was born with is not its original where that is the narrowed default, or a part of it: the wide one is.
    """
    record = state.records.get(action.device, {}).get(action.number)
    if record is None or action.current is None:
        return None
    narrowed = () if state.default is None else (state.default.written, state.default.previous or CpuSet())
    is_unknown = action.current == record.written or any(action.current <= cpus for cpus in narrowed)
    original = None if is_unknown else action.current
    return replace(record, original=original, previous=None, next_cpu=False)


def learn(state: State, results: Iterable[Result]) -> Changes:
    """Return the changes of `state` that follow from the results.

    An interrupt that proved immovable loses its record, and the state keeps its name. The record of one that took the
    next CPU keeps that CPU. One that was given back or vanished loses its record; one that could not be given back
    keeps it.
    """
    records: dict[IrqId, Record | None] = {}
    fixed: dict[IrqId, Fixed | None] = {}
    for result in results:
        action = result.action
        record = state.records.get(action.device, {}).get(action.number) if _teaches(result) else None
        if record is None:
            continue
        if result.verdict in _REFUSED_FOR_GOOD and action.foregone is None:
            fixed[action.irq] = Fixed(result.handler or "", result.verdict, is_hosts=action.owner == HOST)
        if result.reason is IrqReason.NEXT_CPU:
            taken = replace(record, written=result.asked, next_cpu=True)
            if taken != record:
                records[action.irq] = taken
        is_given_back = action.is_release and (result.was_written or result.smp == result.asked)
        if is_given_back or result.verdict in _FINAL:
            records[action.irq] = None
    return Changes(records, fixed)


def _teaches(result: Result) -> bool:
    return result.action.is_release or result.reason is IrqReason.NEXT_CPU or result.verdict in _FINAL


def _carry_out(action: Action, writer: Writer, backoff: Backoff) -> Result:
    """Return the result by the first rule that applies: refused beforehand, unread, in place, too early, written."""
    current, effective = action.current, action.effective
    reason = IrqReason.RELEASED if action.is_release else None
    verdict = action.foregone or (Verdict.UNREAD if current is None else None)
    if verdict is not None:
        return Result(action, verdict, action.target, current, effective, reason, action.message or verdict.sentence)
    if current == action.target:
        return find_in_place(action, action.target, reason)
    held = backoff.holds(action.irq, action.target)
    if held is not None:
        return Result(action, held, action.target, current, effective, IrqReason.BACKOFF, _HELD[held])
    result = writer.place(action)
    if result.verdict is Verdict.NO_VECTOR:
        backoff.failed(action.irq, action.target)
    return result if reason is None else result._replace(reason=reason)
