# SPDX-License-Identifier: Apache-2.0
"""Every way to place interrupts that the plan knows can be chosen in the configuration, and no other."""

import re
from enum import Enum
from pathlib import Path

import pytest
from oslo_config import cfg

from irqaffinity.conf.load import ConfigError, load
from irqaffinity.conf.placement import OPTS
from irqaffinity.plan.policy import Distribution, HostDriver, HostDrivers, Numa, Policy, Profile, Serve, WithoutMask

CHOICES: dict[str, type[Enum]] = {
    "numa": Numa,
    "distribution": Distribution,
    "without_mask": WithoutMask,
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


def read(tmp_path: Path, line: str) -> Policy:
    file = tmp_path / "irqaffinity.conf"
    file.write_text(f"[placement]\n{line}\n")
    return load([str(file)]).policy


SKIP, EMULATOR, VCPU = HostDriver


@pytest.mark.parametrize(
    ("value", "macvtap", "vdpa"),
    [
        ("skip", SKIP, SKIP),
        (" emulator ", EMULATOR, EMULATOR),
        ("vcpu", VCPU, VCPU),
        ("macvtap:emulator,vdpa:vcpu", EMULATOR, VCPU),
        (" vdpa : vcpu , macvtap : emulator", EMULATOR, VCPU),
        ("macvtap:vcpu", VCPU, SKIP),
        ("vdpa:emulator", SKIP, EMULATOR),
    ],
)
def test_what_serves_devices_of_a_host_driver_is_said_for_both_kinds_or_for_each(
    tmp_path: Path, value: str, macvtap: HostDriver, vdpa: HostDriver
) -> None:
    assert read(tmp_path, f"host_driver = {value}").host_driver == HostDrivers(macvtap, vdpa)
    assert load([]).policy.host_driver == HostDrivers.both(SKIP)


FORMS = "it is not skip, emulator or vcpu, nor pairs such as macvtap:emulator,vdpa:vcpu"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("host_driver =", FORMS),
        ("host_driver = hunter2", FORMS),
        ("host_driver = emulator,vcpu", FORMS),
        ("host_driver = macvtap:hunter2", FORMS),
        ("host_driver = hostdev:vcpu", FORMS),
        ("host_driver = macvtap:vcpu:hunter2", FORMS),
        ("host_driver = macvtap:vcpu,", FORMS),
        ("host_driver = macvtap:vcpu, macvtap:hunter2", "it names macvtap twice: name each kind once"),
        ("profile =", "it is not JSON, beginning with its character 1"),
        ('profile = ["hunter2"]', "it is not a JSON object such as {"),
        ("profile = " + "[" * 100000, "it has lists too deep to be read"),
        ('profile = {"numa": "strict"}', "it has no tag of [pci] device_spec: write one such as {"),
        ('profile = {"physical_network": "hunter2"}', "it has none of distribution, numa and serve: write one such"),
        ('profile = {"trusted": true, "numa": "hunter2"}', '"numa" is not one of preferred, socket, strict'),
        ('profile = {"trusted": true, "serve": ["hunter2"]}', '"serve" is not one of vcpus, emulator, housekeeping'),
        ('profile = {"trusted": true, "distribution": null}', '"distribution" is not one of mask, spread'),
        ('profile = {"trusted": true, "numa": "strict", "numa": "socket"}', "it has one name twice: name each once"),
        (
            'profile = {"trusted": true, "distribuion": "spread"}',
            'it has a name that is nearly "distribution": mend it',
        ),
        ('profile = {"vendor_id": "8086", "numa": "strict"}', '"vendor_id" is no tag: name the device in [pci] device'),
        ('profile = {"x": ' + "[" * 70 + "1" + "]" * 70 + ', "numa": "strict"}', "a tag has more than 64 lists"),
    ],
)
def test_a_mistake_in_them_is_one_line_that_repeats_nothing(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f":2: [placement] {line.split(maxsplit=1)[0]}: {told}")) as caught:
        read(tmp_path, line)
    assert str(caught.value).isprintable()
    assert "hunter2" not in str(caught.value)


def test_profiles_keep_their_order_and_what_they_do_not_name_is_open(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'profile = {"physical_network": "a", "distribution": "spread", "serve": "emulator"}\n'
        'profile = {"physical_network": null, "trusted": "true", "numa": "strict"}',
    )
    assert found.profiles == (
        Profile({"physical_network": "a"}, distribution=Distribution.SPREAD, serve=Serve.EMULATOR),
        Profile({"physical_network": None, "trusted": "true"}, numa=Numa.STRICT),
    )


def test_the_text_of_a_tag_is_on_one_printable_line(tmp_path: Path) -> None:
    (profile,) = read(tmp_path, r'profile = {"physical\u0007": "a\nb", "numa": "strict"}').profiles
    assert all(f"{name}{value}".isprintable() for name, value in profile.tags.items())
