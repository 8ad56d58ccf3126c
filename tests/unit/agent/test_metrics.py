# SPDX-License-Identifier: Apache-2.0
"""What the metrics say, as Prometheus reads them."""

import itertools
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from irqaffinity.agent.counters import OUTSIDE, TARGET, Counters
from irqaffinity.agent.metric_texts import HELP
from irqaffinity.agent.metrics import AgentCollector
from irqaffinity.agent.view import View
from irqaffinity.daemon.collector import ProgramCollector
from irqaffinity.daemon.reload import LastReload
from irqaffinity.listen.events import EVENTS
from irqaffinity.listen.link import Link
from irqaffinity.model.action import Action, Result
from irqaffinity.model.balance import Balancing
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.isolation import Headroom, Intruder, Isolated, Kept
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.model.verdict import FAILED, DeviceReason, IrqReason, Status, Verdict
from irqaffinity.observe.moment import read_moment
from irqaffinity.observe.rivals import ADVICE
from irqaffinity.passes.holds import add_hold
from irqaffinity.report.outcome import Outcome, Part
from tests.fakes.domains import nova_metadata
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene
from tests.unit.daemon.scrape import Scrape, scrape

RESULTS = ("done", "failed", "libvirt_unreachable")


class Rig:
    """What the metrics are made of."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.view = View("cmp-1")
        self.links: dict[str, Link] = {}
        self.store: Any = SimpleNamespace(unsaved=None)
        self.lost = {"trace": 0, "uevents": 0, "notifications": 0}
        self.collector = AgentCollector(
            self.counters, self.view, self.store, lambda: self.links, lambda: 60.0, lambda: self.lost
        )

    def scrape(self) -> Scrape:
        return scrape(self.collector)

    def value(self, name: str, /, **labels: str) -> float | None:
        return self.scrape().value(name, **labels)


def test_all_that_can_happen_is_there_from_the_start_at_zero() -> None:
    rig = Rig()
    rig.links["broker"] = Link("broker", "amqp://b")
    found = rig.scrape()
    events = {(event, outcome) for event in EVENTS for outcome in ("woke", "foreign", "ignored")}
    others = {("other", outcome) for outcome in ("woke", "foreign", "ignored", "malformed", "unread")}
    expected: dict[str, set[tuple[str, ...]]] = {
        "guests": {(status.value,) for status in Status},
        "devices": {("none",)} | {(reason.value,) for reason in DeviceReason},
        "interrupts": {(verdict.value,) for verdict in Verdict if verdict is not Verdict.WOULD_SET},
        "passes_total": set(itertools.product(("full", "guest", "birth"), RESULTS)),
        "looks_total": {("done",), ("failed",)},
        "writes_total": {("set",), ("pending",)},
        "write_failures_total": {(verdict.value,) for verdict in FAILED},
        "arrivals_total": {("target",), ("outside",)},
        "events_lost_total": {("trace",), ("uevents",), ("notifications",)},
        "rival": {(name,) for name in ADVICE},
        "pass_seconds_count": {("full",), ("guest",)},
        "isolation_mode": {("off",), ("report",), ("enforce",)},
        "intruders": {("true",), ("false",)},
        "intruder_arrivals_total": {("true",), ("false",)},
        "host_interrupts": {(verdict.value,) for verdict in Verdict if verdict is not Verdict.WOULD_SET},
        **{
            key: {()}
            for key in (
                *("drift_repaired_total", "fights_total", "births_throttled_total", "clock_ahead_total"),
                *("isolation_held_up", "kept_cpus", "housekeeping_cpus"),
            )
        },
    }
    for name, labels in expected.items():
        assert found.labels(name) == labels, name
        assert {value for (sample, _), value in found.samples.items() if sample == f"irqaffinity_{name}"} == {0}, name
    messages = found.labels("notifications_total")
    assert others < messages < events | others
    assert {("reboot", "woke"), ("lock", "foreign"), ("lock", "ignored")} < messages
    assert ("lock", "woke") not in messages
    assert sum(value for (sample, _), value in found.samples.items() if sample.endswith("notifications_total")) == 0
    assert found.value("last_complete_audit_timestamp_seconds") == 0


def test_what_is_counted() -> None:
    rig = Rig()
    for kind, result, seconds in (("full", "done", 0.02), ("full", "done", 0.3), ("guest", "failed", None)):
        rig.counters.count_pass(kind, result, seconds)
    for _ in range(7):
        rig.counters.count_pass("look", "done", 0.5)
    rig.counters.drifts, rig.counters.fights, rig.counters.throttled = 4, 1, 5
    rig.counters.arrivals.update({TARGET: 900, OUTSIDE: 100})
    rig.counters.clocks.saw(RememberedSpecs("1", "2026-11-20 12:07:00", "cmp-2", "2026-11-20 12:00:00"))
    rig.counters.wake_seconds.add(3.0)
    rig.counters.wake_seconds.add(40.0)
    rig.lost["trace"] = 12
    found = rig.scrape()
    assert [found.value("passes_total", kind="full", result=result) for result in RESULTS] == [2, 0, 0]
    assert found.value("passes_total", kind="guest", result="failed") == 1
    assert found.value("looks_total", result="done") == 7
    names = ("drift_repaired_total", "fights_total", "births_throttled_total", "clock_ahead_total")
    assert [found.value(name) for name in names] == [4, 1, 5, 1]
    assert [found.value("arrivals_total", place=place) for place in ("target", "outside")] == [900, 100]
    assert [found.value("pass_seconds_bucket", kind="full", le=le) for le in ("0.01", "0.025", "+Inf")] == [0, 1, 2]
    assert [found.value("pass_seconds_count", kind=kind) for kind in ("full", "guest")] == [2, 0]
    assert [found.value("wake_to_placed_seconds_bucket", le=le) for le in ("2.5", "5.0", "+Inf")] == [0, 1, 2]
    assert (found.value("wake_to_placed_seconds_sum"), found.value("wake_to_placed_seconds_count")) == (43.0, 2)
    assert found.value("events_lost_total", source="trace") == 12
    assert found.value("audit_interval_seconds") == 60


def result(verdict: Verdict, reason: IrqReason | None = None, *, was_written: bool = False) -> Result:
    action = Action(40, PciAddress.parse(VF0), GuestId(OTHER), CpuSet([1]), None, CpuSet([2]))
    return Result(action, verdict, CpuSet([2]), CpuSet([2]), None, reason, was_written=was_written)


def test_writes_and_failures_are_told_apart_and_what_was_not_tried_is_neither() -> None:
    rig = Rig()
    rig.counters.count_results(
        [
            result(Verdict.SET, was_written=True),
            result(Verdict.PENDING, was_written=True),
            result(Verdict.PENDING),
            result(Verdict.OK),
            result(Verdict.NO_VECTOR),
            result(Verdict.NO_VECTOR, IrqReason.BACKOFF),
            result(Verdict.DENIED, IrqReason.RELEASED),
        ]
    )
    found = rig.scrape()
    assert [found.value("writes_total", result=each) for each in ("set", "pending")] == [1, 1]
    failures = {each: found.value("write_failures_total", verdict=each) for each in ("no_vector", "offline", "denied")}
    assert failures == {"no_vector": 1, "offline": 0, "denied": 1}


def test_what_comes_from_outside_makes_no_label(scene: Scene) -> None:
    """Neither a guest's name, nor a device's tags, nor an event of Nova's notifications."""
    rig = Rig()
    rig.links["broker"] = Link("broker", "amqp://b")
    before = rig.scrape()
    evil = 'x"} 1\nirqaffinity_evil{a="b'
    scene.add_guest(VF0, metadata=nova_metadata(evil.replace('"', "&quot;"), {"hw:cpu_policy": "dedicated"}))
    rig.view.saw(scene.auditor.audit(), 0.1, is_full=True)
    for count in (rig.counters.notifications, rig.counters.passes):
        count[evil, evil] += 1
    intruder = Intruder(24, evil, NO_DEVICE, CpuSet([2]), (GuestId(OTHER),), is_movable=True)
    rig.view.isolated = Isolated(evil, intruders=(intruder,), trouble=evil)
    for counts in (rig.counters.looks, rig.counters.writes, rig.counters.failures, rig.counters.arrivals):
        counts[evil] += 1
    rig.view.rivals = ("irqbalance", evil)
    after = rig.scrape()
    process = {key for key in before.samples | after.samples if not key[0].startswith("irqaffinity_")}
    assert after.samples.keys() - process == before.samples.keys() - process
    assert "evil" not in after.text


