# SPDX-License-Identifier: Apache-2.0
"""Makes records, immovable interrupts, holds and the like of the rows of the state."""

from collections import defaultdict
from collections.abc import Iterator

from irqaffinity.model.guest import HOST
from irqaffinity.model.hold import Deferred, Hold
from irqaffinity.model.irq import IrqId
from irqaffinity.model.isolation import Told
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Fixed, Record, RememberedSpecs
from irqaffinity.model.verdict import Cause, Verdict
from irqaffinity.state.fields import Row

_FIXED = {verdict.value: verdict for verdict in (Verdict.MANAGED, Verdict.IMMOVABLE)}
_CAUSES = {cause.value: cause for cause in Cause}


def records_in(rows: Iterator[Row]) -> dict[PciAddress, dict[int, Record]]:
    """Return the records of rows with the columns of `records`; raise BadState."""
    records: dict[PciAddress, dict[int, Record]] = defaultdict(dict)
    for row in rows:
        records[row.device("device")][row.irq("irq")] = record_in(row)
    return dict(records)


def record_in(row: Row) -> Record:
    """Return the record in a row of `records`; raise BadState."""
    return Record(
        owner=row.guest("owner"),
        driver=row.text_or_none("driver"),
        original=row.cpus_or_none("original"),
        written=row.cpus("written"),
        previous=row.cpus_or_none("previous"),
        spread_over=row.cpus_or_none("spread_over"),
        next_cpu=row.flag("next_cpu"),
    )


def fixed_in(row: Row) -> tuple[IrqId, Fixed]:
    """Return the interrupt in a row of `managed`, with its action and verdict; raise BadState."""
    return IrqId(row.device("device"), row.irq("irq")), Fixed(row.text("action"), _verdict_in(row))


def _verdict_in(row: Row) -> Verdict:
    verdict = _FIXED.get(row.text("verdict"))
    if verdict is None:
        raise row.wrong("verdict", f"is none of {', '.join(_FIXED)}")
    return verdict


def host_record_in(row: Row) -> tuple[IrqId, Record]:
    """Return the interrupt in a row of `host_records`, with its record; raise BadState."""
    record = Record(
        owner=HOST,
        driver=row.text_or_none("driver"),
        original=row.cpus_or_none("original"),
        written=row.cpus("written"),
        previous=row.cpus_or_none("previous"),
        spread_over=row.cpus_or_none("spread_over"),
        next_cpu=row.flag("next_cpu"),
        action=row.text_or_none("action"),
    )
    return row.host_irq(), record


def host_fixed_in(row: Row) -> tuple[IrqId, Fixed]:
    """Return the interrupt in a row of `host_managed`, with its action and verdict; raise BadState."""
    return row.host_irq(), Fixed(row.text("action"), _verdict_in(row), is_hosts=True)


def told_in(row: Row) -> tuple[str, Told]:
    """Return the socket in a row of `told`, with what was told through it; raise BadState."""
    told = Told(row.cpus_or_none("cpus_before"), row.numbers("irqs_before"), row.cpus("cpus"), row.numbers("irqs"))
    return row.text("socket"), told


def specs_in(row: Row) -> RememberedSpecs:
    """Return the extra specs in a row of `specs`; raise BadState."""
    return RememberedSpecs(
        row.text_or_none("mask"), row.text("timestamp"), row.text_or_none("publisher"), row.text_or_none("arrived")
    )


def hold_in(row: Row) -> tuple[int, Hold]:
    """Return the id in a row of `holds`, with the hold; raise BadState."""
    number = row.count("id")
    hold = Hold(
        number,
        since=row.time("since"),
        until=row.time("until"),
        reason=row.text("reason"),
        boot_id=row.text("boot_id"),
        ends_at=row.seconds("ends_at"),
        guest=row.guest_or_none("guest"),
        device=None if row.value("device") is None else row.device("device"),
        everything=row.flag("everything"),
    )
    return number, hold


def deferred_in(row: Row) -> tuple[IrqId, Deferred]:
    """Return the interrupt in a row of `deferred`, with what was put off; raise BadState."""
    cause = _CAUSES.get(row.text("cause"))
    if cause is None:
        raise row.wrong("cause", f"is none of {', '.join(_CAUSES)}")
    deferred = Deferred(
        row.guest_or_none("guest") or HOST,
        origin=row.cpus_or_none("origin"),
        target=row.cpus("target"),
        since=row.time("since"),
        times=row.count("times"),
        cause=cause,
        hold=row.count("hold"),
    )
    return row.host_irq(), deferred
