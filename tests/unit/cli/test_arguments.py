# SPDX-License-Identifier: Apache-2.0
"""The command line: what is accepted, and that wrong usage leaves with 64."""

import pytest

from irqaffinity.cli.arguments import parse_arguments


def test_common_options_stand_before_or_after_the_command() -> None:
    before = parse_arguments(["--proc", "/p", "--config-file", "a", "--debug", "audit", "--once"])
    after = parse_arguments(["audit", "--once", "--proc", "/p", "--config-file", "a", "--debug"])
    assert before == after
    nova = parse_arguments(["--nova-config", "a", "check", "--nova-config=b"])
    assert (nova.nova_config, before.nova_config) == (["a", "b"], None)
    both = parse_arguments(["--config-file", "a", "--sys=/s", "check", "--config-file", "b", "--state", "/d"])
    assert (both.config_file, both.sys, both.state, both.proc) == (["a", "b"], "/s", "/d", None)


@pytest.mark.parametrize("text", ["", "me", "1234567890123", "../../etc", "-1", "a b", "\x1b[31m", "\udcff", "cpu 3"])
def test_a_target_is_no_wrong_usage_whatever_its_text(text: str) -> None:
    assert parse_arguments(["explain", text]).target == text
    found = parse_arguments(["audit", "--guest", text, "--device", text])
    assert (found.guest, found.device) == (text, text)


def test_a_target_that_looks_like_an_option_stands_behind_a_sign() -> None:
    assert parse_arguments(["explain", "--", "--debug"]).target == "--debug"
    found = parse_arguments(["audit", "--guest=--once", "--device=-x"])
    assert (found.guest, found.device, found.once) == ("--once", "-x", False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["audit", "--onc"], "unrecognized arguments: --onc"),
        (["audit", "-f", "xml"], "invalid choice: 'xml'"),
        (["explain"], "the following arguments are required: TARGET"),
        (["audit", "--guest"], "argument --guest: expected one argument"),
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


@pytest.mark.parametrize("command", ["", "audit", "explain", "mask", "reset", "check", "relay", "demo"])
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
