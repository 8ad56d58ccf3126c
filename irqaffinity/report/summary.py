# SPDX-License-Identifier: Apache-2.0
"""The last line of a report for people: the counts, and the guests in trouble."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from irqaffinity.model.guest import GuestId
from irqaffinity.model.isolation import Isolated
from irqaffinity.model.only import Only
from irqaffinity.model.text import counted
from irqaffinity.model.verdict import FAILED, Verdict
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.report.order import natural_key
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.screen import ANY_SCREEN, Screen, Tone, tone_of
from irqaffinity.report.select import select

_MOST_NAMES = 3
_NOUNS = {"guests": "guest", "devices": "device", "irqs": "interrupt"}
_TONES = {
    "set": Tone.CHANGED,
    "would_set": Tone.CHANGED,
    "pending": Tone.PENDING,
    "held": Tone.PENDING,
    "failed": Tone.ERROR,
}


def render_summary(outcome: Outcome, only: Collection[Only] = (), screen: Screen = ANY_SCREEN) -> str:
    """Return the counts in one line, without zeros; they count all, even where `only` shows less."""
    return "; ".join(_parts(outcome, only, screen))


def _parts(outcome: Outcome, only: Collection[Only], screen: Screen) -> Iterator[str]:
    counts = outcome.summary()
    total = ", ".join(counted(counts[key], noun) for key, noun in _NOUNS.items())
    verdicts = ", ".join(_verdicts(outcome, counts, screen))
    yield f"{total}: {verdicts}" if verdicts else total
    if counts["skipped"]:
        yield f"{counted(counts['skipped'], 'guest')} skipped"
    if outcome.isolated is not None:
        yield from _isolation(outcome.isolated, screen)
    errors = [guest for guest in outcome.guests if guest.status.is_error]
    if errors:
        yield screen.paint(f"{counted(len(errors), 'guest')} in error: {_names(errors)}", Tone.ERROR)
    if outcome.dry_run:
        yield "dry run, nothing was written"
    if only:
        yield f"showing {len(select(outcome, only).guests)} of {counted(counts['guests'], 'guest')}"


def _verdicts(outcome: Outcome, counts: Mapping[str, int], screen: Screen) -> Iterator[str]:
    for key, count in counts.items():
        if count and key not in (*_NOUNS, "skipped"):
            failing = failing_guests(outcome) if key == "failed" else ()
            whose = f" ({_names(guest for guest in outcome.guests if guest.uuid in failing)})" if failing else ""
            yield screen.paint(f"{count} {key.replace('_', ' ')}{whose}", _TONES.get(key))


def _isolation(isolated: Isolated, screen: Screen) -> Iterator[str]:
    """Yield how many intruders there are, what became of the host's own interrupts, and whether something is wrong."""
    if isolated.intruders:
        movable = sum(intruder.is_movable for intruder in isolated.intruders)
        yield f"{counted(len(isolated.intruders), 'intruder')}, {movable} movable"
    verdicts = Counter(result.verdict for result in isolated.results)
    if verdicts:
        told = (
            screen.paint(f"{verdicts[verdict]} {verdict.value.replace('_', ' ')}", tone_of([verdict]))
            for verdict in Verdict
            if verdicts[verdict]
        )
        yield f"of the host's own: {', '.join(told)}"
    if isolated.trouble is not None:
        yield screen.paint("isolation moves nothing", Tone.ERROR)


def failing_guests(outcome: Outcome) -> frozenset[GuestId]:
    """Return the guests with an interrupt that could not be moved to its place."""
    results = (result for result in outcome.results if result.verdict in FAILED)
    return frozenset(result.action.owner for result in results if not result.action.is_release)


def _names(guests: Iterable[GuestPlan]) -> str:
    """Return the names of a few, and how many more there are."""
    names = sorted((guest.name or guest.uuid for guest in guests), key=natural_key)
    more = len(names) - _MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"