def test_notifications_are_counted_by_event_where_there_is_a_broker() -> None:
    rig = Rig()
    assert rig.scrape().labels("notifications_total") == set()
    rig.links["broker"] = Link("broker", "amqp://b")
    rig.counters.count_notification("create", "woke")
    assert rig.value("notifications_total", event="create", outcome="woke") == 1


def test_a_broker_that_is_not_needed_is_not_wanted() -> None:
    rig = Rig()
    assert rig.value("notifications_wanted") == 0
    rig.links = {"broker": Link("broker", "amqp://b")}
    assert rig.value("notifications_wanted") == 1
    rig.links["broker"].rest("every domain has its extra specs")
    assert rig.value("notifications_wanted") == 0
    rig.links["broker"].turn_to("amqp://b")
    assert rig.value("notifications_wanted") == 1


def test_new_interrupts_are_told_by_the_trace_while_that_stands() -> None:
    rig = Rig()

    def sources() -> list[float | None]:
        found = rig.scrape()
        return [found.value("vector_source", source=source) for source in ("trace", "poll")]

    assert sources() == [0, 1]
    rig.links["vectors"] = Link("vectors", "/sys/kernel/tracing")
    assert sources() == [0, 1]
    rig.links["vectors"].up("/sys/kernel/tracing")
    assert sources() == [1, 0]
    rig.links["vectors"].down("somebody changed it")
    assert sources() == [0, 1]


