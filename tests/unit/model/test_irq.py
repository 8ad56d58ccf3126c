# SPDX-License-Identifier: Apache-2.0
"""The number of an interrupt, and what makes its identity."""

import pytest

from irqaffinity.model.irq import IrqId, parse_irq_number
from irqaffinity.model.pci import PciAddress


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("142", 142), ("007", 7), ("999999999", 999_999_999)])
def test_decimal_digits_are_a_number(text, number):
    assert parse_irq_number(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1_0", "0x1", "1.0", " 1", "1\n", "1/..", "../1", "..", "1\0", "\uff11", "٣", "²", "1234567890"],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="is not an interrupt number"):
        parse_irq_number(text)


def test_a_refused_text_is_shown_on_one_short_line():
    with pytest.raises(ValueError, match="is not an interrupt number") as refusal:
        parse_irq_number("\n\u202e" * 1000)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 400


def test_the_same_number_of_another_device_is_another_interrupt():
    one, other = PciAddress.parse("0000:81:00.2"), PciAddress.parse("0000:81:00.3")
    assert IrqId(one, 142) != IrqId(other, 142)
    assert IrqId(one, 200) < IrqId(other, 100)
