# SPDX-License-Identifier: Apache-2.0
"""`hold`, `deferred` and `unhold` without an agent, on a fake host and libvirt's own test driver."""

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest

from irqaffinity.agent.status_file import publish
from irqaffinity.cli import unhold
from irqaffinity.cli.ask_agent import Reply
from irqaffinity.cli.main import main
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.hold import Deferred, Hold
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.record import Changes, RememberedSpecs
from irqaffinity.model.verdict import Cause
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.report.times import TIME
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from tests.fakes.domains import make_libvirt, shut_off
from tests.fakes.scene import GUEST, OTHER, SCHEMA, VF0, VF1, Scene
from tests.unit.cli.test_output import published

Run = Callable[..., tuple[int, str, str]]

SINCE = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
ROW = Deferred(GuestId(GUEST), CpuSet.parse("0-15"), CpuSet.parse("2-3"), SINCE, 3, Cause.DRIFT, 1)
NO_AGENT = "irqaffinity: no agent runs here: the hold counts for every later pass, also those of audit\n"
HOLD_SCHEMA = SCHEMA["properties"]["holds"] | {"$defs": SCHEMA["$defs"], "properties": SCHEMA["properties"]}


@pytest.fixture
def options(scene: Scene) -> dict[str, object]:
    """The options that point a command at the scene, by name; a test may change them.

    The kernel of the scene does not show what the hardware does.
    """
    for path in scene.host.proc.glob("irq/*/effective_affinity_list"):
        path.unlink()
    (scene.folder / "irqaffinity.conf").write_text(f"[status]\npath = {scene.folder / 'run/status.json'}\n")
    return {
        "config-file": scene.folder / "irqaffinity.conf",
        "proc": scene.host.proc,
        "sys": scene.host.sys,
        "state": scene.folder / "state",
    }