def test_a_rival_and_a_state_that_is_not_stored_show_while_they_last() -> None:
    rig = Rig()
    assert (rig.value("rival", name="irqbalance"), rig.value("state_saved")) == (0, 1)
    rig.view.rivals, rig.store.unsaved = ("irqbalance",), "no space"
    assert (rig.value("rival", name="irqbalance"), rig.value("state_saved")) == (1, 0)


def modes(found: Scrape) -> list[float | None]:
    return [found.value("isolation_mode", mode=mode) for mode in ("off", "report", "enforce")]


def test_what_the_last_pass_found_on_the_cpus_of_guests() -> None:
    rig = Rig()
    assert modes(rig.scrape()) == [0, 0, 0], "nobody has looked yet"
    owners = {cpu: (GuestId(GUEST),) for cpu in range(2, 8)}
    intruders = [
        Intruder(number, "nvme0q1", NO_DEVICE, CpuSet([2]), (GuestId(GUEST),), is_movable)
        for number, is_movable in ((24, True), (25, False), (26, True))
    ]
    action = Action(24, NO_DEVICE, HOST, CpuSet([2]), None, CpuSet([0]))
    results = [
        Result(action, verdict, CpuSet([0]), CpuSet([0]), None)
        for verdict in (Verdict.SET, Verdict.SET, Verdict.DENIED)
    ]
    rig.view.isolated = Isolated(
        "enforce",
        Kept(owners, CpuSet(owners)),
        CpuSet([0, 1]),
        tuple(intruders),
        tuple(results),
        (Headroom(None, 3, 30, 202, True), Headroom(1, 9, 12, 202, False)),
        trouble="fewer than 4 housekeeping CPUs are online",
    )
    found = rig.scrape()
    assert modes(found) == [0, 0, 1]
    assert [found.value(name) for name in ("kept_cpus", "housekeeping_cpus", "isolation_held_up")] == [6, 2, 1]
    assert [found.value("intruders", movable=word) for word in ("true", "false")] == [2, 1]
    assert [found.value("host_interrupts", verdict=word) for word in ("set", "denied", "ok")] == [2, 1, 0]
    assert found.labels("vectors_free") == {("none",), ("1",)}
    assert [found.value("vectors_free", node=node) for node in ("none", "1")] == [30, 12]
    rig.view.isolated = Isolated("report")
    found = rig.scrape()
    assert modes(found) == [0, 1, 0]
    assert (found.value("isolation_held_up"), found.labels("vectors_free")) == (0, set())


def test_arrivals_of_intruders_are_counted_by_whether_they_can_be_moved() -> None:
    rig = Rig()
    rig.counters.intruders.update({True: 8, False: 9})
    found = rig.scrape()
    assert [found.value("intruder_arrivals_total", movable=word) for word in ("true", "false")] == [8, 9]


def test_irqbalance_has_a_value_where_it_is_to_be_told() -> None:
    rig = Rig()
    assert rig.value("irqbalance_told") is None
    for told in (False, True):
        rig.view.balancer = Balancing(told=told)
        assert rig.value("irqbalance_told") == told


def test_what_the_last_pass_saw(scene: Scene) -> None:
    rig = Rig()
    scene.add_guest(VF0, VF1)
    scene.add_guest(uuid=OTHER)
    scene.host.quiet = {40}
    before = datetime.now(timezone.utc).timestamp()
    rig.view.saw(scene.auditor.audit(), 0.1, is_full=True)
    found = rig.scrape()
    verdicts = {verdict: found.value("interrupts", verdict=verdict) for verdict in ("set", "pending", "denied")}
    assert verdicts == {"set": 3, "pending": 1, "denied": 0}
    assert [found.value("guests", status=status) for status in ("placed", "no_devices", "no_mask")] == [1, 1, 0]
    assert [found.value("devices", reason=reason) for reason in ("none", "not_found")] == [2, 0]
    audited = found.value("last_complete_audit_timestamp_seconds") or 0.0
    assert before <= audited <= datetime.now(timezone.utc).timestamp()


