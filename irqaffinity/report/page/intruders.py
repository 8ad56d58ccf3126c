# SPDX-License-Identifier: Apache-2.0
"""The interrupts that come to the CPUs of guests that do not own them, as a table."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from irqaffinity.model.text import merge_numbers, name_cpus
from irqaffinity.report.names import common_names, without_numbers
from irqaffinity.report.page.facts import HostPicture, IntruderFacts, IsolationFacts
from irqaffinity.report.page.markup import Content, Markup, element, join
from irqaffinity.report.page.strip import unite
from irqaffinity.report.page.tables import row, show_cpus, table

_NAMED = 4
"""The most guests that a row names."""

_NOTHING = "-"
_HEADS = ("Interrupts", "Name", "Device", "CPUs", "Guests", "Movable", "Arrived")


def draw_intruders(host: HostPicture, isolation: IsolationFacts) -> Iterator[Markup]:
    """Yield which CPUs are kept, the intruders, and how many interrupt vectors are free."""
    kept = name_cpus("CPU", isolation.kept) if isolation.kept else "no CPU"
    house = name_cpus("CPU", isolation.housekeeping) if isolation.housekeeping else "none is named and online"
    said = f"[isolation] mode is {isolation.mode}. Kept for guests: {kept}. Housekeeping: {house}."
    yield element("p", said, class_="sub")
    groups = _alike(isolation.intruders)
    if groups:
        yield table("Intruders", _HEADS, (row(_HEADS, _cells(host, alike)) for alike in groups))
    else:
        yield element("p", "No interrupt comes to a CPU of a guest that does not own it.")
    for _, sentence, _ in isolation.headroom:
        yield element("p", f"{sentence}.", class_="sub")


def _alike(intruders: Sequence[IntruderFacts]) -> list[list[IntruderFacts]]:
    """Return the intruders in groups that differ in numbers, CPUs and guests alone, in their order."""
    found: dict[tuple[object, ...], list[IntruderFacts]] = defaultdict(list)
    for each in intruders:
        key = without_numbers(each.name), each.device, each.owner, each.is_movable, each.verdict, each.target
        found[key].append(each)
    return list(found.values())


def _cells(host: HostPicture, alike: Sequence[IntruderFacts]) -> Sequence[Content]:
    first = alike[0]
    known = [each.arrived for each in alike if each.arrived is not None]
    return (
        merge_numbers(each.number for each in alike),
        element("b", ", ".join(common_names(each.name for each in alike)) or _NOTHING),
        first.device or _NOTHING,
        show_cpus(unite(each.cpus for each in alike)),
        _guests(host, [uuid for each in alike for uuid in each.guests]),
        _can_move(host, first),
        sum(known) if known else _NOTHING,
    )


def _guests(host: HostPicture, uuids: Sequence[str]) -> Markup:
    names = list(dict.fromkeys(uuids))
    links: list[Markup | str] = [_link(host, uuid) for uuid in names[:_NAMED]]
    if len(names) > _NAMED:
        links.append(f"{len(names) - _NAMED} more")
    return join(links, ", ")


def _link(host: HostPicture, uuid: str) -> Markup | str:
    guest = host.guest_of.get(uuid)
    return uuid if guest is None else element("a", guest.name or guest.uuid, href=f"#g{guest.order}")


def _can_move(host: HostPicture, intruder: IntruderFacts) -> Content:
    if intruder.owner is not None:
        return join(("it is of guest ", _link(host, intruder.owner)))
    if not intruder.is_movable:
        return f"no: {intruder.verdict or 'managed'}"
    target = f" to {intruder.target}" if intruder.target is not None else ""
    return "yes" if intruder.verdict is None else f"yes: {intruder.verdict}{target}"
