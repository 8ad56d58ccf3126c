# SPDX-License-Identifier: Apache-2.0
"""The status that the agent publishes, for people."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from irqaffinity.model.only import Only
from irqaffinity.model.text import counted, printable
from irqaffinity.model.verdict import FAILED, Verdict
from irqaffinity.report.balance import tell_balancing
from irqaffinity.report.declared import tell_standing
from irqaffinity.report.holds import hold_lines
from irqaffinity.report.isolation_text import isolation_lines
from irqaffinity.report.layout import Line, show_line
from irqaffinity.report.order import natural_key
from irqaffinity.report.screen import ANY_SCREEN, Screen, Tone, tone_of
from irqaffinity.report.select import REMOTE, select_status

_NAME = 13
"""The width of the first column in the lines on the agent itself."""

_ADDRESS = 14
_FAILED = frozenset(verdict.value for verdict in FAILED)
_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_REMOTE = frozenset(reason.value for reason in REMOTE)


def render_status(status: Mapping[str, Any], only: Collection[Only] = (), screen: Screen = ANY_SCREEN) -> str:
    """Return the status in printable characters alone: somebody else may have written the file."""
    lines = (line._replace(text=printable(line.text)) for line in _lines(status, only, screen))
    return "\n".join(text for line in lines for text in show_line(line, screen))


def _lines(status: Mapping[str, Any], only: Collection[Only], screen: Screen) -> Iterator[Line]:
    yield Line(f"irqaffinity {status['version']} on {status['host']}, pid {status['pid']}, since {status['started']}")
    for name, link in status["connections"].items():
        verb = "served at" if name == "metrics" else "connected to"
        yield _about(name, _describe_link(link, verb), Tone.ERROR if link["state"] == "not connected" else None)
    unsaved = status["state_unsaved"]
    yield _about("state", unsaved or "stored", Tone.ERROR if unsaved else None)
    if "configuration" in status:
        refused = status["configuration"]["error"]
        why = f"; a newer one was refused: {refused}" if refused else ""
        yield _about("configuration", f"read {status['configuration']['time']}{why}", Tone.ERROR if refused else None)
    balancing = status.get("irqbalance")
    is_told = balancing is not None and balancing["told"] and balancing["trouble"] is None
    if status["rivals"] and not (is_told and status["rivals"] == ["irqbalance"]):
        verb = "moves" if len(status["rivals"]) == 1 else "move"
        told = f"{', '.join(status['rivals'])} {verb} interrupts too: {status['advice']}"
        yield _about("rivals", told, Tone.PENDING)
    if balancing is not None:
        yield _about("irqbalance", tell_balancing(balancing), Tone.PENDING if balancing["trouble"] else None)
    if status.get("sriov") is not None:
        is_done = status["sriov"]["message"] is None and not status["sriov"]["drifts"]
        yield _about("sriov", tell_standing(status["sriov"]), None if is_done else Tone.PENDING)
    for clock in status.get("clocks_ahead", ()):
        text = f"{clock['publisher']} is {clock['seconds']} s ahead of this host, at {clock['seen']}"
        yield _about("clock", text, Tone.PENDING)
    audit = status["last_audit"]
    yield _about("last audit", _describe_audit(audit), Tone.ERROR if audit["error"] else None)
    yield _about("counters", _describe_counters(status["counters"]))
    if status["settling"]:
        yield _about("settling", f"{counted(len(status['settling']), 'guest')}: {', '.join(status['settling'])}")
    names = {guest["uuid"]: guest.get("name") or "" for guest in status["placement"]["guests"]}
    for text in hold_lines(status.get("holds", ()), status.get("updated", ""), names):
        yield _about("hold", text, Tone.PENDING)
    yield Line("")
    shown = select_status(status, only)
    yield from _placement_lines(shown["placement"])
    yield from isolation_lines(shown, names, screen)
    yield _summary_line(status["placement"], shown["placement"], only)


def _about(name: str, text: str, tone: Tone | None = None) -> Line:
    return Line(f"{name:<{_NAME}} {text}", tone=tone, more=_NAME + 1)


def _describe_link(link: Mapping[str, Any], verb: str) -> str:
    if link["state"] == "connected":
        return f"{verb} {link['peer']} since {link['since']}"
    return f"{link['state']} since {link['since']}: {link['trouble']}"


def _describe_audit(audit: Mapping[str, Any]) -> str:
    if audit["time"] is None:
        return audit["error"] or "none yet"
    trouble = f"; the one after it failed: {audit['error']}" if audit["error"] else ""
    return f"{audit['time']}, in {audit['seconds']:.3f} s{trouble}"


def _describe_counters(counters: Mapping[str, Any]) -> str:
    passes, looks = sum(counters["passes"].values()), sum(counters.get("looks", {}).values())
    writes, failures = sum(counters["writes"].values()), sum(counters.get("failures", {}).values())
    fights = f" ({counters['fights']} of them fought over)" if counters.get("fights") else ""
    messages = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counters["notifications"].items()))
    heard = f"; notifications: {messages}" if messages else ""
    wrote = f"{counted(writes, 'write')}, {failures} failed" if failures else counted(writes, "write")
    return f"{passes} passes, {looks} looks, {wrote}, {counters['drifts']} repaired after drift{fights}{heard}"


def _placement_lines(shown: Mapping[str, Any]) -> Iterator[Line]:
    devices: dict[str | None, list[Mapping[str, Any]]] = defaultdict(list)
    for device in shown["devices"]:
        devices[device["guest"]].append(device)
    guests = [(_is_in_trouble(guest, devices[guest["uuid"]]), guest) for guest in shown["guests"]]
    for is_in_trouble, guest in sorted(guests, key=_order):
        name = guest.get("name") or ""
        is_error = is_in_trouble and guest.get("is_error") is True
        yield Line(guest["text"], 0, Tone.ERROR if is_error else Tone.HEAD, None if is_error else len(name))
        yield from map(_device_line, devices[guest["uuid"]])
    troubles: Sequence[Mapping[str, Any]] = shown["troubles"]
    if troubles:
        yield Line("pending or failing:", tone=Tone.HEAD)
    for irq in troubles:
        text = f"{irq['device']} irq {irq['irq']}: {irq['verdict']}: {irq['message'] or ''}"
        yield Line(text, 2, _tone([irq["verdict"]]), more=_ADDRESS)


def _summary_line(placement: Mapping[str, Any], shown: Mapping[str, Any], only: Collection[Only]) -> Line:
    showing = f"; showing {len(shown['guests'])} of {counted(len(placement['guests']), 'guest')}" if only else ""
    is_bad = any(_is_in_trouble(guest, ()) for guest in placement["guests"]) or placement["summary"].get("failed")
    return Line(f"{placement['summary']['text']}{showing}", tone=Tone.ERROR if is_bad else None, more=0)


def _is_in_trouble(guest: Mapping[str, Any], devices: Collection[Mapping[str, Any]]) -> bool:
    return guest.get("is_error") is True or any(_FAILED & device["verdicts"].keys() for device in devices)


def _order(pair: tuple[bool, Mapping[str, Any]]) -> tuple[bool, list[tuple[float, str]], str]:
    """Return the key that guests are sorted by, as in the table: by name, with those in trouble last."""
    return pair[0], natural_key(pair[1].get("name")), pair[1]["uuid"]


def _device_line(device: Mapping[str, Any]) -> Line:
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in device["verdicts"].items())
    where = f"irqs {device['irqs']} on CPUs {device['cpus']}: {verdicts}; " if device["irqs"] else ""
    tone = _tone(device["verdicts"]) or (Tone.REMOTE if device.get("reason") in _REMOTE else None)
    return Line(f"{device['address']}  {where}{device['why']}", 2, tone, more=_ADDRESS)


def _tone(verdicts: Collection[str]) -> Tone | None:
    return tone_of(_VERDICTS[verdict] for verdict in verdicts if verdict in _VERDICTS)
