# SPDX-License-Identifier: Apache-2.0
"""Whether no notification is needed for any guest."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from irqaffinity.cli.check_masks import has_masks
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.observe.domain import Domain
from tests.fakes.domains import domain, nova_metadata
from tests.fakes.scene import GUEST, PINS

NEW = domain("new", GUEST, PINS, metadata=nova_metadata("nfv", {}))
OLD = domain("old", GUEST, PINS, metadata=nova_metadata("nfv"))
FOREIGN = domain("virsh", GUEST, PINS)


@pytest.mark.parametrize(
    ("xmls", "has"),
    [
        ([NEW], True),
        ([NEW, FOREIGN], True),
        ([NEW, OLD], False),
        ([NEW, None], False),
        ([NEW, "<domain"], False),
        ([FOREIGN], None),
        ([], None),
    ],
)
def test_each_guest_of_novas_has_to_have_its_specs(xmls: Sequence[str | None], has: bool | None) -> None:
    domains = [Domain(GUEST, "a", xml) for xml in xmls]
    session = SimpleNamespace(hypervisor=SimpleNamespace(active_domains=lambda: iter(domains)))
    assert has_masks(session) is has  # type: ignore[arg-type]


def test_a_libvirt_that_is_away_says_nothing(tmp_path: Path) -> None:
    def away() -> Iterator[Domain]:
        raise LibvirtUnreachable("away")
        yield

    session = SimpleNamespace(hypervisor=SimpleNamespace(active_domains=away))
    assert has_masks(session) is False  # type: ignore[arg-type]