def test_a_device_that_nobody_has_any_more_is_no_guests_device(scene: Scene) -> None:
    rig = Rig()
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    made = scene.auditor.audit()
    assert [device.guest for device in made.outcome.devices] == [None]
    rig.view.saw(made, 0.1, is_full=True)
    assert rig.value("devices", reason="none") == 0


def test_without_metrics_the_library_is_not_loaded() -> None:
    """It takes some megabytes, and a fraction of a second."""
    program = (
        "import sys, irqaffinity.cli.agent, irqaffinity.cli.relay\n"
        "import irqaffinity.agent.service, irqaffinity.relay.service\n"
        "print({'prometheus_client', 'irqaffinity.daemon.web', 'irqaffinity.agent.metric_texts'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "set()\n"


def test_promtool_has_nothing_to_say() -> None:
    rig = Rig()
    rig.view.balancer = Balancing(told=True)
    rig.view.isolated = Isolated("report", headroom=(Headroom(0, 3, 30, 202, True),))
    rig.links["broker"] = Link("broker", "amqp://b")
    rig.scrape().check()


def test_each_text_is_of_a_metric_and_says_more_than_its_name() -> None:
    rig = Rig()
    rig.view.balancer = Balancing(told=True)
    found = rig.scrape().ours
    assert found.keys() == {f"irqaffinity_{name}" for name in HELP}
    for name, text in found.items():
        assert len(text) > 60, name
        assert text.endswith("."), name


def test_each_metric_stands_in_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "doc/agent.rst").read_text()
    program = scrape(ProgramCollector(LastReload(), lambda: {"libvirt": Link("libvirt", "qemu:///system")}))
    for name in [*Rig().scrape().ours, *program.ours]:
        assert re.search(rf"``{name}(_total)?[`{{]", guide), name


def test_a_scrape_of_a_large_host_puts_its_interrupts_together_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,048 interrupts: another scrape without a pass in between only counts them."""
    rig = Rig()
    scene.add_guest(VF0)
    made = scene.auditor.audit()
    (part,) = made.parts.values()
    many = [part.results[0]._replace(action=part.results[0].action._replace(number=n)) for n in range(2048)]
    object.__setattr__(part, "results", tuple(many))
    rig.view.saw(made, 0.1, is_full=True)
    put_together: list[int] = []
    real = Outcome.of

    def of(parts: Any, *arguments: Any, **others: Any) -> Outcome:
        put_together.append(1)
        return real(parts, *arguments, **others)

    monkeypatch.setattr(Outcome, "of", of)
    found = [rig.scrape() for _ in range(3)]
    assert len(put_together) == 1
    assert found[2].value("interrupts", verdict="set") == 2048
    assert len(found[2].text) < 64 << 10
    assert isinstance(part, Part)


def test_holds_and_what_waits_for_them_are_counted(scene: Scene) -> None:
    rig = Rig()
    scene.add_guest(VF0)
    rig.view.saw(scene.auditor.audit(), 0.1, is_full=True)
    assert (rig.value("holds"), rig.value("deferred")) == (0, 0)
    assert rig.value("oldest_hold_timestamp_seconds") is rig.value("next_hold_end_timestamp_seconds") is None
    moment, since = read_moment(scene.host.root), datetime(2026, 11, 20, tzinfo=timezone.utc)
    for days, guest in ((10_000, None), (9_000, GuestId(GUEST))):
        until = since + timedelta(days=days)
        add_hold(scene.store, moment._replace(now=since + timedelta(days=days == 9_000)), until, "x", guest=guest)
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", "7")
    rig.view.saw(scene.auditor.audit(), 0.1, is_full=True)
    assert (rig.value("holds"), rig.value("deferred")) == (2, 1)
    assert rig.value("interrupts", verdict="held") == 1
    assert rig.value("oldest_hold_timestamp_seconds") == since.timestamp()
    assert rig.value("next_hold_end_timestamp_seconds") == (since + timedelta(days=9_000)).timestamp()
    action = Action(24, NO_DEVICE, HOST, CpuSet([2]), None, CpuSet([0]))
    rig.view.saw_host(Isolated("enforce", results=(Result(action, Verdict.HELD, CpuSet([0]), CpuSet([2]), None),)))
    assert rig.value("deferred") == 2
