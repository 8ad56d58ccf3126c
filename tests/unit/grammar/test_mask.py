# SPDX-License-Identifier: Apache-2.0
"""The mask: Nova's language for ASCII digits, and what is refused, by which rule and where."""

import re
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from irqaffinity.grammar.mask import MaskError, check_mask, parse_mask, parse_nova_mask
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import Status

ACCEPTED = [
    ("1-4,^3,6", {1, 2, 4, 6}),
    ("0-3,^1-2", {0, 3}),
    (", ,   1 ,  ,,  2,    ,", {1, 2}),
    (" 1 - 1, 1 - 2 , 1 -3", {1, 2, 3}),
    ("1,^2", {1}),
    ("1-2, ^1", {2}),
    ("^1, 1-2", {2}),
    ("^ 0 - 1 , 0 - 2", {2}),
    ("\t1\n-\r3\n", {1, 2, 3}),
    ("\xa01\u2003", {1}),
    ("007", {7}),
    ("0" * 400 + "7", {7}),
    ("0-9", set(range(10))),
]

EMPTY = ["", " ", "\n", ",", " , ,", "^3", "^0-1", " 1,1, ^1", "0-9,^0-9", "^9,^0"]

REFUSED = [
    ("-1-3,5,^2", 0),
    ("1-3-,5,^2", 3),
    ("-3,5,^2", 0),
    ("1-,5,^2", 2),
    ("1-3,5,^2^", 8),
    ("1-3,5,^2-", 9),
    ("--13,^^5,^2", 0),
    ("a-3,5,^2", 0),
    ("1-a,5,^2", 2),
    ("1-3,b,^2", 4),
    ("1-3,5,^c", 7),
    ("3 - 1, 5 , ^ 2 ", 0),
    ("1,  ^3-2", 5),
    ("+2", 0),
    ("1,-+2", 2),
    ("1_0", 1),
    ("3,٣", 2),
    ("\uff11", 0),
    ("²", 0),
    ("1-٣", 2),
    ("1٣", 1),
    ("^", 1),
    ("1, ^", 4),
    ("^^1", 1),
    ("!1", 0),
    ("1^2", 1),
    ("1 2", 2),
    ("1;2", 1),
    ("1.5", 1),
    ("0x1", 1),
    ("all", 0),
    ("1-4…", 3),
    ("1\0", 1),
    ("1,\u200b2", 2),
    ("0-" + "9" * 4301, 2),
]

OUT_OF_RANGE = [
    ("4", 0),
    ("3,4", 2),
    ("0-4", 2),
    (" 1 ,  5", 6),
    ("^4,1", 1),
    ("1,^2-9", 5),
    ("1,^7-9", 3),
    ("0,00004", 2),
    ("0-99999999999999", 2),
    ("^0-99999999999999,1", 3),
    ("9" * 4300, 0),
    ("0-" + "9" * 4300, 2),
]


def nova(text: str, vcpus: int) -> set[int] | Status:
    """Say by another road, split and expression, what becomes of a mask."""
    chosen, excluded, highest = set(), set(), -1
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        match = re.fullmatch(r"(\^?)\s*([0-9]+)(?:\s*-\s*([0-9]+))?", part)
        if not match or int(match[3] or match[2]) < int(match[2]):
            return Status.MASK_INVALID
        first, last = int(match[2]), int(match[3] or match[2])
        highest = max(highest, last)
        (excluded if match[1] else chosen).update(range(first, min(last, vcpus) + 1))
    if highest >= vcpus:
        return Status.MASK_OUT_OF_RANGE
    return chosen - excluded or Status.MASK_EMPTY


def refusal_of(text: str, vcpus: int) -> MaskError:
    with pytest.raises(MaskError) as refusal:
        parse_mask(text, vcpus)
    return refusal.value


@pytest.mark.parametrize(("text", "vcpus"), ACCEPTED)
def test_what_nova_accepts_is_accepted(text, vcpus):
    assert set(parse_mask(text, 10)) == vcpus


@pytest.mark.parametrize("text", EMPTY)
def test_a_mask_that_leaves_no_vcpu_is_refused(text):
    assert refusal_of(text, 10).status is Status.MASK_EMPTY


@pytest.mark.parametrize(("text", "position"), REFUSED)
def test_bad_grammar_is_refused_where_it_stands(text, position):
    refusal = refusal_of(text, 10)
    assert (refusal.status, refusal.position) == (Status.MASK_INVALID, position)
    assert f"(at character {position + 1})" in str(refusal)
    assert refusal.text == text


