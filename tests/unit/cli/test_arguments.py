# SPDX-License-Identifier: Apache-2.0
"""The command line: what is accepted, and that wrong usage leaves with 64."""

import pytest

from irqaffinity.cli.arguments import parse_arguments, parse_target
from irqaffinity.model.pci import PciAddress

UUID = "11111111-1111-1111-1111-111111111111"


def test_common_options_stand_before_or_after_the_command() -> None:
    before = parse_arguments(["--proc", "/p", "--config-file", "a", "--debug", "audit", "--once"])
    after = parse_arguments(["audit", "--once", "--proc", "/p", "--config-file", "a", "--debug"])
    assert before == after
    nova = parse_arguments(["--nova-config", "a", "check", "--nova-config=b"])
    assert (nova.nova_config, before.nova_config) == (["a", "b"], None)
    both = parse_arguments(["--config-file", "a", "--sys=/s", "check", "--config-file", "b", "--state", "/d"])
    assert (both.config_file, both.sys, both.state, both.proc) == (["a", "b"], "/s", "/d", None)


def test_the_scope_is_checked_where_it_is_written() -> None:
    found = parse_arguments(["audit", "--guest", UUID.upper(), "--device", "0000:81:00.2", "-f", "json"])
    assert (found.guest, found.device, found.format) == (UUID, PciAddress(0, 0x81, 0, 2), "json")


@pytest.mark.parametrize(
    ("text", "target"),
    [("142", 142), ("0000:81:00.2", PciAddress(0, 0x81, 0, 2)), (UUID.upper(), UUID), (UUID.replace("-", ""), UUID)],
)
def test_what_explain_is_asked_about(text: str, target: object) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["audit", "--onc"], "unrecognized arguments: --onc"),
        (["audit", "-f", "xml"], "invalid choice: 'xml'"),
        (["audit", "--guest", "me"], "'me' is not a uuid"),
        (["audit", "--device", "../../etc"], "'../../etc' is not a PCI address such as 0000:81:00.2"),
        (["explain", "foo"], "'foo' is neither an interrupt number, nor a PCI address, nor a uuid"),
        (["explain", "1234567890123"], "is neither an interrupt number"),
        (["mask", "1"], "the following arguments are required: --vcpus"),
        (["mask", "1", "--vcpus", "0"], "'0' is not a number of vCPUs between 1 and 65536"),
        (["mask", "1", "--vcpus", "-4"], "'-4' is not a number of vCPUs"),
        (["--proc"], "argument --proc: expected one argument"),
    ],
)
def test_wrong_usage_says_what_and_leaves_with_64(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        parse_arguments(arguments)
    assert left.value.code == 64
    error = capsys.readouterr().err
    assert told in error
    assert "--help" in error


@pytest.mark.parametrize("command", ["", "audit", "explain", "mask", "reset", "check", "demo"])
def test_help_is_no_failure(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse_arguments([*command.split(), "--help"])
    assert left.value.code == 0
    assert f"irqaffinity {command}".strip() in capsys.readouterr().out


def test_the_help_of_a_command_has_the_options_of_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse_arguments(["audit", "--help"])
    assert left.value.code == 0
    told = capsys.readouterr().out
    assert "--config-file F" in told
    assert "--dry-run" in told
