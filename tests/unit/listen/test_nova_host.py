# SPDX-License-Identifier: Apache-2.0
"""The names under which Nova may know a host. How they are looked for: tests/functional/test_check_broker."""

import pytest

from irqaffinity.listen.nova_host import spellings


@pytest.mark.parametrize(
    ("host", "machine", "names"),
    [
        ("cmp-1", ("cmp-1", "cmp-1.example.org"), ("cmp-1", "cmp-1.example.org")),
        ("cmp-1.example.org", ("cmp-1", "cmp-1.example.org"), ("cmp-1.example.org", "cmp-1")),
        ("cmp-1", ("cmp-1", "cmp-1"), ("cmp-1",)),
        ("CMP-1", ("CMP-1", "localhost"), ("CMP-1", "localhost", "cmp-1")),
        (
            "node",
            ("cmp-1", "cmp-1.a.b"),
            ("node", "cmp-1", "cmp-1.a.b", "node.a.b"),
        ),
        ("one", ("", ""), ("one",)),
    ],
)
def test_the_configured_name_goes_first(host: str, machine: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert spellings(host, *machine) == names