MEANT = [
    ("^0-1", "0-7,^0-1"),
    ("^3", "0-7,^3"),
    (" ^ 0 - 1 , ^3", "0-7,^0-1,^3"),
    ("!3", "0-7,^3"),
    ("1-4;6", "1-4,6"),
    ("1;2", "1,2"),
    ("1|2", "1,2"),
    ("1..4", "1-4"),
    ("1...4", "1-4"),
    ("1\u20134,^3", "1-4,^3"),
    ("4-1", "1-4"),
    ("3 - 1, 5 , ^ 2 ", "1-3,5,^2"),
    ("1,  ^3-2", "1,^2-3"),
    ("1 2 3", "1,2,3"),
    ("1-4 6", "1-4,6"),
    ("1-4 ^3", "1-4,^3"),
    ("1-4^3", "1-4,^3"),
    ("1-4,!3", "1-4,^3"),
    ("'1-4'", "1-4"),
    ('"1-4,^3"', "1-4,^3"),
    ("[1, 2]", "1,2"),
    ("4-1;6..5", "1-4,5-6"),
]
NOT_SURE = [
    "",
    ",",
    "^0-7",
    "1,^1",
    "1.5",
    "0x1",
    "all",
    "-3",
    "1-",
    "^^1",
    "1_0",
    "1-4:2",
    "1-4\u2026",
    "1,\u200b2",
    "9..4",
]
NOT_SURE += ["12..14", ";", "!", "1\x002", "1;" * 41, "\u0663..4", "1;\u0663", "9" * 4301 + "..1", "8;1", "^8"]


@pytest.mark.parametrize(("text", "meant"), MEANT)
def test_where_it_is_sure_what_was_meant_it_is_told(text: str, meant: str) -> None:
    refusal = refusal_of(text, 8)
    assert f"; did you mean {meant}?" in refusal.sentence
    assert f"; did you mean {meant}? (at character {refusal.position + 1})" in str(refusal)
    assert parse_mask(meant, 8)


@pytest.mark.parametrize("text", NOT_SURE)
def test_where_it_is_not_sure_what_was_meant_nothing_is_guessed(text: str) -> None:
    assert "did you mean" not in str(refusal_of(text, 8))


def test_a_mask_without_a_guest_is_completed_with_a_letter() -> None:
    with pytest.raises(
        MaskError, match=r"the mask leaves no vCPU; did you mean 0-N,\^0-1 with the guest's last vCPU for N"
    ):
        check_mask("^0-1")
    with pytest.raises(MaskError, match=r"; did you mean 1-4,6\?"):
        check_mask("1-4;6")


def test_nova_masks_of_exclusions_alone_are_not_guessed_at() -> None:
    """They mean all but these."""
    with pytest.raises(MaskError) as refusal:
        parse_nova_mask("^0;1", 8)
    assert "did you mean" not in str(refusal.value)


@pytest.mark.parametrize(("text", "position"), OUT_OF_RANGE)
def test_an_index_that_the_guest_does_not_have_is_refused_before_anything_is_expanded(text, position):
    refusal = refusal_of(text, 4)
    assert (refusal.status, refusal.position) == (Status.MASK_OUT_OF_RANGE, position)
    assert "0-3" in str(refusal)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("9,a", Status.MASK_INVALID),
        ("0-99999999999999,3-1", Status.MASK_INVALID),
        ("^1,1,x", Status.MASK_INVALID),
        (",,x", Status.MASK_INVALID),
        ("9-8", Status.MASK_INVALID),
        ("^1,1,^4", Status.MASK_OUT_OF_RANGE),
        ("^9", Status.MASK_OUT_OF_RANGE),
    ],
)
def test_grammar_comes_before_range_and_range_before_emptiness(text, status):
    assert refusal_of(text, 4).status is status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("2" + "0" * 19 + "-1" + "0" * 24, Status.MASK_OUT_OF_RANGE),
        ("1" + "0" * 24 + "-2" + "0" * 19, Status.MASK_INVALID),
        ("9" * 30 + "-" + "9" * 29 + "8", Status.MASK_INVALID),
    ],
)
def test_the_ends_of_a_range_are_compared_in_full_however_long_they_are(text, status):
    assert refusal_of(text, 4).status is status


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("1-4,^x,6", ["1-4,^x,6", "     ^"]),
        ("1,7", ["1,7", "  ^"]),
        ("1-", ["1-", "  ^"]),
        ("", ["", "^"]),
        ("1\t,\tx", [r"1\x09,\x09x", "          ^"]),
        ("1,\u202e", [r"1,\x202e", "  ^"]),
    ],
)
def test_the_caret_stands_under_the_place(text, lines):
    assert refusal_of(text, 4).pointed().split("\n") == lines


