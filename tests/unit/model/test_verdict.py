# SPDX-License-Identifier: Apache-2.0
"""The words of a report: a contract with whoever reads the JSON."""

import pytest

from irqaffinity.model.verdict import FAILED, DeviceReason, GuestReason, IrqReason, LeftOutReason, Status, Verdict

WORDS = {
    Verdict: "ok set would_set pending managed immovable unread throttled held gone no_vector offline denied",
    Status: "placed xml_invalid shared_cpus mask_invalid mask_out_of_range mask_empty mask_not_dedicated no_mask "
    "not_heard no_devices",
    GuestReason: "cpus_overlap dedicated_mask_invalid realtime_vcpus",
    LeftOutReason: "not_understood unresolved",
    DeviceReason: "not_in_device_spec mdev not_found unreadable nvme_disk claimed_twice shared_parent host_driver "
    "no_irqs shared_intx no_emulatorpin no_housekeeping node_strict no_online_cpu remote_node no_node",
    IrqReason: "next_cpu released backoff",
}


@pytest.mark.parametrize("terms", WORDS, ids=lambda terms: terms.__name__)
def test_the_words_are_those_of_the_design(terms):
    assert {term.value for term in terms} == set(WORDS[terms].split())


def test_each_word_has_a_sentence_and_an_anchor_of_its_own():
    terms = [term for kind in WORDS for term in kind]
    assert len({term.anchor for term in terms}) == len(terms)
    assert len({term.sentence for term in terms}) == len(terms)
    assert all(term.sentence.strip() and "\n" not in term.sentence for term in terms)


def test_an_anchor_names_the_kind_and_the_word():
    assert Verdict.WOULD_SET.anchor == "verdict-would-set"
    assert DeviceReason.REMOTE_NODE.anchor == "devicereason-remote-node"


def test_a_word_gives_its_term_back():
    assert Verdict("no_vector") is Verdict.NO_VECTOR


def test_no_vector_offline_and_denied_are_failures():
    assert {verdict.value for verdict in FAILED} == {"no_vector", "offline", "denied"}


def test_each_status_is_placed_or_an_error_or_skipped():
    errors = {"xml_invalid", "mask_invalid", "mask_out_of_range", "mask_empty", "mask_not_dedicated"}
    assert {status.value for status in Status if status.is_error} == errors
    skips = {"shared_cpus", "no_mask", "not_heard", "no_devices"}
    assert {status.value for status in Status if status.is_skipped} == skips
