# SPDX-License-Identifier: Apache-2.0
"""The address of a PCI function: what it reads, what it refuses, how it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.model.pci import PciAddress

ADDRESSES = st.builds(
    PciAddress, st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFF), st.integers(0, 0x1F), st.integers(0, 7)
)


@given(ADDRESSES)
def test_an_address_reads_back_as_itself(address):
    assert PciAddress.parse(str(address)) == address
    assert PciAddress.checked(*address) == address


@pytest.mark.parametrize(
    ("text", "parts", "written"),
    [
        ("0000:81:00.2", (0, 0x81, 0, 2), "0000:81:00.2"),
        ("0000:0A:1F.7", (0, 0x0A, 0x1F, 7), "0000:0a:1f.7"),
        ("10000:00:04.0", (0x10000, 0, 4, 0), "10000:00:04.0"),
        ("00010000:e1:00.0", (0x10000, 0xE1, 0, 0), "10000:e1:00.0"),
        ("ffffffff:ff:1f.7", (0xFFFFFFFF, 0xFF, 0x1F, 7), "ffffffff:ff:1f.7"),
    ],
)
def test_an_address_is_read_in_any_case_and_written_as_sysfs_writes_it(text, parts, written):
    assert PciAddress.parse(text) == parts
    assert str(PciAddress.parse(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        *("", "81:00.2", "0000:81:00", "0000:81:00.2\n", " 0000:81:00.2", "000:81:00.2", "0000:1:00.2", "0000:81:0.2"),
        *("0000:81:20.0", "0000:81:00.8", "0000:100:00.0", "123456789:00:00.0", "0x00:81:00.2", "0000:8g:00.2"),
        *("../../0000:81:00.2", "0000:81:00.2/..", "0000:81:00.2\0", "0000:\uff181:00.2", "0000-81-00.2"),
    ],
)
def test_anything_but_a_full_address_is_refused(text):
    with pytest.raises(ValueError, match="is not a PCI address such as 0000:81:00"):
        PciAddress.parse(text)


def test_a_refused_text_is_shown_on_one_short_line():
    with pytest.raises(ValueError, match="is not a PCI address") as refusal:
        PciAddress.parse("\n\u202e" * 1000)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    "parts", [(-1, 0, 0, 0), (1 << 32, 0, 0, 0), (0, 0x100, 0, 0), (0, 0, 0x20, 0), (0, 0, 0, 8), (0, 0, -1, 0)]
)
def test_a_part_out_of_its_range_is_refused(parts):
    with pytest.raises(ValueError, match="is no PCI address"):
        PciAddress.checked(*parts)


def test_addresses_sort_by_number_and_not_by_text():
    texts = ["0000:02:00.0", "0000:0a:00.0", "0000:0a:10.0", "0000:0a:10.1", "ffff:00:00.0", "10000:00:00.0"]
    assert [str(address) for address in sorted(PciAddress.parse(text) for text in reversed(texts))] == texts
