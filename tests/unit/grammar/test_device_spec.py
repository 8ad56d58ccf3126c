# SPDX-License-Identifier: Apache-2.0
"""device_spec, held against what Nova's option of that name accepts and matches."""

import json

import pytest

from irqaffinity.grammar.device_spec import DeviceSpecError, first_match, parse_device_spec
from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress

PF = Device(PciAddress.parse("0000:0a:00.0"), vendor="8086", product="10fb", netdevs=("pf0",))
VF = Device(
    PciAddress.parse("0000:0a:10.1"),
    vendor="8086",
    product="10ed",
    parent=PF.address,
    netdevs=("vf0",),
    parent_netdevs=("pf0",),
)
EXACT = {"domain": "0000", "bus": "0a", "slot": "00", "function": "0"}

MATCHES = [
    ({"address": "*:0a:00.*"}, False, True),
    ({"address": "*:0a:10.*"}, True, False),
    ({"address": "0a:10.1"}, True, False),
    ({"address": ".1"}, True, False),
    ({"address": ":0a:"}, True, True),
    ({"address": ""}, True, True),
    ({}, True, True),
    ({"vendor_id": "*"}, True, True),
    ({"address": "0000:0a:00.0"}, True, True),
    ({"address": "0000:0A:00.0"}, True, True),
    ({"address": "0:a:0.0"}, True, True),
    ({"address": {"domain": ".*", "bus": "0a", "slot": "10", "function": "[0-2]"}}, True, False),
    ({"address": EXACT}, True, True),
    ({"address": {"bus": "0a", "slot": "00", "function": "0"}}, False, True),
    ({"address": EXACT | {"domain": ".*"}}, False, True),
    ({"address": {"bus": "0"}}, True, True),
    ({"address": {"bus": "0A"}}, False, False),
    ({"devname": "pf0"}, True, True),
    ({"devname": "vf0"}, True, False),
    ({"devname": "eth9"}, False, False),
    # Beyond the table: the same rules at their edges.
    ({"address": {}}, True, True),
    ({"address": {"bus": "a"}}, False, False),
    ({"address": {"bus": "0a$"}}, True, True),
    ({"address": EXACT | {"bus": "0A"}}, False, False),
    ({"address": "0000:0a:10.1"}, True, False),
    ({"address": "0000:0a:00.1"}, False, False),
    ({"address": "0000:0b:00.0"}, False, False),
    ({"address": " 0000 : 0a : 10 . 1 "}, True, False),
    ({"address": " : 0a : "}, True, True),
    ({"address": "10.1"}, True, False),
    ({"address": "10"}, True, False),
    ({"address": "1"}, False, False),
    ({"vendor_id": "8086", "product_id": "10ed"}, True, False),
    ({"vendor_id": "0x8086", "product_id": "10FB"}, False, True),
    ({"vendor_id": " 8086 "}, True, True),
    ({"vendor_id": "15b3"}, False, False),
    ({"vendor_id": "*", "product_id": "*"}, True, True),
    ({"address": "0000:0a:00.0", "product_id": "10ed"}, True, False),
    ({"devname": "pf0", "product_id": "10fb"}, False, True),
    ({"physical_network": "physnet1"}, True, True),
    # Numbers are what int(text, 16) takes, as in Nova: a negative one is no device's.
    ({"vendor_id": "8_0_86"}, True, True),
    ({"vendor_id": "+8086"}, True, True),
    ({"vendor_id": "\uff18086"}, True, True),
    ({"vendor_id": "-1"}, False, False),
    ({"address": "-1:0a:10.1"}, False, False),
    ({"product_id": " 10ed "}, True, False),
    ({"vendor_id": " * "}, True, True),
    # An address that is empty, whatever it is, is none.
    ({"address": None}, True, True),
    ({"address": []}, True, True),
    ({"address": 0}, True, True),
    ({"devname": "", "address": "0a:10.1"}, True, False),
    ({"devname": "vf0", "address": {}}, True, False),
    ({"address": {"func": "7"}}, True, True),
    ({"address": {"bus": "[[0]a"}}, True, True),
    ({"remote_managed": "true"}, True, True),
]

BOOLEANS = ("live_migratable", "managed", "one_time_use")
TRUE_OR_FALSE = [
    *("true", "false", "null", "1", "0"),
    *(f'"{word}"' for word in ("1", "t", "TRUE", "on", "y", " Yes ", "0", "f", "False", "off", "n", "no")),
]
NO_BOOLEANS = ["2", "1.0", '""', '"maybe"', '"none"', "[]", "{}", "[true]", "NaN"]

REFUSED = [
    *("", "{", "nope", "{'address': ''}", '"0000:0a:00.0"', "1", "null", "true", "[1]", "[[{}]]", '[{}, "x"]'),
    *('{"vendor_id": "xyz"}', '{"vendor_id": ""}', '{"vendor_id": "10000"}', '{"vendor_id": "1__0"}'),
    *('{"vendor_id": 8086}', '{"vendor_id": null}', '{"product_id": " * "}', '{"product_id": null}'),
    *('{"product_id": "xyz"}', '{"product_id": ""}', '{"product_id": "10000"}', '{"product_id": 4333}'),
    *('{"address": "0000:0g:00.0"}', '{"address": "x:0a:00.0"}', '{"address": "0a:00.x"}', '{"address": "nope"}'),
    *('{"address": "0:100:0.0"}', '{"address": "0a:20.0"}', '{"address": "0a:00.8"}', '{"address": "0:0:0a:0.0"}'),
    *('{"address": "100000000:0a:00.0"}', '{"address": "0a:00.0.0"}', '{"address": "/../0a:00.0"}'),
    *('{"address": 10}', '{"address": ["0a:10.1"]}', '{"address": true}'),
    *('{"address": {"bus": 10}}', '{"address": {"bus": null}}', '{"address": {"bus": "("}}'),
    *('{"devname": "pf0", "address": "0a:10.1"}', '{"devname": "pf0", "address": {"bus": "0a"}}', '{"devname": 1}'),
    *('{"address": "0a:00. "}', '{"address": {"bus": "\\\\"}}', '{"devname": null}', '{"devname": ["pf0"]}'),
    *(f'{{"{name}": {value}}}' for name in BOOLEANS for value in NO_BOOLEANS),
]


