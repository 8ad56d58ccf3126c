# SPDX-License-Identifier: Apache-2.0
"""What was heard between two passes, and what it changes in the state."""

from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, Fixed, RememberedSpecs, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.passes.news import News
from irqaffinity.plan.remember import MOST
from tests.fakes.snapshots import VF, VF2, guest_id, make_record

A, B = guest_id(1), guest_id(2)
FIXED = Fixed("vfio-msix[0](0000:41:00.1)", Verdict.IMMOVABLE)


def at(second: int, mask: str | None = "1") -> RememberedSpecs:
    return RememberedSpecs(mask, f"2026-11-20 12:00:{second:02}")


def test_without_news_nothing_changes() -> None:
    state = State({VF: {40: make_record()}}, {IrqId(VF, 40): FIXED}, {A: at(0)})
    assert News().take(state, ()) == Changes()


def test_an_end_takes_the_records_of_the_number_whatever_its_device_and_what_is_fixed() -> None:
    state = State(
        {VF: {40: make_record(), 41: make_record()}, VF2: {40: make_record()}},
        {IrqId(VF, 40): FIXED, IrqId(VF, 41): FIXED},
    )
    news = News()
    news.note_ends([40, 99])
    assert news.take(state, ()) == Changes({IrqId(VF, 40): None, IrqId(VF2, 40): None}, {IrqId(VF, 40): None})


def test_a_birth_takes_what_is_fixed_and_leaves_the_record() -> None:
    state = State({VF: {40: make_record()}}, {IrqId(VF, 40): FIXED, IrqId(VF, 41): FIXED})
    news = News()
    news.note_births([40, 99])
    assert news.take(state, ()) == Changes(fixed={IrqId(VF, 40): None})


def test_births_and_ends_count_together() -> None:
    state = State({VF: {40: make_record()}}, {IrqId(VF, 40): FIXED, IrqId(VF, 41): FIXED})
    news = News()
    news.note_ends([40])
    news.note_births([41])
    assert news.take(state, ()) == Changes({IrqId(VF, 40): None}, {IrqId(VF, 40): None, IrqId(VF, 41): None})


def test_news_stay_until_they_are_taken_and_go_then() -> None:
    state = State({VF: {40: make_record()}}, {IrqId(VF, 41): FIXED})
    news = News()
    news.note_ends([40])
    news.note_births([41])
    news.remember(A, at(0), ())
    heard = news.take(state, ())
    assert news.take(state, ()) == heard == Changes({IrqId(VF, 40): None}, {IrqId(VF, 41): None}, {A: at(0)})
    news.taken()
    assert news.take(state, ()) == Changes()


def test_another_mask_is_news_and_the_same_one_again_is_not() -> None:
    news = News()
    told = [(0, "1"), (1, "1"), (2, "2"), (3, "2"), (4, None), (5, None), (6, "2")]
    heard = [news.remember(A, at(second, mask), ()) for second, mask in told]
    assert heard == [True, False, True, False, True, False, True]
    assert news.take(State(), ()).extra_specs == {A: at(6, "2")}


def test_an_older_mask_is_no_news() -> None:
    news = News()
    news.remember(A, at(2, "1"), ())
    assert not news.remember(A, at(1, "2"), ())
    assert not news.remember(A, at(2, "3"), ())
    assert news.take(State(), ()).extra_specs == {A: at(2, "1")}


def test_guests_have_masks_of_their_own() -> None:
    news = News()
    assert [news.remember(uuid, at(0, "1"), ()) for uuid in (A, B)] == [True, True]
    assert news.take(State(), ()).extra_specs == {A: at(0), B: at(0)}


def test_what_the_state_has_is_known() -> None:
    news = News()
    news.take(State(extra_specs={A: at(0, "1")}), ())
    assert not news.remember(A, at(1, "1"), ())
    assert news.remember(A, at(2, "2"), ())


def test_what_was_heard_last_counts_before_what_a_state_has() -> None:
    """Another process has written it since: what this one has heard is newer than what that one knew."""
    news = News()
    news.remember(A, at(1, "2"), ())
    news.take(State(extra_specs={A: at(0, "1")}), ())
    news.taken()
    assert not news.remember(A, at(2, "2"), ())


def test_the_same_state_is_not_learnt_twice() -> None:
    news, state = News(), State()
    news.take(state, ())
    state.apply(Changes(extra_specs={A: at(0, "1")}))
    news.take(state, ())
    assert news.remember(A, at(1, "1"), ())


def test_a_mask_that_is_not_newer_than_that_of_the_state_changes_nothing() -> None:
    for second in (0, 1):
        news = News()
        news.remember(A, at(second, "1"), ())
        assert news.take(State(extra_specs={A: at(1, "2")}), ()) == Changes()


def test_beyond_the_most_that_is_kept_unknown_guests_go() -> None:
    kept = {guest_id(number): at(0) for number in range(MOST)}
    news = News()
    news.remember(guest_id(MOST), at(1), ())
    changes = news.take(State(extra_specs=kept), set(kept) - {guest_id(7)})
    assert changes.extra_specs == {guest_id(7): None, guest_id(MOST): at(1)}


def test_a_guest_that_libvirt_knows_is_remembered_before_others() -> None:
    """Whoever sends notifications of thousands of guests makes no guest of this host forgotten."""
    news = News()
    for number in range(MOST):
        news.remember(guest_id(number + 10), at(30), {A})
    assert news.remember(A, at(0), {A})
    assert not news.remember(B, at(0), {A})
