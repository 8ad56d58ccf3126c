# SPDX-License-Identifier: Apache-2.0
"""The page as a whole."""

import base64
import functools
import hashlib
import importlib.resources
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from irqaffinity.model.text import counted
from irqaffinity.model.verdict import Verdict
from irqaffinity.report.page.facts import HostPicture
from irqaffinity.report.page.host import HUES, draw_host
from irqaffinity.report.page.intruders import draw_intruders
from irqaffinity.report.page.markup import Markup, element
from irqaffinity.report.page.read import read_document
from irqaffinity.report.page.tables import tabulate_devices, tabulate_guests, tabulate_interrupts
from irqaffinity.report.page.troubles import Item, Trouble, Weight, find_troubles

_FIRST_HUE = 235.0
_TURN = 137.5
"""Degrees between the hues of two guests that follow each other: so each hue is far from the last few."""

_UNFOLDED = 6
"""The most things of one trouble that are shown unfolded."""

_SIGNS = {Weight.ERROR: "✖", Weight.WARNING: "▲", Weight.NOTE: "●"}

_FINE = "✔"

_LEGEND = (
    ("t", "target: where they belong"),
    ("a", "where they are set to"),
    ("a out", "the same, outside the target"),
    ("e", "where the hardware sends them"),
    ("r", "what arrived there"),
    ("r out", "with a cross: what arrived outside the target"),
)


def render_page(document: Mapping[str, Any]) -> str:
    """Return the page of a document of `audit -f json`; raise ValueError, which says what is wrong with it.

    `arrivals`, a document of `top --once`, and `rivals`, the names of programs that move interrupts too, may be there
    in addition.
    """
    host = read_document(document)
    troubles = find_troubles(host)
    body = element(
        "body",
        element("a", "To the guests", href="#guests", class_="skip"),
        element("header", *_head(host, troubles)),
        element("main", *_sections(host, troubles)),
        element("footer", "Made by ", element("code", "irqaffinity report"), "; it needs no network."),
        element("script", Markup(_script())),
    )
    return f"<!DOCTYPE html>\n{element('html', _meta(host, troubles), body, lang='en')}\n"