@pytest.mark.parametrize(("spec", "takes_vf", "takes_pf"), MATCHES, ids=json.dumps)
def test_a_spec_takes_in_what_it_does_in_nova(spec, takes_vf, takes_pf):
    (parsed,) = parse_device_spec(json.dumps(spec))
    assert (parsed.matches(VF), parsed.matches(PF)) == (takes_vf, takes_pf)


def test_an_address_object_that_only_begins_like_the_pf_does_not_name_it():
    (parsed,) = parse_device_spec('{"address": {"domain": "0", "bus": "0a", "slot": "0", "function": "0"}}')
    assert (parsed.matches(VF), parsed.matches(PF)) == (False, True)


@pytest.mark.parametrize("text", REFUSED)
def test_what_nova_refuses_is_refused_in_one_line(text):
    with pytest.raises(DeviceSpecError) as refusal:
        parse_device_spec(text)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"physical_network": ' + "1" * 5000 + "}",
        '{"address": {"bus": "a{99999999999999999999}"}}',
        '{"vendor_id": "' + "8" * 5000 + '"}',
    ],
    ids=["deep", "long number", "regular expression too large", "long id"],
)
def test_a_value_too_large_to_read_is_refused_as_any_other(text):
    with pytest.raises(DeviceSpecError):
        parse_device_spec(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"vendor_id": "10000"}', '"vendor_id" is above FFFF'),
        ('{"address": "0:100:0.0"}', '"bus" is above FF'),
        ('{"address": "0a:20.0"}', '"slot" is above 1F'),
        ('{"address": ".8"}', '"function" is above 7'),
        ('{"managed": "maybe"}', '"managed" has to be true or false'),
        ('{"address": {"slot": 1}}', '"slot" has to be a string'),
        ('{"product_id": "\\u202eevil"}', '"product_id" is not a hexadecimal number'),
    ],
)
def test_a_refusal_names_the_part_and_what_is_allowed_and_repeats_no_value(text, said):
    with pytest.raises(DeviceSpecError) as refusal:
        parse_device_spec(text)
    assert str(refusal.value) == said


def test_tags_do_not_affect_the_match_and_may_be_anything_json_has():
    (parsed,) = parse_device_spec(
        '{"vendor_id": "8086", "address": "*:0a:*.*", "physical_network": null, "trusted": true, "remote_managed": 7,'
        ' "a\\nb": "c\\u202e", "deep": [1.5, {"x\\ty": ["\\u0000", false]}], "odd": [NaN, 1e999]}'
    )
    assert parsed.matches(VF)
    assert parsed.tags == {
        "physical_network": None,
        "trusted": True,
        "remote_managed": 7,
        r"a\x0ab": r"c\x202e",
        "deep": [1.5, {r"x\x09y": [r"\x00", False]}],
        "odd": ["nan", "inf"],
    }
    assert json.loads(json.dumps(parsed.tags, allow_nan=False)) == parsed.tags


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize("value", TRUE_OR_FALSE)
def test_a_boolean_is_a_word_or_jsons_own_and_is_kept_as_it_is(name, value):
    (parsed,) = parse_device_spec(f'{{"{name}": {value}}}')
    assert parsed.tags == {name: json.loads(value)}


def test_a_tag_may_be_deep_and_one_too_deep_to_show_is_refused():
    assert parse_device_spec('{"deep": ' + "[" * 63 + "1" + "]" * 63 + "}")
    for depth in (64, 400, 900):
        with pytest.raises(DeviceSpecError):
            parse_device_spec('{"deep": ' + "[" * depth + "1" + "]" * depth + "}")


def test_a_list_is_several_specs_and_the_first_match_wins():
    specs = parse_device_spec(
        '[{"address": "0b:*.*", "net": "none"}, {"address": "0a:10.*", "net": "vf"},'
        ' {"vendor_id": "8086", "net": "any"}]'
    )
    found = [first_match(order, device) for order in (specs, specs[::-1]) for device in (VF, PF)]
    assert [spec.tags["net"] for spec in found] == ["vf", "any", "any", "any"]


def test_no_spec_that_matches_is_none():
    assert first_match(parse_device_spec('[{"address": "0b:*.*"}, {"vendor_id": "15b3"}]'), VF) is None
    assert first_match((), VF) is None


@pytest.mark.parametrize(
    ("spec", "takes_it"),
    [
        ({"address": "10000:00:04.0"}, True),
        ({"address": {"domain": "10000", "bus": "00", "slot": "04", "function": "0"}}, True),
        ({"address": {"domain": "1"}}, True),
        ({"address": "00:04.0"}, True),
        ({"address": "0000:00:04.0"}, False),
        ({"address": "1000:00:04.0"}, False),
        ({"address": {"domain": "0000"}}, False),
    ],
)
def test_a_pci_domain_of_more_than_four_digits_is_a_domain_like_any_other(spec, takes_it):
    (parsed,) = parse_device_spec(json.dumps(spec))
    assert parsed.matches(Device(PciAddress.parse("10000:00:04.0"))) is takes_it
