# SPDX-License-Identifier: Apache-2.0
"""What was heard between two passes, and what it changes in the state."""

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT, Interrupt, IrqId
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.record import Changes, Fixed, RememberedSpecs, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.passes import strangers
from irqaffinity.passes.news import News
from irqaffinity.passes.strangers import LONGEST
from irqaffinity.plan.remember import MOST
from tests.fakes.snapshots import VF, VF2, cpus, guest_id, make_record

A, B = guest_id(1), guest_id(2)
KNOWN = {A, B, guest_id(MOST)}
FIXED = Fixed("vfio-msix[0](0000:41:00.1)", Verdict.IMMOVABLE)


def at(second: int, mask: str | None = "1") -> RememberedSpecs:
    return RememberedSpecs(mask, f"2026-11-20 12:00:{second:02}")


def gone(_number: int) -> CpuSet | None:
    """Find no interrupt."""
    return None


def test_without_news_nothing_changes() -> None:
    state = State({VF: {40: make_record()}}, {IrqId(VF, 40): FIXED}, {A: at(0)})
    assert News().take(state, (), gone) == Changes()


def test_an_end_takes_the_records_of_the_number_whatever_its_device_and_what_is_fixed() -> None:
    state = State(
        {VF: {40: make_record(), 41: make_record()}, VF2: {40: make_record()}},
        {IrqId(VF, 40): FIXED, IrqId(VF, 41): FIXED},
    )
    news = News()
    news.note_ends([40, 99])
    assert news.take(state, (), gone) == Changes({IrqId(VF, 40): None, IrqId(VF2, 40): None}, {IrqId(VF, 40): None})


def test_an_end_drops_the_records_of_the_host_but_not_that_of_the_default() -> None:
    hosts = make_record(owner=HOST, driver=None, action="acpi")
    state = State({NO_DEVICE: {9: hosts, DEFAULT.number: hosts}}, {IrqId(NO_DEVICE, 10): FIXED})
    news = News()
    news.note_ends([9, 10])
    assert news.take(state, (), gone) == Changes({IrqId(NO_DEVICE, 9): None}, {IrqId(NO_DEVICE, 10): None})


def test_an_end_leaves_the_record_of_one_that_was_moved_before_it_was_heard() -> None:
    """The interrupt is of a later life: no guest's interrupt is born where the program puts it."""
    state = State(
        {VF: {40: make_record(), 41: make_record(), 42: make_record()}, VF2: {40: make_record(written="5")}},
        {IrqId(VF, 40): FIXED},
    )
    news = News()
    news.note_ends([40, 41, 42])
    found = {40: cpus("2-3"), 41: cpus("0-15")}
    dropped = dict.fromkeys([IrqId(VF, 41), IrqId(VF, 42), IrqId(VF2, 40)])
    assert news.take(state, (), found.get) == Changes(dropped, {IrqId(VF, 40): None})
    interrupts = [Interrupt(40, cpus("2-3"), None), Interrupt(41, cpus("0-15"), None), Interrupt(42, None, None)]
    dropped = dict.fromkeys([IrqId(VF, 41), IrqId(VF, 42)])
    assert news.take_of(VF, interrupts, state) == Changes(dropped, {IrqId(VF, 40): None})


def test_an_end_drops_the_record_of_one_with_an_earlier_value_which_the_host_may_have_had() -> None:
    state, news = State({VF: {40: make_record(written="4", previous="2-3")}}), News()
    news.note_ends([40])
    assert news.take(state, (), lambda _number: cpus("2-3")) == Changes({IrqId(VF, 40): None})
    assert news.take_of(VF, [Interrupt(40, cpus("2-3"), None)], state) == Changes({IrqId(VF, 40): None})


def test_an_end_drops_the_record_of_the_host_for_a_guest_alone_where_another_process_may_have_made_it() -> None:
    state, news = State({VF: {40: make_record(owner=HOST, action="iavf-eth0-TxRx-0")}}), News()
    news.note_ends([40])
    assert news.take(state, (), lambda _number: cpus("2-3")) == Changes()
    assert news.take(state, (), lambda _number: cpus("2")) == Changes({IrqId(VF, 40): None})
    assert news.take_of(VF, [Interrupt(40, cpus("2-3"), None)], state) == Changes({IrqId(VF, 40): None})


def test_only_what_has_ended_and_is_recorded_is_read() -> None:
    state, news, read = State({VF: {40: make_record(), 41: make_record()}}), News(), list[int]()
    news.note_births([41])
    news.take(state, (), read.append)  # type: ignore[arg-type, func-returns-value]
    assert read == []
    news.note_ends([40, 99])
    news.take(state, (), read.append)  # type: ignore[arg-type, func-returns-value]
    assert read == [40]


def test_a_birth_takes_what_is_fixed_and_leaves_the_record() -> None:
    state = State({VF: {40: make_record()}}, {IrqId(VF, 40): FIXED, IrqId(VF, 41): FIXED})
    news = News()
    news.note_births([40, 99])
    assert news.take(state, (), gone) == Changes(fixed={IrqId(VF, 40): None})


def test_births_and_ends_count_together() -> None:
    state = State({VF: {40: make_record()}}, {IrqId(VF, 40): FIXED, IrqId(VF, 41): FIXED})
    news = News()
    news.note_ends([40])
    news.note_births([41])
    assert news.take(state, (), gone) == Changes({IrqId(VF, 40): None}, {IrqId(VF, 40): None, IrqId(VF, 41): None})


def test_news_stay_until_they_are_taken_and_go_then() -> None:
    state = State({VF: {40: make_record()}}, {IrqId(VF, 41): FIXED})
    news = News()
    news.note_ends([40])
    news.note_births([41])
    news.remember(A, at(0), KNOWN)
    heard = news.take(state, (), gone)
    assert news.take(state, (), gone) == heard == Changes({IrqId(VF, 40): None}, {IrqId(VF, 41): None}, {A: at(0)})
    news.taken()
    assert news.take(state, (), gone) == Changes()