def test_a_message_about_a_hostile_mask_is_one_short_line():
    for text in ("1,\n\u202e\x1b[2J", "1" + "\u202e" * 1000, "9" * 5000):
        refusal = refusal_of(text, 4)
        assert str(refusal).isprintable()
        assert len(str(refusal)) < 400
        assert all(line.isprintable() and len(line) <= 256 for line in refusal.pointed().split("\n"))


def test_the_grammar_alone_can_be_checked():
    check_mask("1-4,^3,6")
    check_mask("60000,^1-2")
    for text, position in REFUSED:
        with pytest.raises(MaskError) as refusal:
            check_mask(text)
        assert (refusal.value.status, refusal.value.position) == (Status.MASK_INVALID, position)


@pytest.mark.parametrize("text", ["", " ,", "^3", "1,^1", "2-3,^0-8"])
def test_a_mask_that_is_empty_for_every_guest_fails_the_check_of_the_grammar(text):
    with pytest.raises(MaskError) as refusal:
        check_mask(text)
    assert refusal.value.status is Status.MASK_EMPTY


@pytest.mark.parametrize(("text", "position"), [("65536", 0), ("0-99999999999", 2), ("1,^2-70000", 5)])
def test_a_vcpu_that_no_guest_has_fails_the_check_of_the_grammar(text, position):
    with pytest.raises(MaskError, match="no guest has more than vCPUs 0-65535") as refusal:
        check_mask(text)
    assert (refusal.value.status, refusal.value.position) == (Status.MASK_OUT_OF_RANGE, position)


def test_the_widest_ranges_are_not_counted_one_by_one():
    text = ",".join(["0-65535"] * 31 + ["^0-65534"])
    assert set(parse_mask(text, 65536)) == {65535}
    with mock.patch.object(CpuSet, "__init__", side_effect=AssertionError("a range was expanded")):
        check_mask(text)


SPACE = st.text(alphabet=" \t\n", max_size=2)
ELEMENTS = st.lists(
    st.tuples(
        st.booleans(), st.integers(0, 20), st.integers(0, 6), st.booleans(), st.lists(SPACE, min_size=6, max_size=6)
    )
)


@given(ELEMENTS)
@settings(deadline=None)
def test_elements_in_any_order_and_spacing_are_plain_set_arithmetic(elements):
    parts, chosen, excluded = [], set(), set()
    for excludes, first, more, is_range, (a, b, c, d, e, commas) in elements:
        last = first + more if is_range else first
        parts.append(f"{a}{'^' * excludes}{b}{first}{c}" + f"-{d}{last}{e}" * is_range + "," * len(commas))
        (excluded if excludes else chosen).update(range(first, last + 1))
    text = ",".join(parts)
    if chosen - excluded:
        assert set(parse_mask(text, 27)) == chosen - excluded
    else:
        assert refusal_of(text, 27).status is Status.MASK_EMPTY


@given(st.text(max_size=30) | st.text(alphabet="0123456789,-^ \t+_a٣", max_size=14), st.integers(1, 24))
@example("1,^1,^", 4)
@example("0-23,^24", 24)
@settings(deadline=None, max_examples=500)
def test_any_text_is_a_choice_of_vcpus_or_a_refusal_as_nova_has_it(text, vcpus):
    expected = nova(text, vcpus)
    if isinstance(expected, Status):
        refusal = refusal_of(text, vcpus)
        assert refusal.status is expected
        assert 0 <= refusal.position <= len(text)
        shown, caret = refusal.pointed().split("\n")
        assert shown == clean(text)
        assert caret.strip() == "^"
    else:
        assert set(parse_mask(text, vcpus)) == expected
        assert set() < expected <= set(range(vcpus))


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [("^9", 1, "vCPU 9 does not exist"), (" ^0-1,x", 6, "'x' stands where"), ("0,^9", 3, "vCPU 9 does not exist")],
)
def test_a_mask_of_novas_own_is_refused_at_the_place_in_its_own_text(text, position, said):
    with pytest.raises(MaskError, match=said) as refusal:
        parse_nova_mask(text, 4)
    assert (refusal.value.position, refusal.value.text) == (position, text)
    assert f"(at character {position + 1})" in str(refusal.value)


@pytest.mark.parametrize(("text", "expected"), [("^0-1", "2-3"), (" ^0", "1-3"), ("2", "2"), ("^0,^3,1", "1-2")])
def test_a_leading_exclusion_of_a_mask_of_novas_own_means_all_but(text, expected):
    assert parse_nova_mask(text, 4) == CpuSet.parse(expected)