@pytest.fixture
def run(
    scene: Scene,
    options: dict[str, object],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Run:
    """Return what a command says; what goes to its log goes to standard error, as without a test around it."""

    def call(*arguments: str) -> tuple[int, str, str]:
        uri = {"libvirt-uri": make_libvirt(scene.folder / "libvirt", scene.domains)}
        given = [f"--{name}={value}" for name, value in (uri | options).items()]
        try:
            status = main([*given, *arguments])
        except SystemExit as left:
            status = int(str(left.code))
        out, err = capsys.readouterr()
        logged = [f"irqaffinity: {line.getMessage()}\n" for line in caplog.records if line.levelno >= logging.WARNING]
        caplog.clear()
        return status, out, err + "".join(logged)

    return call


@pytest.fixture
def store(scene: Scene) -> Store:
    """The state as a process of this boot has it."""
    return Store(StateFolder(str(scene.folder / "state")), read_boot_id(scene.host.root))


def put(store: Store, changes: Changes) -> None:
    with store.exclusive():
        store.load()
        store.save(changes)


def wait(store: Store, rows: Mapping[tuple[str, int], Deferred]) -> None:
    """Let interrupts wait."""
    named = {IrqId(PciAddress.parse(device), number): row for (device, number), row in rows.items()}
    put(store, Changes(deferred=named))


def holds(run: Run) -> list[dict[str, Any]]:
    """Return the holds in force as `deferred` tells them."""
    status, out, err = run("deferred", "-f", "json")
    assert status == 0, err
    found: list[dict[str, Any]] = json.loads(out)["holds"]
    jsonschema.validate(found, HOLD_SCHEMA)
    return found


def span(hold: Mapping[str, Any]) -> timedelta:
    return datetime.strptime(hold["until"], TIME) - datetime.strptime(hold["since"], TIME)


def test_a_hold_is_told_in_a_line_and_stands_in_the_state(run: Run, store: Store) -> None:
    status, out, err = run("hold", "--for", "2h", "--reason", "change 4711")
    (found,) = holds(run)
    assert (status, out, err) == (0, f"hold 1: the whole host, until {found['until']}: change 4711\n", NO_AGENT)
    assert (found["id"], found["scope"], found["guest"], found["device"]) == (1, "host", None, None)
    assert (found["reason"], found["everything"], span(found)) == ("change 4711", False, timedelta(hours=2))
    assert store.peek().holds[1].reason == "change 4711"


def test_without_a_time_it_lasts_a_day_and_says_so(run: Run) -> None:
    assert run("hold", "--reason", "x")[1].endswith(": x (24 h, for neither --for nor --until is given)\n")
    assert span(holds(run)[0]) == timedelta(hours=24)


def test_a_hold_of_a_guest_or_a_device_is_found_by_any_name(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER)
    out = run("hold", "--guest", "instance-0", "--until", "2098-01-01T01:00+01:00", "--reason", "a")[1]
    assert out == f"hold 1: guest instance-0 {GUEST}, until 2098-01-01T00:00:00Z: a\n"
    status, out, _ = run("hold", "--device", OTHER, "--everything", "--reason", "b", "-f", "json")
    (made,) = json.loads(out)["holds"]
    assert (status, made["scope"], made["device"], made["everything"]) == (0, "device", VF1, True)
    assert [(row["guest"], row["device"]) for row in holds(run)] == [(GUEST, None), (None, VF1)]
    assert run("hold", "--guest", "web", "--reason", "c")[0] == 1


def test_a_guest_that_is_stopped_is_found_by_its_uuid_while_somebody_knows_it(
    scene: Scene, run: Run, store: Store
) -> None:
    scene.add_guest(VF0)
    status, _, err = run("hold", "--guest", OTHER, "--reason", "x")
    assert (status, err) == (
        1,
        f"irqaffinity: no guest has the uuid {OTHER}; virsh list --all --uuid --name shows the guests\n",
    )
    put(store, Changes(extra_specs={GuestId(OTHER): RememberedSpecs("0", "2026-11-20 12:00:00")}))
    assert run("hold", "--guest", OTHER.upper(), "--reason", "x")[0] == 0
    assert [row["guest"] for row in holds(run)] == [OTHER]


def test_a_guest_that_is_stopped_is_found_by_its_name(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER)
    scene.domains[1] = shut_off(scene.domains[1])
    status, out, _ = run("hold", "--guest", "instance-1", "--reason", "x")
    assert (status, out.startswith(f"hold 1: guest instance-1 {OTHER}, until ")) == (0, True)
    assert run("hold", "--guest", VF1, "--reason", "x")[0] == 1, "it has no device"
    assert run("unhold", "--guest", "instance-1")[0] == 0
    assert holds(run) == []


def test_without_libvirt_a_uuid_and_an_address_work_and_the_host_needs_none(
    scene: Scene, options: dict[str, object], run: Run
) -> None:
    options["libvirt-uri"] = "test:///nowhere.xml"
    assert run("hold", "--reason", "x")[::2] == (0, NO_AGENT)
    status, _, err = run("hold", "--guest", GUEST, "--reason", "x")
    assert status == 0
    assert f"irqaffinity: whether there is a guest {GUEST} was not asked: libvirt at test:///nowhere.xml is not" in err
    assert run("hold", "--device", VF0, "--reason", "x")[0] == run("hold", "--device", "40", "--reason", "x")[0] == 0
    status, _, err = run("hold", "--guest", "instance-0", "--reason", "x")
    assert (status, "; libvirt was not asked: libvirt at" in err) == (1, True)
    assert [row["scope"] for row in holds(run)] == ["host", "guest", "device", "device"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: --reason"),
        (["--reason", " "], "argument --reason: it is empty: say why"),
        (["--reason", "x", "--for", "2 h"], "argument --for: '2 h' is not a number with s, m, h or d"),
        (["--reason", "x", "--for", "0s"], "argument --for: '0s' is no time at all"),
        (
            ["--reason", "x", "--until", "2h"],
            "is no time such as 2026-11-20T12:00:00Z; write how long it lasts with --for",
        ),
        (["--reason", "x", "--until", "2026-01-01"], "argument --until: '2026-01-01' is over already"),
        (
            ["--reason", "x", "--until", "2098-01-01", "--for", "1h"],
            "argument --for: not allowed with argument --until",
        ),
        (["--reason", "x", "--guest", "a", "--device", "b"], "argument --device: not allowed with argument --guest"),
    ],
)
def test_a_hold_that_makes_no_sense_is_wrong_usage(run: Run, arguments: list[str], told: str) -> None:
    status, _, err = run("hold", *arguments)
    assert status == 64
    assert told in err


