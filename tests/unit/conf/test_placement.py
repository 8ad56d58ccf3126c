# SPDX-License-Identifier: Apache-2.0
"""Every way to place interrupts that the plan knows can be chosen in the configuration, and no other."""

from enum import Enum
from pathlib import Path

import pytest
from oslo_config import cfg

from irqaffinity.conf.load import load
from irqaffinity.conf.placement import OPTS
from irqaffinity.plan.policy import Distribution, HostDriver, Numa, Serve, WithoutMask

CHOICES: dict[str, type[Enum]] = {
    "numa": Numa,
    "distribution": Distribution,
    "without_mask": WithoutMask,
    "host_driver": HostDriver,
    "serve": Serve,
}


def test_no_option_has_other_choices() -> None:
    offered = {option.dest: set(option.type.choices) for option in OPTS if isinstance(option, cfg.StrOpt)}
    assert offered == {name: {member.value for member in members} for name, members in CHOICES.items()}


@pytest.mark.parametrize(("name", "member"), [(name, member) for name, kind in CHOICES.items() for member in kind])
def test_each_choice_reaches_the_plan(tmp_path: Path, name: str, member: Enum) -> None:
    file = tmp_path / "irqaffinity.conf"
    file.write_text(f"[placement]\n{name} = {member.value}\n")
    assert getattr(load([str(file)]).policy, name) is member
