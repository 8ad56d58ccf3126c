# SPDX-License-Identifier: Apache-2.0
"""How a pass begins: in its turn, on a host that can be seen, with the news in the state."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, RememberedSpecs
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.news import News
from irqaffinity.passes.turns import Turns, collector_paused
from irqaffinity.plan.remember import MOST
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.lock import PASS_LOCK, LockTaken, hold
from irqaffinity.state.memory import MemoryStore
from irqaffinity.state.store import Store
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import VF, guest_id, make_record

IRQ = IrqId(VF, 40)
SPECS = RememberedSpecs("1", "2026-11-20 12:00:00")


class FullStore(MemoryStore):
    """A state whose disk is full, or not."""

    is_full = True
    saves = 0

    def save(self, changes: Changes) -> None:
        self.saves += 1
        if self.is_full:
            raise StateError("No space left on device")
        super().save(changes)


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """Leave the collector as it was found."""
    was_enabled = gc.isenabled()
    yield
    (gc.enable if was_enabled else gc.disable)()


def test_a_pass_is_alone(host: FakeHost, tmp_path: Path) -> None:
    folder = StateFolder(str(tmp_path / "state"))
    with (
        Turns(host.root, Store(folder, "boot-1"), News()).begun(()),
        pytest.raises(LockTaken),
        hold(folder, PASS_LOCK),
    ):
        pass
    with hold(folder, PASS_LOCK):
        pass


def test_news_are_in_the_state_before_the_pass_and_told_once(host: FakeHost) -> None:
    store, news = FullStore(), News()
    store.is_full = False
    store.save(Changes({IRQ: make_record(), IrqId(VF, 41): make_record()}))
    news.note_ends([40])
    news.remember(guest_id(1), SPECS, {guest_id(1)})
    turns = Turns(host.root, store, news)
    with turns.begun(()) as state:
        assert state is store.load()
        assert (set(state.records[VF]), state.extra_specs) == ({41}, {guest_id(1): SPECS})
        store.save(Changes({IRQ: make_record()}))
    with turns.begun(()) as state:
        assert set(state.records[VF]) == {40, 41}


def test_the_record_of_one_that_was_moved_before_its_number_was_heard_to_end_stays(host: FakeHost) -> None:
    store, news = FullStore(), News()
    store.is_full = False
    store.save(Changes({IRQ: make_record(), IrqId(VF, 41): make_record(), IrqId(VF, 42): make_record()}))
    host.add_interrupt(40, "2-3")
    host.add_interrupt(41, "0-15")
    news.note_ends([40, 41, 42])
    with Turns(host.root, store, news).begun(()) as state:
        assert set(state.records[VF]) == {40}


def test_without_news_nothing_is_stored(host: FakeHost) -> None:
    store = FullStore()
    with Turns(host.root, store, News()).begun(()):
        pass
    assert store.saves == 0


def test_news_that_could_not_be_stored_stay_news(host: FakeHost) -> None:
    store, news = FullStore(), News()
    news.remember(guest_id(1), SPECS, {guest_id(1)})
    turns = Turns(host.root, store, news)
    with pytest.raises(StateError, match="No space"), turns.begun(()):
        pytest.fail("the pass began")
    store.is_full = False
    with turns.begun(()) as state:
        assert state.extra_specs == {guest_id(1): SPECS}


def test_libvirts_guests_are_remembered_before_others(host: FakeHost) -> None:
    store, news = FullStore(), News()
    store.is_full = False
    store.save(Changes(extra_specs={guest_id(number): SPECS for number in range(MOST)}))
    news.remember(guest_id(MOST), SPECS, {guest_id(MOST)})
    known = {guest_id(number) for number in range(MOST + 1)} - {guest_id(7)}
    with Turns(host.root, store, news).begun(known) as state:
        assert state.extra_specs.keys() == known


@pytest.mark.parametrize("missing", ["proc/irq/default_smp_affinity", "sys/bus/pci/devices"])
def test_no_pass_begins_on_a_host_that_cannot_be_seen(host: FakeHost, missing: str) -> None:
    store, news = FullStore(), News()
    store.is_full = False
    store.save(Changes({IRQ: make_record()}))
    news.note_ends([40])
    (host.proc.parent / missing).rename(host.proc.parent / "away")
    with pytest.raises(HostUnreadable, match=missing), Turns(host.root, store, news).begun(()):
        pytest.fail("the pass began")
    assert (store.saves, set(store.load().records[VF])) == (1, {40})


@pytest.mark.parametrize("was_enabled", [True, False])
def test_the_collector_is_off_in_a_pass_and_then_as_it_was(host: FakeHost, was_enabled: bool) -> None:
    (gc.enable if was_enabled else gc.disable)()
    with Turns(host.root, MemoryStore(), News()).begun(()):
        assert not gc.isenabled()
    assert gc.isenabled() is was_enabled


def test_the_collector_is_on_again_after_a_pass_that_failed() -> None:
    gc.enable()
    with pytest.raises(KeyError), collector_paused():
        raise KeyError
    assert gc.isenabled()
