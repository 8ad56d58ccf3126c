# SPDX-License-Identifier: Apache-2.0
"""The uuid of a guest, and which claims a driver of the host serves."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.model.guest import ClaimKind, parse_guest_id

CANONICAL = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


@pytest.mark.parametrize("text", [CANONICAL, CANONICAL.upper(), CANONICAL.replace("-", ""), f"\n {CANONICAL} \n"])
def test_a_uuid_takes_its_canonical_form(text):
    assert parse_guest_id(text) == CANONICAL


@given(st.uuids())
def test_every_uuid_is_read_as_python_writes_it(made: uuid.UUID):
    assert parse_guest_id(made.hex) == parse_guest_id(str(made).upper()) == str(made)


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "instance-00000001", CANONICAL[:-1], CANONICAL + "0", CANONICAL.replace("a", "g")),
        *(f"{{{CANONICAL}}}", f"urn:uuid:{CANONICAL}", f"../{CANONICAL}", f"{CANONICAL}\0", f"{CANONICAL[:-1]}\uff19"),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="is not a uuid"):
        parse_guest_id(text)


def test_a_refused_text_is_shown_on_one_short_line():
    with pytest.raises(ValueError, match="is not a uuid") as refusal:
        parse_guest_id("\n\u202ex" * 1000)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 400


def test_macvtap_and_vdpa_are_served_by_a_driver_of_the_host():
    assert {kind for kind in ClaimKind if kind.is_host_driver} == {ClaimKind.MACVTAP, ClaimKind.VDPA}
