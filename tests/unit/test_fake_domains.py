# SPDX-License-Identifier: Apache-2.0
"""Nova's metadata as the tests write them are read back as what was written."""

from collections.abc import Mapping
from typing import Any

import pytest

from irqaffinity.model.guest import Guest
from irqaffinity.observe.domain import parse_domain
from tests.fakes.domains import domain, nova_metadata

UUID = "11111111-1111-1111-1111-111111111111"
SPECS = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0"}
IMAGE = {"hw_cpu_policy": "dedicated", "os_distro": 'a "b" <c> & d'}


def read(metadata: str) -> Guest:
    guest = parse_domain(domain("instance-1", UUID, ["2", "3"], metadata=metadata))
    assert guest is not None
    return guest


@pytest.mark.parametrize("specs", [None, {}, SPECS])
@pytest.mark.parametrize("properties", [None, {}, IMAGE])
@pytest.mark.parametrize("name", [None, "", "db <1>"])
def test_each_element_is_there_or_not_whatever_the_others(
    specs: Mapping[str, str] | None, properties: Mapping[str, str] | None, name: str | None
) -> None:
    guest = read(nova_metadata("nfv & co", specs, properties=properties, name=name))
    found = (guest.flavor, guest.extra_specs, guest.image_properties, guest.display_name)
    assert found == ("nfv & co", specs, properties, name)


@pytest.mark.parametrize("options", [{}, {"properties": {}}])
def test_a_nova_of_another_namespace_is_read_too(options: dict[str, Any]) -> None:
    guest = read(nova_metadata("nfv", SPECS, "http://openstack.org/xmlns/libvirt/nova/1.0", **options))
    assert (guest.extra_specs, guest.image_properties) == (SPECS, options.get("properties"))
