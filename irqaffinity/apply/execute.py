# SPDX-License-Identifier: Apache-2.0
"""Carries out a plan: what must survive is stored first, then written, then read back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from irqaffinity.apply.backoff import Backoff
from irqaffinity.apply.writer import Writer
from irqaffinity.model.action import Action, Result, find_in_place
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.record import Fixed, State
from irqaffinity.model.verdict import IrqReason, Verdict
from irqaffinity.plan.plan import Plan
from irqaffinity.state.folder import StateError

Save = Callable[[State], None]
_HELD = {
    Verdict.NO_VECTOR: IrqReason.BACKOFF.sentence,
    Verdict.PENDING: "another program moves it again and again, so it is put back once a minute",
}
_REFUSED_FOR_GOOD = frozenset({Verdict.MANAGED, Verdict.IMMOVABLE})
_FINAL = _REFUSED_FOR_GOOD | {Verdict.GONE}


@dataclass(frozen=True, slots=True)
class Execution:
    """One result for each action, in their order; and why what was learned on the way could not be stored, if so."""

    results: Sequence[Result]
    unsaved: str | None = None


def rehearse(plan: Plan, writer: Writer) -> Execution:
    """Return what `plan` would do with a writer that only tells; nothing is stored."""
    return Execution([_carry_out(action, writer, Backoff()) for action in plan.actions])


def execute(plan: Plan, stored: State, save: Save, writer: Writer, backoff: Backoff) -> Execution:
    """Carry out `plan` and return what became of each action.

    The state is saved before the first write, all originals in it, if it differs from what is `stored`; and after
    the last one if the writes taught something that the next process needs. Raises StateError when the first of
    these fails: then nothing was written.
    """
    if plan.state != stored:
        save(plan.state)
    state, results = plan.state, []
    unsaved: str | None = None
    for action in plan.actions:
        result = _carry_out(action, writer, backoff)
        if result.reborn is not None:
            try:
                state, result = _meet_again(result, result.reborn, state, save, writer, backoff)
            except StateError as error:
                message = f"was born again, and what it had before it is moved cannot be stored: {error}"
                result, unsaved = result._replace(verdict=Verdict.DENIED, message=message), str(error)
        results.append(result)
    backoff.forget(result.action.irq for result in results if result.verdict is not Verdict.NO_VECTOR)
    learned = learn(state, results)
    try:
        if learned != plan.state:
            save(learned)
    except StateError as error:
        unsaved = str(error)
    return Execution(results, unsaved)


def _meet_again(
    result: Result, reborn: Interrupt, state: State, save: Save, writer: Writer, backoff: Backoff
) -> tuple[State, Result]:
    """Place an interrupt that was born again before it was written: its original is another one now, stored first.

    One that has what was read before shows no sign of another life. What an earlier life had is not given back to a
    later one, which has a fresh affinity. The kernel answers the same to a write that it refuses, so a second refusal
    is one. Raises StateError before the second write.
    """
    action = result.action._replace(current=reborn.smp, effective=reborn.effective)
    if reborn.smp == result.action.current:
        return state, _carry_out(action, writer, backoff)
    if action.is_release:
        message = "was born again since it was moved, so there is nothing to give back"
        return state, result._replace(verdict=Verdict.GONE, message=message)
    state = _forget_original(state, action)
    save(state)
    return state, _carry_out(action, writer, backoff)


def _forget_original(state: State, action: Action) -> State:
    """Return `state` with the original of an interrupt as it is in its new life."""
    of_device = dict(state.records.get(action.device, {}))
    record = of_device.pop(action.number, None)
    if record is not None and action.current is not None:
        original = None if action.current == record.written else action.current
        of_device[action.number] = replace(record, original=original, previous=None, next_cpu=False)
    return replace(state, records={**state.records, action.device: of_device})


def learn(state: State, results: Iterable[Result]) -> State:
    """Return `state` with what the results add to it.

    Interrupts that turned out not to be movable lose their record and are remembered by name; one that took another
    CPU than its own keeps that; one that was given back or vanished is forgotten, but not when giving it back failed.
    """
    lessons = [result for result in results if _teaches(result)]
    if not lessons:
        return state
    records = {device: dict(of_device) for device, of_device in state.records.items()}
    fixed = dict(state.fixed)
    for result in lessons:
        action, number = result.action, result.action.number
        of_device = records.get(action.device, {})
        if number not in of_device:
            continue
        if result.verdict in _REFUSED_FOR_GOOD and action.foregone is None:
            fixed[action.irq] = Fixed(result.handler or "", result.verdict)
        if result.reason is IrqReason.NEXT_CPU:
            of_device[number] = replace(of_device[number], written=result.asked, next_cpu=True)
        is_given_back = action.is_release and (result.was_written or result.smp == result.asked)
        if is_given_back or result.verdict in _FINAL:
            del of_device[number]
    return replace(state, records={device: kept for device, kept in records.items() if kept}, fixed=fixed)


def _teaches(result: Result) -> bool:
    return result.action.is_release or result.reason is IrqReason.NEXT_CPU or result.verdict in _FINAL


def _carry_out(action: Action, writer: Writer, backoff: Backoff) -> Result:
    """Return the verdict by the first rule that applies: refused beforehand, unread, in place, too early, written."""
    current, effective = action.current, action.effective
    reason = IrqReason.RELEASED if action.is_release else None
    verdict = action.foregone or (Verdict.UNREAD if current is None else None)
    if verdict is not None:
        return Result(action, verdict, action.target, current, effective, reason, verdict.sentence)
    if current == action.target:
        return find_in_place(action, action.target, reason)
    held = backoff.holds(action.irq, action.target)
    if held is not None:
        return Result(action, held, action.target, current, effective, IrqReason.BACKOFF, _HELD[held])
    result = writer.place(action)
    if result.verdict is Verdict.NO_VECTOR:
        backoff.failed(action.irq, action.target)
    return result if reason is None else result._replace(reason=reason)