def test_another_mask_is_news_and_the_same_one_again_is_not() -> None:
    news = News()
    told = [(0, "1"), (1, "1"), (2, "2"), (3, "2"), (4, None), (5, None), (6, "2")]
    heard = [news.remember(A, at(second, mask), KNOWN) for second, mask in told]
    assert heard == [True, False, True, False, True, False, True]
    assert news.take(State(), (), gone).extra_specs == {A: at(6, "2")}


def test_an_older_mask_is_no_news() -> None:
    news = News()
    news.remember(A, at(2, "1"), KNOWN)
    assert not news.remember(A, at(1, "2"), KNOWN)
    assert not news.remember(A, at(2, "3"), KNOWN)
    assert news.take(State(), (), gone).extra_specs == {A: at(2, "1")}


def test_guests_have_masks_of_their_own() -> None:
    news = News()
    assert [news.remember(uuid, at(0, "1"), KNOWN) for uuid in (A, B)] == [True, True]
    assert news.take(State(), (), gone).extra_specs == {A: at(0), B: at(0)}


def test_what_the_state_has_is_known() -> None:
    news = News()
    news.take(State(extra_specs={A: at(0, "1")}), (), gone)
    assert not news.remember(A, at(1, "1"), KNOWN)
    assert news.remember(A, at(2, "2"), KNOWN)


def test_what_was_heard_last_counts_before_what_a_state_has() -> None:
    """Another process has written it since: what this one has heard is newer than what that one knew."""
    news = News()
    news.remember(A, at(1, "2"), KNOWN)
    news.take(State(extra_specs={A: at(0, "1")}), (), gone)
    news.taken()
    assert not news.remember(A, at(2, "2"), KNOWN)


def test_the_same_state_is_not_learnt_twice() -> None:
    news, state = News(), State()
    news.take(state, (), gone)
    state.apply(Changes(extra_specs={A: at(0, "1")}))
    news.take(state, (), gone)
    assert news.remember(A, at(1, "1"), KNOWN)


def test_a_mask_that_is_not_newer_than_that_of_the_state_changes_nothing() -> None:
    for second in (0, 1):
        news = News()
        news.remember(A, at(second, "1"), KNOWN)
        assert news.take(State(extra_specs={A: at(1, "2")}), (), gone) == Changes()


def test_beyond_the_most_that_is_kept_unknown_guests_go() -> None:
    kept = {guest_id(number): at(0) for number in range(MOST)}
    news = News()
    news.remember(guest_id(MOST), at(1), KNOWN)
    changes = news.take(State(extra_specs=kept), set(kept) - {guest_id(7)}, gone)
    assert changes.extra_specs == {guest_id(7): None, guest_id(MOST): at(1)}


class Crowd:
    """News with a clock of its own, and a state that it goes into."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.news = News(lambda: self.now)
        self.state = State()

    def take(self, *known: GuestId) -> dict[GuestId, str | None]:
        """Have a pass take the news, and return the masks that are stored then."""
        self.state.apply(self.news.take(self.state, known, gone))
        self.news.taken()
        return {uuid: specs.mask for uuid, specs in self.state.extra_specs.items()}


def test_the_specs_of_a_guest_that_libvirt_has_not_named_wait_until_it_does() -> None:
    crowd = Crowd()
    assert not crowd.news.remember(A, at(0, "1"), ())
    assert not crowd.news.has_specs_of(A)
    assert crowd.take() == {}
    crowd.now += LONGEST
    assert crowd.take(A) == {A: "1"}


def test_the_specs_of_a_guest_that_libvirt_never_names_are_forgotten() -> None:
    crowd = Crowd()
    crowd.news.remember(A, at(0, "1"), ())
    crowd.now += LONGEST + 1
    assert crowd.take(A) == {}


def test_a_guest_that_is_stored_needs_not_be_active() -> None:
    crowd = Crowd()
    crowd.news.remember(A, at(0, "1"), {A})
    assert crowd.take(A) == {A: "1"}
    assert crowd.news.remember(A, at(1, "2"), ())
    assert crowd.take() == {A: "2"}


def test_of_several_words_on_a_stranger_the_newest_counts() -> None:
    crowd = Crowd()
    for second in (1, 2, 0):
        crowd.news.remember(A, at(second, str(second)), ())
    assert crowd.take(A) == {A: "2"}


def test_a_flood_of_strangers_is_kept_nowhere_and_costs_no_guest_its_mask() -> None:
    crowd = Crowd()
    crowd.news.remember(A, at(0, "1"), {A})
    crowd.news.remember(B, at(0, "2"), ())
    for number in range(5 * strangers.MOST):
        crowd.news.remember(guest_id(number + 10), at(30), {A})
    crowd.news.remember(guest_id(7), at(0, "7"), {A})
    assert crowd.take(A) == {A: "1"}
    assert crowd.take(A, B, guest_id(7)) == {A: "1", guest_id(7): "7"}, "of too many the first goes first"
    last = guest_id(5 * strangers.MOST + 9)
    assert crowd.take(A, last) == {A: "1", guest_id(7): "7", last: "1"}


def test_what_is_known_of_guests_that_libvirt_named_once_does_not_grow_without_end() -> None:
    crowd = Crowd()
    for number in range(3 * MOST):
        crowd.news.remember(guest_id(number), at(number % 60, "1"), {guest_id(number)})
        if number % 64 == 0:
            crowd.take()
    crowd.take()
    assert len(crowd.state.extra_specs) == MOST
    assert len(crowd.news._newest) <= 2 * MOST + 64