def test_no_reason_forges_a_line(run: Run) -> None:
    run("hold", "--reason", " evil\n\x1b[31mhold 9" + "x" * 300)
    (found,) = holds(run)
    assert found["reason"].startswith("evil\\x0a\\x1b[31mhold 9xxx")
    assert (len(found["reason"]), found["reason"][-1]) == (255, "…")


def test_what_waits_is_listed_with_its_hold(scene: Scene, run: Run, store: Store) -> None:
    scene.add_guest(VF0)
    run("hold", "--for", "2h", "--reason", "change")
    wait(store, {(VF0, 41): ROW, (VF0, 40): ROW, (VF1, 50): ROW._replace(guest=GuestId(OTHER), times=1, origin=None)})
    put(store, Changes(deferred={DEFAULT: ROW._replace(guest=HOST, cause=Cause.ISOLATION)}))
    status, out, _ = run("deferred")
    first, _, head, *rows, _, last = out.splitlines()
    assert (status, last) == (0, "4 interrupts wait")
    assert first.startswith("hold 1: the whole host, until 20")
    assert first.endswith(("(1 h 59 min left): change", "(2 h left): change"))
    assert head.split() == ["IRQS", "DEVICE", "NAME", "FROM", "TO", "SINCE", "TIMES", "CAUSE", "HOLD"]
    assert [row.split() for row in rows] == [
        ["default_smp_affinity", "-", "-", "0-15", "2-3", "2026-11-20T12:00:00Z", "3", "isolation", "1"],
        ["40-41", VF0, "instance-0", "0-15", "2-3", "2026-11-20T12:00:00Z", "3", "drift", "1"],
        ["50", VF1, OTHER, "-", "2-3", "2026-11-20T12:00:00Z", "1", "drift", "1"],
    ]
    found = json.loads(run("deferred", "-f", "json")[1])
    assert list(found) == ["schema", "host", "time", "holds", "deferred"]
    assert found["deferred"][1] == {
        "irq": 40,
        "device": VF0,
        "guest": GUEST,
        "name": "instance-0",
        "from": "0-15",
        "to": "2-3",
        "since": "2026-11-20T12:00:00Z",
        "times": 3,
        "cause": "drift",
        "hold": 1,
    }
    assert run("deferred", "-f", "value", "-c", "irq", "-c", "to", "--sort", "irq:desc")[1].splitlines()[0] == "50 2-3"


def test_a_stopped_guest_has_a_name_and_without_libvirt_a_uuid_does(
    scene: Scene, run: Run, store: Store, options: dict[str, object]
) -> None:
    scene.add_guest(VF0)
    scene.domains[0] = shut_off(scene.domains[0])
    run("hold", "--reason", "change")
    wait(store, {(VF0, 40): ROW})
    columns = "-f", "value", "-c", "guest", "-c", "name"
    assert run("deferred", *columns)[1] == f"{GUEST} instance-0\n"
    options["libvirt-uri"] = "test:///nowhere.xml"
    assert run("deferred", *columns)[::2] == (0, "")
    (row,) = json.loads(run("deferred", "-f", "json")[1])["deferred"]
    assert (row["guest"], row["name"]) == (GUEST, None)
    assert GUEST in run("deferred")[1]


def test_a_hold_that_is_over_holds_nothing_and_what_waited_is_still_told(run: Run, store: Store) -> None:
    over = Hold(1, SINCE, SINCE + timedelta(hours=1), "old", "another boot", 60.0)
    put(store, Changes(holds={1: over}, deferred={IrqId(PciAddress.parse(VF0), 40): ROW}))
    assert holds(run) == []
    assert run("deferred")[1].splitlines()[:2] == [
        "no hold is in force",
        "hold 1 is over: what waited for that is moved at the next pass",
    ]
    assert run("unhold")[::2] == (1, "irqaffinity: no hold is in force, so there is none to lift\n")


