# SPDX-License-Identifier: Apache-2.0
"""The lines for nova.conf name the virtual functions of one device. tests/packaging lets Nova read them."""

from collections.abc import Sequence
from pathlib import Path

from irqaffinity.conf.load import load
from irqaffinity.grammar.device_spec import first_match
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, PhysicalFunction
from irqaffinity.sriov.as_device import as_device
from irqaffinity.sriov.spec_lines import lines_by_device, lines_by_function


def device(addresses: Sequence[str], product: str = "1889", other: str | None = None) -> PhysicalFunction:
    vfs = [
        Function(index, PciAddress.parse(address), vendor="8086", product=product)
        for index, address in enumerate(addresses)
    ]
    if other is not None:
        vfs.append(Function(len(vfs), PciAddress.parse(other), vendor="8086", product="ffff"))
    return PhysicalFunction(PciAddress.parse("0000:41:00.0"), "ens1f0", "ice", "8086", "1592", vfs=tuple(vfs))


def test_each_function_has_a_line() -> None:
    physical = device(["0000:41:02.0", "0000:41:02.1"])
    assert list(lines_by_function(physical, {"physical_network": "a", "trusted": "true"})) == [
        'device_spec = {"address": "0000:41:02.0", "physical_network": "a", "trusted": "true"}',
        'device_spec = {"address": "0000:41:02.1", "physical_network": "a", "trusted": "true"}',
    ]


def test_one_line_has_the_device_and_the_product_of_its_functions() -> None:
    assert list(lines_by_device(device(["0000:41:02.0"]), {"physical_network": "a"})) == [
        'device_spec = {"vendor_id": "8086", "product_id": "1889", "address": "0000:41:00.0", "physical_network": "a"}'
    ]


def test_functions_with_the_product_of_their_device_are_named_by_the_parts_of_their_addresses() -> None:
    physical = device([f"0000:41:0{slot}.{function}" for slot in (1, 2) for function in (3, 4)], "1592")
    comment, line = lines_by_device(physical, {})
    assert comment == "# It names the virtual functions of today: their product is that of the device itself."
    assert line == ('device_spec = {"address": {"domain": "0000", "bus": "41", "slot": "01|02", "function": "3|4"}}')


def test_a_line_that_names_the_device_too_says_so() -> None:
    for physical in (device(["0000:41:02.0", "0000:41:03.1"], "1592"), device(["0000:41:02.0"], other="0000:41:03.1")):
        comment, line = lines_by_device(physical, {})
        assert comment == "# It names 0000:41:00.0 too: neither product nor addresses tell its virtual functions apart."
        assert line == 'device_spec = {"address": "0000:41:00.0"}'


def test_the_program_reads_its_own_lines_whatever_the_network_is_called(tmp_path: Path) -> None:
    physical = device(["0000:41:02.0", "0000:41:02.1"])
    file = tmp_path / "irqaffinity.conf"
    for made in (lines_by_function, lines_by_device):
        network = 'a$b "ä'
        file.write_text("\n".join(["[pci]", *made(physical, {"physical_network": network}), ""]))
        specs = load([str(file)]).policy.device_specs
        whole = as_device(physical)
        assert first_match(specs, whole) is None
        for function in physical.vfs:
            spec = first_match(specs, as_device(function, whole))
            assert spec is not None
            assert spec.tags == {"physical_network": network}