def content_policy() -> str:
    """Return the Content-Security-Policy of each page: its own style and script, and nothing else."""
    style, script = _hash(_style()), _hash(_script())
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _meta(host: HostPicture, troubles: Sequence[Trouble]) -> Markup:
    sign = _SIGNS[troubles[0].weight] if _weigh(troubles) else _FINE
    return element(
        "head",
        element("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{content_policy()}">'),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("meta", name_="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", f"{sign} {host.name}: interrupts of its guests, {host.time}"),
        element("style", Markup(_style())),
    )


def _head(host: HostPicture, troubles: Sequence[Trouble]) -> Iterator[Markup]:
    kind = "a dry run, which wrote nothing" if host.dry_run else "after a pass"
    source = "announced by the kernel" if host.msi_source == "trace" else "found by polling"
    yield element("h1", host.name, " ", element("small", "interrupts of its guests"))
    yield element("p", f"{host.time} · {kind} · new interrupts are {source}", class_="sub")
    yield element("p", *_state(troubles), class_="state")
    yield from (element("p", held, class_="limit") for held in host.holds)
    verdicts = Counter(irq.verdict for irq in host.irqs)
    totals = [(len(host.guests), "guest"), (len(host.devices), "device"), (len(host.irqs), "interrupt")]
    figures = [element("li", element("b", count), f" {counted(count, noun).split()[1]}") for count, noun in totals]
    figures += [element("li", element("b", count), f" {name}") for name, count in verdicts.items()]
    yield element("ul", *figures, class_="figures", aria_label="Counts")
    search = element(
        "input", type="search", id="filter", placeholder="Filter: a guest, a device, a CPU", aria_label="Filter"
    )
    yield element("div", search, element("span", id="found", role="status"), class_="tools", hidden="")


def _weigh(troubles: Sequence[Trouble]) -> Mapping[Weight, int]:
    """Return how many troubles there are of each weight that somebody has to look at."""
    return Counter(trouble.weight for trouble in troubles if trouble.weight is not Weight.NOTE)


def _state(troubles: Sequence[Trouble]) -> Iterator[Markup]:
    """Yield the state of the host for one glance."""
    weights = _weigh(troubles)
    for weight, count in weights.items():
        said = f"{_SIGNS[weight]} {counted(count, weight.value)}"
        yield element("a", said, href="#wrong", class_=f"chip {weight.value}")
    if not weights:
        yield element("a", f"{_FINE} nothing is wrong", href="#wrong", class_="chip good")


def _sections(host: HostPicture, troubles: Sequence[Trouble]) -> Iterator[Markup]:
    grave = [trouble for trouble in troubles if trouble.weight is not Weight.NOTE]
    notes = [trouble for trouble in troubles if trouble.weight is Weight.NOTE]
    wrong = [element("h2", "What is wrong"), *_wrong(host, grave)]
    if notes:
        title = element("summary", f"Worth knowing ({len(notes)})")
        wrong.append(element("details", title, element("ul", *map(_trouble, notes), class_="troubles")))
    yield element("section", *wrong, id="wrong", class_="wide")
    keys = (element("li", _sample(kind), words) for kind, words in _LEGEND)
    more = element("p", f"{_CELLS} {_STRIP}" if host.nodes else _STRIP, class_="sub")
    picture = [element("h2", "The host"), *_limits(host), element("ul", *keys, class_="legend"), more]
    yield element("section", *picture, *draw_host(host), id="host", class_="wide")
    yield element("section", element("h2", "Guests"), tabulate_guests(host), id="guests", class_="wide")
    yield element("section", element("h2", "Devices"), tabulate_devices(host), id="devices", class_="wide")
    if host.isolation is not None:
        drawn = draw_intruders(host, host.isolation)
        yield element("section", element("h2", "Intruders"), *drawn, id="intruders", class_="wide")
    folded = list(tabulate_interrupts(host)) or [element("p", "No interrupt is a guest's.")]
    yield element("section", element("h2", "Interrupts"), *folded, id="interrupts", class_="wide")


_CELLS = (
    "A CPU has its number, the vCPU that is pinned to it (◆ one that may serve interrupts), ↓ how many interrupts may "
    "be sent to it, ! how many of them are another guest's, ⚑ how many of the host and of other guests come to a CPU "
    "that is kept for a guest, and how often any arrives. kept marks a CPU that is kept for a guest, house a "
    "housekeeping CPU. CPUs in one frame are threads of one core."
)

_STRIP = "A strip has all CPUs from left to right; the device's own node is shaded."


def _wrong(host: HostPicture, grave: Sequence[Trouble]) -> Iterator[Markup]:
    if not grave:
        held = sum(irq.verdict == Verdict.HELD.value for irq in host.irqs)
        where = " and every one that arrived came there" if host.arrivals is not None else ""
        others = f" but for {counted(held, 'interrupt')} that a hold keeps where it is" if held else ""
        said = f"Nothing. Every interrupt of the guests is set to where it belongs{where}{others}."
        yield element("p", element("span", _FINE, class_="sign", aria_hidden="true"), said, class_="fine")
        return
    yield element("ul", *map(_trouble, grave), class_="troubles")


def _trouble(trouble: Trouble) -> Markup:
    weight = trouble.weight.value
    sign = element("span", _SIGNS[trouble.weight], class_="sign", aria_hidden="true")
    count = element("b", trouble.amount) if trouble.amount else None
    said = element("p", sign, element("span", f"{weight}: ", class_="kind"), element("code", trouble.word), " ", count)
    words = element("p", trouble.sentence, class_="sentence") if trouble.sentence else None
    shown = element("ul", *map(_item, trouble.items[:_UNFOLDED])) if trouble.items else None
    rest = trouble.items[_UNFOLDED:]
    more = (
        element("details", element("summary", f"{len(rest)} more"), element("ul", *map(_item, rest))) if rest else None
    )
    return element("li", said, words, shown, more, class_=weight)


def _item(item: Item) -> Markup:
    name = item.name if item.anchor is None else element("a", item.name, href=f"#{item.anchor}")
    return element("li", name, f" {item.detail}" if item.detail else None)


def _limits(host: HostPicture) -> Iterator[Markup]:
    """Yield what the picture cannot show, and why."""
    if host.only:
        said = f"The document was narrowed to {', '.join(host.only)} (--only): other guests are not shown."
        yield element("p", said, class_="limit")
    if host.missing:
        said = f"The document is an older program's and does not tell {' or '.join(host.missing)}."
        yield element("p", said, " That is left out.", class_="limit")
    if host.arrivals is None:
        said = "Nobody counted what arrives: the picture shows only where interrupts are set to."
        yield element("p", said, class_="limit")
    else:
        yield element("p", f"Arrivals were counted for {host.arrivals.seconds:g} seconds.", class_="sub")


def _sample(kind: str) -> Markup:
    rect = element("rect", class_=kind, x="1", y="2", width="22", height="7")
    return element("svg", rect, class_="key", width="24", height="11", aria_hidden="true")


@functools.cache
def _style() -> str:
    """Return the style of the file, with a hue for each guest."""
    hues = "".join(f".h{hue}{{--hue:{(_FIRST_HUE + hue * _TURN) % 360:g}}}" for hue in range(HUES))
    return _read("style.css") + hues


@functools.cache
def _script() -> str:
    return _read("script.js")


def _read(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