def test_a_state_that_is_missing_or_cannot_be_read_is_one_line(scene: Scene, run: Run, store: Store) -> None:
    status, out, err = run("deferred")
    assert (status, out) == (0, "no hold is in force, and nothing waits\n")
    assert err == f"irqaffinity: there is no folder {scene.folder / 'state'}: nothing was held or moved there yet\n"
    run("hold", "--reason", "x")
    (scene.folder / "state/state.db").write_bytes(b"x" * 5000)
    status, out, err = run("deferred")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert str(scene.folder / "state/state.db") in err


def test_a_wrong_configuration_does_not_matter_where_the_folder_is_named(scene: Scene, run: Run) -> None:
    run("hold", "--reason", "x")
    (scene.folder / "irqaffinity.conf").write_text("[audit]\ninterval = none\n")
    assert len(holds(run)) == 1


def test_unhold_lifts_and_moves_what_waited(scene: Scene, run: Run, store: Store) -> None:
    scene.add_guest(VF0)
    run("hold", "--reason", "x")
    wait(store, {(VF0, 40): ROW, (VF0, 41): ROW})
    status, out, err = run("unhold")
    assert (status, err) == (0, "")
    first, _, head, row, _, last = out.splitlines()
    assert first.startswith("lifted hold 1: the whole host, until ")
    assert head.split() == ["IRQS", "DEVICE", "NAME", "FROM", "TO", "CAUSE", "HOLD", "VERDICT"]
    assert row.split() == ["40-41", VF0, "instance-0", "0-15", "2-3", "drift", "1", "set"]
    assert last == "2 interrupts were moved by this command, for no agent did it"
    assert (scene.host.smp(40), holds(run)) == ("2-3", [])


def test_unhold_lists_what_drifted_since_the_last_pass(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER)
    run("audit", "--once")
    run("hold", "--guest", GUEST, "--reason", "x")
    for number in (40, 50):
        scene.host.put(scene.host.proc / f"irq/{number}/smp_affinity_list", "7")
    status, out, _ = run("unhold", "-f", "json")
    (row,) = json.loads(out)["moved"]
    assert (status, scene.host.smp(40), scene.host.smp(50)) == (0, "2-3", "10-11")
    assert row == {
        "irq": 40,
        "device": VF0,
        "guest": GUEST,
        "name": "instance-0",
        "from": "7",
        "to": "2-3",
        "cause": "drift",
        "hold": 1,
        "verdict": "set",
    }


def test_unhold_names_what_it_could_not_move(scene: Scene, run: Run, store: Store) -> None:
    scene.add_guest(VF0)
    run("hold", "--reason", "x")
    wait(store, {(VF0, 40): ROW, (VF0, 41): ROW, (VF0, 49): ROW})
    (scene.host.proc / "irq/40/smp_affinity_list").unlink()
    (scene.host.proc / "irq/40/smp_affinity_list").mkdir()
    _, out, _ = run("unhold", "-f", "json")
    found = json.loads(out)
    assert list(found) == ["schema", "host", "time", "lifted", "moved", "moved_by"]
    verdicts = {row["irq"]: row["verdict"] for row in found["moved"]}
    assert (verdicts, found["moved_by"]) == ({40: "unread", 41: "set", 49: "gone"}, "unhold")
    assert [row["id"] for row in found["lifted"]] == [1]


def test_unhold_tells_nothing_of_what_waits_for_another_hold(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0, VF1)
    run("audit", "--once")
    for device, number in ((VF0, 40), (VF1, 50)):
        run("hold", "--device", device, "--reason", "x")
        (scene.host.proc / f"irq/{number}/smp_affinity_list").write_text("0-15\n")
    run("audit", "--once")
    assert [row["irq"] for row in json.loads(run("unhold", "--device", VF0, "-f", "json")[1])["moved"]] == [40]
    assert [row["irq"] for row in json.loads(run("deferred", "-f", "json")[1])["deferred"]] == [50]


