# SPDX-License-Identifier: Apache-2.0
"""What `[sriov] pf` declares, and each refusal with its part and what is allowed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.grammar.declared_pf import DeclaredPfError, parse_declared_pf
from irqaffinity.model.declared import DeclaredPf
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import LinkState, VfSettings

SECRET = "s3cr3t"


def test_all_of_the_keys() -> None:
    text = """{"devname": "ens1f0", "numvfs": 8, "physical_network": "sriov-a", "autoprobe": false,
      "vf": {"spoofchk": true, "trust": false, "link_state": "auto", "max_tx_rate": 1000, "min_tx_rate": 10,
             "vlan": 100, "qos": 3},
      "vfs": {"3": {"trust": true}, "0": {"vlan": 0, "qos": 0}}}"""
    every = VfSettings(None, 100, 3, 10, 1000, True, LinkState.AUTO, False)
    declared = parse_declared_pf(text)
    assert declared == DeclaredPf(
        "ens1f0",
        None,
        8,
        False,
        "sriov-a",
        every,
        {3: VfSettings(trust=True), 0: VfSettings(vlan=0, qos=0)},
    )
    assert declared.wanted(3) == every._replace(trust=True)
    assert declared.wanted(0) == every._replace(vlan=0, qos=0)
    assert declared.wanted(5) == every


def test_an_address_alone_declares_nothing_else() -> None:
    declared = parse_declared_pf('{"address": "0000:81:00.0"}')
    assert declared == DeclaredPf(address=PciAddress.parse("0000:81:00.0"))
    assert declared.wanted(0) == VfSettings()


def of(**keys: Any) -> str:
    return json.dumps({"devname": "ens1f0", **keys})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is not JSON, beginning with its character 1"),
        ('{"devname": "a",}', "it is not JSON, beginning with its character 17"),
        ("[" * 100_000, "it has a number too long or objects too deep to be read"),
        ("9" * 5000, "it has a number too long or objects too deep to be read"),
        ("[]", 'it is not a JSON object such as {"devname": "ens1f0", "numvfs": 8}'),
        ('"ens1f0"', 'it is not a JSON object such as {"devname": "ens1f0", "numvfs": 8}'),
        ('{"devname": "a", "devname": "b"}', "an object has the same key twice; keep one of the two"),
        ("{}", 'it has no "devname" and no "address"; name the physical function by one of the two'),
        (
            of(address="0000:81:00.0"),
            'it has both "devname" and "address"; name the physical function by one of the two',
        ),
        (of(devname=""), '"devname" is not the name of a netdev such as ens1f0'),
        (of(devname=".."), '"devname" is not the name of a netdev such as ens1f0'),
        (of(devname="a/b"), '"devname" is not the name of a netdev such as ens1f0'),
        (of(devname=3), '"devname" is not the name of a netdev such as ens1f0'),
        (of(devname="a\u202eb"), '"devname" has characters that cannot be printed; use "address"'),
        ('{"address": "81:00"}', '"address" is not a PCI address such as 0000:81:00.0'),
        ('{"address": null}', '"address" is not a PCI address such as 0000:81:00.0'),
        (
            of(numvf=8),
            "it has a key that is none of devname, address, numvfs, physical_network, vf, vfs, autoprobe",
        ),
        (of(numvfs=-1), '"numvfs" is not a whole number between 0 and 65535'),
        (of(numvfs="8"), '"numvfs" is not a whole number between 0 and 65535'),
        (of(numvfs=8.0), '"numvfs" is not a whole number between 0 and 65535'),
        (of(numvfs=True), '"numvfs" is not a whole number between 0 and 65535'),
        (of(autoprobe=1), '"autoprobe" is not true or false'),
        (of(physical_network=""), '"physical_network" is not the name of a physical network of Neutron'),
        (of(physical_network=None), '"physical_network" is not the name of a physical network of Neutron'),
        (of(physical_network="a\nb"), '"physical_network" is not the name of a physical network of Neutron'),
        (of(vf=[]), '"vf" is not a JSON object such as {}'),
        (
            of(vf={"trusted": True}),
            '"vf" has a key that is none of spoofchk, trust, link_state, max_tx_rate, min_tx_rate, vlan, qos',
        ),
        (
            of(vf={"mac": SECRET}),
            '"mac" cannot be declared: Nova and Neutron give each virtual function its address',
        ),
        (of(vf={"trust": "on"}), '"trust" is not true or false'),
        (of(vf={"spoofchk": None}), '"spoofchk" is not true or false'),
        (of(vf={"vlan": 4095}), '"vlan" is not a whole number between 0 and 4094'),
        (of(vf={"vlan": 1, "qos": 8}), '"qos" is not a whole number between 0 and 7'),
        (of(vf={"max_tx_rate": 2**32}), '"max_tx_rate" is not a whole number between 0 and 4294967295'),
        (of(vf={"qos": 1}), '"vf" has "qos" without "vlan"; the two are set together'),
        (
            of(vf={"min_tx_rate": 11, "max_tx_rate": 10}),
            '"vf" has a "min_tx_rate" above its "max_tx_rate"; 0 is no limit',
        ),
        (of(vf={"link_state": "up"}), '"link_state" is not one of auto, enable, disable'),
        (of(vfs=[]), '"vfs" is not a JSON object such as {"3": {"trust": true}}'),
        (of(vfs={"03": {}}), '"vfs" has a key that is no number of a virtual function, such as "3"'),
        (of(vfs={"-1": {}}), '"vfs" has a key that is no number of a virtual function, such as "3"'),
        (of(vfs={"\u0663": {}}), '"vfs" has a key that is no number of a virtual function, such as "3"'),
        (of(numvfs=4, vfs={"4": {}}), '"vfs" has 4, and with "numvfs" 4 they are 0 to 3'),
        (of(numvfs=0, vfs={"0": {}}), '"vfs" has 0, and with "numvfs" 0 it has none'),
        (of(vfs={"1": True}), '"1" of "vfs" is not a JSON object such as {}'),
        (
            of(vfs={"1": {"qos": 1}}),
            '"1" of "vfs", with what "vf" adds, has "qos" without "vlan"; the two are set together',
        ),
        (
            of(vf={"max_tx_rate": 10}, vfs={"1": {"min_tx_rate": 11}}),
            '"1" of "vfs", with what "vf" adds, has a "min_tx_rate" above its "max_tx_rate"; 0 is no limit',
        ),
    ],
)
def test_what_is_refused(text: str, told: str) -> None:
    with pytest.raises(DeclaredPfError) as caught:
        parse_declared_pf(text)
    assert str(caught.value) == told


def test_no_limit_is_below_nothing() -> None:
    parse_declared_pf(of(vf={"min_tx_rate": 10, "max_tx_rate": 0}))
    parse_declared_pf(of(vf={"vlan": 7}, vfs={"2": {"qos": 1}}))


NAMES = st.sampled_from(
    ["devname", "address", "numvfs", "physical_network", "vf", "vfs", "autoprobe", "trust", "vlan", "3", SECRET]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_no_value_breaks_it_and_no_refusal_repeats_one(value: dict[str, Any]) -> None:
    told = ""
    try:
        parse_declared_pf(json.dumps(value))
    except DeclaredPfError as error:
        told = str(error)
    assert SECRET not in told
    assert told.isprintable()
