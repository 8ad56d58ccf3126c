# SPDX-License-Identifier: Apache-2.0
"""Carries out a plan: what must survive is stored first, then written, then read back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from irqaffinity.apply.backoff import Backoff
from irqaffinity.apply.writer import Writer
from irqaffinity.model.action import Action, Result, find_in_place
from irqaffinity.model.record import State
from irqaffinity.model.verdict import FAILED, IrqReason, Verdict
from irqaffinity.plan.plan import Plan
from irqaffinity.state.folder import StateError

Save = Callable[[State], None]
_HELD = {
    Verdict.NO_VECTOR: IrqReason.BACKOFF.sentence,
    Verdict.PENDING: "another program moves it again and again, so it is put back once a minute",
}
_FINAL = frozenset({Verdict.MANAGED, Verdict.GONE})

ActionName = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Execution:
    """One result for each action, in their order; and why what was learned on the way could not be stored, if so."""

    results: Sequence[Result]
    unsaved: str | None = None


def rehearse(plan: Plan, writer: Writer) -> Execution:
    """Return what `plan` would do with a writer that only tells; nothing is stored."""
    return Execution([_carry_out(action, writer, Backoff()) for action in plan.actions])


def execute(
    plan: Plan, stored: State, save: Save, writer: Writer, backoff: Backoff, action_name: ActionName
) -> Execution:
    """Carry out `plan` and return what became of each action.

    The state is saved before the first write, all originals in it, if it differs from what is `stored`; and after
    the last one if the writes taught something that the next process needs. Raises StateError when the first of
    these fails: then nothing was written.
    """
    if plan.state != stored:
        save(plan.state)
    results = [_carry_out(action, writer, backoff) for action in plan.actions]
    backoff.forget(result.action.irq for result in results if result.verdict is not Verdict.NO_VECTOR)
    learned = learn(plan.state, results, action_name)
    try:
        if learned != plan.state:
            save(learned)
    except StateError as error:
        return Execution(results, str(error))
    return Execution(results)


def learn(state: State, results: Iterable[Result], action_name: ActionName) -> State:
    """Return `state` with what the results add to it.

    Interrupts that turned out to be the kernel's own lose their record and are remembered by name; one that took
    another CPU than its own keeps that; one that was given back or vanished is forgotten, but not when giving it back
    failed.
    """
    lessons = [result for result in results if _teaches(result)]
    if not lessons:
        return state
    records = {device: dict(of_device) for device, of_device in state.records.items()}
    managed = dict(state.managed)
    for result in lessons:
        action, number = result.action, result.action.number
        of_device = records.get(action.device, {})
        if number not in of_device:
            continue
        if result.verdict is Verdict.MANAGED and not action.is_managed:
            managed[action.irq] = action_name(number)
        if result.reason is IrqReason.NEXT_CPU:
            of_device[number] = replace(of_device[number], written=result.asked, next_cpu=True)
        is_given_back = action.is_release and result.verdict not in FAILED
        if is_given_back or result.verdict in (Verdict.MANAGED, Verdict.GONE):
            del of_device[number]
    return replace(state, records={device: kept for device, kept in records.items() if kept}, managed=managed)


def _teaches(result: Result) -> bool:
    return result.action.is_release or result.reason is IrqReason.NEXT_CPU or result.verdict in _FINAL


def _carry_out(action: Action, writer: Writer, backoff: Backoff) -> Result:
    """Return the verdict by the first rule that applies: the kernel's own, in place already, too early, written."""
    current, effective = action.current, action.effective
    reason = IrqReason.RELEASED if action.is_release else None
    if action.is_managed:
        return Result(action, Verdict.MANAGED, action.target, current, effective, reason, Verdict.MANAGED.sentence)
    if current == action.target:
        return find_in_place(action, action.target, reason)
    held = backoff.holds(action.irq, action.target)
    if held is not None:
        return Result(action, held, action.target, current, effective, IrqReason.BACKOFF, _HELD[held])
    result = writer.place(action)
    if result.verdict is Verdict.NO_VECTOR:
        backoff.failed(action.irq, action.target)
    return result if reason is None else result._replace(reason=reason)
