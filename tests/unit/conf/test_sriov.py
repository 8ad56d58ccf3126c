# SPDX-License-Identifier: Apache-2.0
"""`[sriov]`: what reaches the program, and what is refused with its place."""

import re
from pathlib import Path

import pytest

from irqaffinity.conf.load import ConfigError, load
from irqaffinity.conf.sriov import OPTS
from irqaffinity.model.declared import DeclaredPf
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov_options import ApplyMode, Sriov


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "irqaffinity.conf"


def test_by_default_nothing_is_declared_and_nothing_applied(file: Path) -> None:
    file.write_text("")
    assert load([str(file)]).sriov == Sriov(ApplyMode.OFF, ())


def test_each_word_of_apply_reaches_the_program_and_no_other(file: Path) -> None:
    assert set(OPTS[1].type.choices) == {mode.value for mode in ApplyMode}
    for mode in ApplyMode:
        file.write_text(f"[sriov]\napply = {mode.value}\n")
        assert load([str(file)]).sriov.apply is mode


def test_pf_can_stand_more_than_once(file: Path) -> None:
    file.write_text('[sriov]\npf = {"devname": "ens1f0", "numvfs": 8}\npf = {"address": "0000:81:00.0"}\n')
    declared = DeclaredPf("ens1f0", num_vfs=8), DeclaredPf(address=PciAddress(0, 0x81, 0, 0))
    assert load([str(file)]).sriov.declared == declared


def test_a_refusal_names_the_line_and_no_value(file: Path) -> None:
    file.write_text('[sriov]\npf = {"devname": "ens1f0"}\npf = {"devname": "ens1f1", "vf": {"s3cr3t": 1}}\n')
    with pytest.raises(
        ConfigError, match=re.escape(f'{file}:3: [sriov] pf: "vf" has a key that is none of ')
    ) as caught:
        load([str(file)])
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("name", ['"devname": "ens1f0"', '"address": "0000:81:00.0"'])
def test_one_physical_function_is_declared_once(file: Path, name: str) -> None:
    file.write_text(f'[sriov]\npf = {{{name}}}\npf = {{{name}, "numvfs": 8}}\n')
    told = f"{file}:3: [sriov] pf: two values are about the same physical function: make them one"
    with pytest.raises(ConfigError, match=re.escape(told)):
        load([str(file)])
