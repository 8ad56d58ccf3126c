# SPDX-License-Identifier: Apache-2.0
"""Checks for `irqaffinity check` what irqbalance has been told, and what it leaves alone."""

from collections.abc import Iterator

from irqaffinity.cli.session import Session
from irqaffinity.model.balance import Bans
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.finding import Finding
from irqaffinity.model.isolation import Told
from irqaffinity.model.text import counted, name_cpus
from irqaffinity.observe.rivals import ADVICE, find_processes
from irqaffinity.passes.talk import Known
from irqaffinity.plan.balance import LASTING

_SUBJECT = "irqbalance"


def check_balance(session: Session) -> Iterator[Finding]:
    """Give a finding for each irqbalance that is or was told something; raise StateError, HostUnreadable, OSError."""
    tells = session.settings.policy.isolation.tells_irqbalance
    found = session.balance.read(tells=tells)
    if tells and not found:
        yield Finding(_SUBJECT, *_describe_none(session))
    for known in found:
        if tells:
            yield Finding(_SUBJECT, *_describe(known))
        elif known.told is not None and _is_left(known.told, known.bans):
            text = "still leaves alone what it was told, and has not been given back what it had: run irqaffinity reset"
            yield Finding(_SUBJECT, False, f"{known.balancer} {text}, or start the agent")


def _describe_none(session: Session) -> tuple[bool, str]:
    why = session.balance.why_none() or "none runs with a socket"
    if not find_processes(session.root, "irqbalance"):
        return True, why
    return False, f"it runs, and is told nothing: {why}; {ADVICE['irqbalance']}"


def _describe(known: Known) -> tuple[bool, str]:
    if known.bans is None:
        return False, known.trouble or f"{known.balancer} does not answer: see whether it hangs"
    if known.told is None:
        return True, f"{known.balancer} has been told nothing yet, and leaves {_list(known.bans)} alone; {LASTING}"
    missing = _missing(known.told, known.bans)
    if missing != Bans():
        return False, f"{known.balancer} does not leave {_list(missing)} alone yet, as it was told; {LASTING}"
    told = Bans(known.told.cpus, known.told.irqs)
    return True, f"{known.balancer} was told to leave {_list(told)} alone, and does; {LASTING}"


def _missing(told: Told, bans: Bans) -> Bans:
    return Bans(told.cpus - bans.cpus, tuple(sorted(set(told.irqs) - set(bans.irqs))))


def _is_left(told: Told, bans: Bans | None) -> bool:
    """Tell whether something that was told is still there, or may be."""
    if bans is None:
        return True
    cpus, irqs = told.cpus - (told.cpus_before or CpuSet()), set(told.irqs) - set(told.irqs_before)
    return bool(bans.cpus & cpus) or not irqs.isdisjoint(bans.irqs)


def _list(bans: Bans) -> str:
    cpus = name_cpus("CPU", bans.cpus) if bans.cpus else "no CPU"
    return f"{cpus} and {counted(len(bans.irqs), 'interrupt')}"