@pytest.mark.parametrize("device", ["0000:01:00.0", None])
def test_unhold_tells_of_the_hosts_interrupts_what_the_agent_could_not_do(
    scene: Scene, run: Run, store: Store, monkeypatch: pytest.MonkeyPatch, device: str | None
) -> None:
    """In the place of an agent whose kernel has no vector free, which no made-up host is for a process of its own."""
    scene.host.add_device("0000:01:00.0", 0, "mlx5_core")
    scene.host.add_host_interrupt(60, "eth0-0", "2", "2", address=device)
    run("hold", "--reason", "x")
    irq = IrqId(NO_DEVICE if device is None else PciAddress.parse(device), 60)
    put(store, Changes(deferred={irq: ROW._replace(guest=None, origin=CpuSet([2]), target=CpuSet([0]))}))
    row = {"irq": 60, "name": "eth0-0", "device": device, "current": "2", "target": "0", "verdict": "no_vector"}
    work = {"mode": "enforce", "kept": "2", "housekeeping": "0", "moved": 0, "message": None, "default": None}
    status = published() | {"isolation": work | {"irqs": [row | {"reason": None, "message": None}]}}

    def answer(*_arguments: object) -> Reply:
        (scene.folder / "run").mkdir()
        publish(str(scene.folder / "run/status.json"), status)
        put(store, Changes(deferred={irq: None}))
        return Reply.ANSWERED

    monkeypatch.setattr(unhold, "ask_agent", answer)
    (found,) = json.loads(run("unhold", "-f", "json")[1])["moved"]
    assert (found["to"], found["verdict"]) == ("2", "no_vector")


def test_unhold_lifts_all_the_same_where_nothing_can_be_moved(
    scene: Scene, run: Run, store: Store, options: dict[str, object]
) -> None:
    run("hold", "--reason", "x")
    wait(store, {(VF0, 40): ROW})
    options["libvirt-uri"] = "test:///nowhere.xml"
    status, out, err = run("unhold")
    assert (status, holds(run), scene.host.smp(40)) == (1, [], "0-15")
    assert out.splitlines()[1] == "1 interrupt had waited"
    assert "irqaffinity: the hold is lifted, and nothing was moved: libvirt at test:///nowhere.xml is not" in err


@pytest.mark.parametrize(
    ("holds_made", "waits_for", "status", "told"),
    [
        (1, None, 0, "the hold is lifted; nothing waited, and no pass was made: libvirt at test:///nowhere.xml is not"),
        (1, 7, 0, "the hold is lifted; nothing waited, and no pass was made: libvirt"),
        (2, None, 0, "the holds are lifted; nothing waited, and no pass was made: libvirt"),
        (2, 2, 1, "the holds are lifted, and nothing was moved: libvirt"),
    ],
)
def test_a_pass_that_cannot_be_made_is_a_failure_only_where_something_waited_for_it(
    run: Run, store: Store, options: dict[str, object], holds_made: int, waits_for: int | None, status: int, told: str
) -> None:
    for _ in range(holds_made):
        run("hold", "--reason", "x")
    wait(store, {} if waits_for is None else {(VF0, 40): ROW._replace(hold=waits_for)})
    options["libvirt-uri"] = "test:///nowhere.xml"
    found, _, err = run("unhold")
    assert (found, holds(run)) == (status, [])
    assert f"irqaffinity: {told}" in err


