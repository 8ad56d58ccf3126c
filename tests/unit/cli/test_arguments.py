# SPDX-License-Identifier: Apache-2.0
"""The command line: what is accepted, and that wrong usage leaves with 64."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from irqaffinity.cli import usage
from irqaffinity.cli.arguments import COMMANDS, module_of, parse_arguments


def test_common_options_stand_before_or_after_the_command() -> None:
    before = parse_arguments(["--proc", "/p", "--config-file", "a", "--debug", "audit", "--once"])
    after = parse_arguments(["audit", "--once", "--proc", "/p", "--config-file", "a", "--debug"])
    assert before == after
    nova = parse_arguments(["--nova-config", "a", "check", "--nova-config=b"])
    assert (nova.nova_config, before.nova_config) == (["a", "b"], None)
    both = parse_arguments(["--config-file", "a", "--sys=/s", "check", "--config-file", "b", "--state", "/d"])
    assert (both.config_file, both.sys, both.state, both.proc) == (["a", "b"], "/s", "/d", None)


def test_a_command_of_two_words_stands_with_options_of_all_commands_before_between_and_after() -> None:
    for words in (["--sys", "/s", "sriov", "pools"], ["sriov", "--sys", "/s", "pools"], ["sriov", "pools", "--sys=/s"]):
        parsed = parse_arguments(words)
        assert (parsed.command, parsed.sys) == ("sriov pools", "/s")
    assert parse_arguments(["sriov", "--sys", "pools"]).command == "sriov"
    assert parse_arguments(["explain", "sriov"]).target == "sriov"


@pytest.mark.parametrize("text", ["", "me", "1234567890123", "../../etc", "-1", "a b", "\x1b[31m", "\udcff", "cpu 3"])
def test_a_target_is_no_wrong_usage_whatever_its_text(text: str) -> None:
    assert parse_arguments(["explain", text]).target == text
    found = parse_arguments(["audit", "--guest", text, "--device", text])
    assert (found.guest, found.device) == (text, text)


def test_a_cpu_or_an_interrupt_may_be_named_in_two_words() -> None:
    for words in (["cpu", "14"], ["irq", "142"], ["cpu", "--", "14"], ["--", "cpu", "14"]):
        named = [word for word in words if word != "--"]
        assert parse_arguments(["explain", *words]).target == " ".join(named)
    assert parse_arguments(["explain", "cpu"]).target == "cpu"


def test_a_target_that_looks_like_an_option_stands_behind_a_sign() -> None:
    assert parse_arguments(["explain", "--", "--debug"]).target == "--debug"
    found = parse_arguments(["audit", "--guest=--once", "--device=-x"])
    assert (found.guest, found.device, found.once) == ("--once", "-x", False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "irqaffinity: a command is missing (agent, audit, "),
        (["--debug"], "irqaffinity: a command is missing (agent, audit, "),
        (["frobnicate"], "irqaffinity: 'frobnicate' is not a command (agent, audit, "),
        (["audti"], "irqaffinity: 'audti' is not a command; did you mean audit? (agent, audit, "),
        (["help", "exp"], "irqaffinity: 'exp' is not a command; did you mean explain? (agent, "),
        (["version"], "irqaffinity: 'version' is not a command; did you mean --version? (agent, "),
        (["\x1b[31m"], "irqaffinity: '\\x1b[31m' is not a command (agent, "),
        (["-v"], "irqaffinity: there is no option -v; did you mean --version?; see"),
        (["-help"], "irqaffinity: there is no option -help; did you mean --help?; see"),
        (["--confg-file", "x", "audit"], "there is no option --confg-file; did you mean --config-file?; see"),
        (["--once", "audit"], "irqaffinity: write --once after the command: irqaffinity audit --once; see"),
        (["--once"], "irqaffinity: a command is missing before --once (agent, audit, "),
        (["--guset=x", "audit"], "irqaffinity: there is no option --guset; did you mean --guest?; see"),
        (["audit", "--guset", "x"], "irqaffinity audit: there is no option --guset; did you mean --guest?; see"),
        (["audit", "--onc"], "irqaffinity audit: there is no option --onc; did you mean --once?; see"),
        (["audit", "--guest=x", "--oce=1"], "there is no option --oce; did you mean --once?; see"),
        (["audit", "--\x1b[31m"], 'audit: there is no option --\\x1b[31m; write a value that begins with "-" after'),
        (["audit", "--version"], "irqaffinity audit: --version stands alone: irqaffinity --version; see"),
        (["audit", "now"], "irqaffinity audit: 'now' is one argument too many; see irqaffinity audit --help"),
        (
            ["audit", "once"],
            "audit: 'once' is one argument too many; did you mean --once?; see irqaffinity audit --help",
        ),
        (["audit", "--", "--once"], "irqaffinity audit: '--once' is one argument too many; see"),
        (
            ["audit", "-f", "xml"],
            "argument -f/--format: 'xml' is not one of its values (table, json, yaml, csv, value)",
        ),
        (["audit", "-fjsn"], "'jsn' is not one of its values; did you mean json? (table, json, yaml, csv, value); see"),
        (["explain"], "the following arguments are required: TARGET"),
        (["explain", "a", "\x1b[31m"], "irqaffinity explain: '\\x1b[31m' is one argument too many; see"),
        (["explain", "cpu", "1", "2"], "irqaffinity explain: '2' is one argument too many; see"),
        (["explain", "40", "cpu"], "irqaffinity explain: 'cpu' is one argument too many; see"),
        (
            ["sriov", "ens1f0"],
            "sriov; did you mean --pf ens1f0? (irqaffinity sriov pools, irqaffinity sriov device-spec, ",
        ),
        (
            ["sriov", "pool"],
            "irqaffinity sriov: 'pool' is not a command of irqaffinity sriov; did you mean pools? (irq",
        ),
        (["help", "sriov", "pool"], "'pool' is not a command of irqaffinity sriov; did you mean pools? (irqaffinity "),
        (["sriov", "free"], "irqaffinity sriov: 'free' is one argument too many; did you mean --free?; see"),
        (["sriov", "--free", "apply"], "sriov: write apply first, its options after it: irqaffinity sriov apply; see"),
        (["sriov", "\x1b[31m"], "irqaffinity sriov: '\\x1b[31m' is not a command of irqaffinity sriov; did you mean "),
        (["sriov", "pools", "apply"], "irqaffinity sriov pools: 'apply' is one argument too many; see"),
        (["--free", "sriov"], "irqaffinity: write --free after the command: irqaffinity sriov --free; see"),
        (["pools"], "irqaffinity: 'pools' is not a command; did you mean sriov pools? (agent, "),
        (["mask", "1", "--vcpu", "4"], "irqaffinity mask: there is no option --vcpu; did you mean --vcpus?; see"),
        (
            ["mask", "-1-4", "--vcpus", "4"],
            'option -1-4; write a value that begins with "-" after -- or =',
        ),
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
    out, error = capsys.readouterr()
    assert error.startswith("usage: irqaffinity ")
    last = error.splitlines()[-1]
    assert (out, told in last, "--help" in last) == ("", True, True), last


def helped(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        parse_arguments(arguments)
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_the_help_lists_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told = helped(arguments, capsys)
    assert re.findall(r"(?m)^    (\w+(?: \w\S*)?)", told) == list(COMMANDS)
    assert "irqaffinity COMMAND --help" in told


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_a_sentence_an_example_and_the_exit_statuses(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    told = helped([*command.split(), "--help"], capsys)
    assert all(len(line) <= 100 for line in told.splitlines())
    _, about, *_, examples, statuses = told.strip().split("\n\n")
    assert re.fullmatch(r"[A-Z].{30,}\.", about, re.DOTALL)
    assert examples.startswith("examples:\n")
    lines = re.findall(r"(?m)^  irqaffinity (.*)\n      \S", examples)
    assert lines
    for line in lines:
        assert line.startswith(command)
        parse_arguments(shlex.split(line))
    assert statuses.startswith("exit status:\n")
    numbers = re.findall(r"(?m)^  (\d+) +\S", statuses)
    assert numbers[:2] + numbers[-2:] == ["0", "1", "64", "130"]
    assert helped(["help", *command.split()], capsys) == told


def test_the_usage_of_a_command_has_its_own_options_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["reset", "now"])
    assert capsys.readouterr().err.splitlines()[0] == "usage: irqaffinity reset [-h] [--force]"


def test_every_module_of_usage_is_a_command_or_serves_them() -> None:
    folder = Path(usage.__path__[0])
    assert {path.stem for path in folder.glob("*.py")} == {*map(module_of, COMMANDS), "__init__", "command", "targets"}


def test_to_read_the_arguments_of_a_command_takes_no_more_than_its_own() -> None:
    """A probe runs the program again and again."""
    code = (
        "import sys; before = set(sys.modules); from irqaffinity.cli.arguments import parse_arguments;"
        "parse_arguments(['check', '--health']); print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("irqaffinity.")}
    parts = ("arguments", "guess", "output", "parser", "usage", "usage.check", "usage.command")
    assert {name for name in ours if ".cli." in name} == {f"irqaffinity.cli.{part}" for part in parts}
    assert not {"asyncio", "dataclasses", "difflib", "inspect", "json", "logging", "textwrap"} & set(
        done.stdout.split()
    )


def test_the_help_of_a_command_has_the_options_of_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse_arguments(["audit", "--help"])
    assert left.value.code == 0
    told = capsys.readouterr().out
    assert "--config-file F" in told
    assert "--dry-run" in told