def test_unhold_lifts_only_what_is_named(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    for scope in ([], ["--guest", GUEST], ["--device", VF1]):
        run("hold", *scope, "--reason", "x")
    status, _, err = run("unhold", "--id", "7")
    known = "; ".join(line.partition(" (")[0] for line in run("deferred")[1].splitlines()[:3])
    assert (status, err.startswith("irqaffinity: there is no hold with the number 7; in force: hold 1")) == (
        1,
        True,
    )
    assert known.count("hold ") == 3
    assert run("unhold", "--guest", VF1)[0] == run("unhold", "--device", VF0)[0] == 1
    assert run("unhold", "--guest", "instance-0")[0] == 0
    assert [row["id"] for row in holds(run)] == [1, 3]
    assert run("unhold", "--device", "81:00.1")[0] == 0
    assert run("unhold", "--id", "1")[0] == 0
    assert holds(run) == []


def test_a_guest_or_a_device_that_is_gone_is_known_by_its_hold(
    scene: Scene, run: Run, store: Store, options: dict[str, object]
) -> None:
    far = datetime(2098, 1, 1, tzinfo=timezone.utc)
    gone = PciAddress.parse("0000:ff:00.0")
    put(
        store,
        Changes(
            holds={
                1: Hold(1, SINCE, far, "a", "boot", 0.0, guest=GuestId(OTHER)),
                2: Hold(2, SINCE, far, "b", "boot", 0.0, device=gone),
            }
        ),
    )
    status, _, err = run("unhold", "--guest", "instance-7")
    assert (status, err.startswith("irqaffinity: 'instance-7' is no interrupt, ")) == (1, True)
    assert ", and no guest has this name; virsh list --all " in err
    assert f"; in force: hold 1: guest {OTHER}, until " in err
    assert err.endswith(": b, and --id lifts one by its number\n")
    assert run("unhold", "--guest", OTHER)[0] == 0
    assert run("unhold", "--device", str(gone))[0] == 0
    assert holds(run) == []
    assert run("unhold", "--guest", "instance-7")[2].endswith("shows the guests; no hold is in force\n")


def test_a_number_of_a_hold_is_one(run: Run) -> None:
    status, _, err = run("unhold", "--id", "x")
    assert status == 64
    assert "argument --id: 'x' is not the number of a hold; irqaffinity deferred shows them" in err


def test_check_and_explain_name_the_hold(scene: Scene, run: Run, store: Store) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER)
    run("audit", "--once")
    run("hold", "--guest", GUEST, "--for", "2h", "--reason", "change")
    (found,) = holds(run)
    until = f"{found['until'][11:16]} UTC"
    assert f"hold           ok      hold 1: guest {GUEST}, until {found['until']}: change\n" in run("check")[1]
    for number in (40, 50):
        scene.host.put(scene.host.proc / f"irq/{number}/smp_affinity_list", "7")
    run("audit", "--once")
    assert (scene.host.smp(40), scene.host.smp(50)) == ("7", "10-11")
    for target in ("40", VF0, GUEST):
        out = run("explain", target)[1]
        assert f"hold          guest instance-0 {GUEST} is held until " in out
        assert f"{until}: change (hold 1)\n" in out
        assert "deferred      40 would go from 7 to 2-3: drift, asked for once since " in out
    assert "verdict       held: " in run("explain", "40")[1]
    for target in ("50", VF1, OTHER, "cpu 2"):
        assert "(hold 1)" not in run("explain", target)[1]


def test_an_audit_tells_what_is_held_and_has_nothing_to_complain_of(scene: Scene, run: Run) -> None:
    scene.add_guest(VF0)
    run("audit", "--once")
    run("hold", "--until", "2098-01-01", "--reason", "change")
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", "7")
    status, out, _ = run("audit", "--once")
    assert (status, scene.host.smp(40)) == (0, "7")
    assert out.splitlines()[-2:] == [
        "held until 2098-01-01 00:00 UTC: change (hold 1)",
        "1 guest, 1 device, 2 interrupts: 1 ok, 1 held; 2 intruders, 2 movable",
    ]
    assert run("audit", "--once", "--dry-run")[0] == 0
    found = json.loads(run("audit", "--once", "-f", "json", "--only", "held")[1])
    jsonschema.validate(found, SCHEMA)
    assert (found["summary"]["held"], found["holds"][0]["id"]) == (1, 1)
    assert [(row["irq"], row["verdict"]) for row in found["irqs"]] == [(40, "held")]
    assert run("audit", "--once", "--only", "error")[1].splitlines()[0].startswith("held until ")
    page = run("report", "-", "--seconds", "0")[1]
    assert "held until 2098-01-01 00:00 UTC: change (hold 1)" in page
    assert "but for 1 interrupt that a hold keeps where it is." in page


def test_the_state_of_a_newer_program_is_told_from_a_damaged_one(scene: Scene, run: Run) -> None:
    run("hold", "--reason", "x")
    with sqlite3.connect(scene.folder / "state/state.db") as database:
        database.execute("PRAGMA user_version = 99")
    assert "its schema is 99" in run("deferred")[2]
    status, _, err = run("unhold")
    assert (status, err.count("its schema is 99")) == (1, 1)
