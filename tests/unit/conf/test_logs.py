# SPDX-License-Identifier: Apache-2.0
"""The options of oslo.log: read where one is set, and the error for a mistake names its place."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from oslo_log import _options

from irqaffinity.conf import known_names
from irqaffinity.conf.load import ConfigError, load
from irqaffinity.conf.logs import read_logs


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "irqaffinity.conf"


def test_every_option_of_this_oslo_log_is_known() -> None:
    names = {option.dest for _, options in _options.list_opts() for option in options}
    old = {name.name for _, options in _options.list_opts() for option in options for name in option.deprecated_opts}
    assert names | {name.replace("-", "_") for name in old} <= known_names.LOG | {"debug"}
    assert known_names.LOG <= known_names.DEFAULT


@pytest.mark.parametrize("lines", ["", "debug = true", "host = cmp-1", "transport_url = rabbit://h/"])
def test_without_an_option_of_oslo_log_it_is_not_wanted(file: Path, lines: str) -> None:
    file.write_text(f"[DEFAULT]\n{lines}\n")
    assert not load([str(file)]).log


@pytest.mark.parametrize("line", ["log_file = /x", "logfile = /x", "use_json = false", "default_log_levels ="])
def test_one_option_of_oslo_log_is_enough(file: Path, line: str) -> None:
    file.write_text(f"[DEFAULT]\n{line}\n")
    found = load([str(file)])
    assert (found.log, found.unknown) == (True, ())


def test_a_variable_of_the_environment_is_enough(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("")
    monkeypatch.setenv("OS_DEFAULT__LOG_FILE", "/x")
    assert load([str(file)]).log
    assert read_logs([str(file)], None, "agent").log_file == "/x"


def test_the_log_of_nova_is_not_ours(file: Path, tmp_path: Path) -> None:
    file.write_text("")
    nova = tmp_path / "nova.conf"
    nova.write_text("[DEFAULT]\nlog_file = /var/log/nova/x\nwatch_log_file = true\ndebug = true\n")
    found = load([str(file)], nova_files=[str(nova)])
    assert (found.log, found.debug, found.notes) == (False, False, ())


def test_values_are_those_of_the_files(file: Path) -> None:
    file.write_text("[DEFAULT]\nlogdir = /x\ndefault_log_levels = kombu=10, amqp=WARN\n")
    found = read_logs([str(file)], None, "relay")
    assert (found.log_dir, found.log_file) == ("/x", "irqaffinity-relay.log")
    assert found.default_log_levels == ["kombu=10", "amqp=WARN"]


PATH = "it is not a path on one line, of printable characters, without @ and ="


@pytest.mark.parametrize("between", ["\n  transport_url = ", " "])
@pytest.mark.parametrize("name", ["log_file", "log_dir", "log_config_append"])
def test_a_path_with_another_option_behind_it_is_refused_and_not_shown(name: str, between: str, file: Path) -> None:
    file.write_text(f"[DEFAULT]\n{name} = /x{between}rabbit://a:s3cret@h/\n")
    with pytest.raises(ConfigError) as refused:
        read_logs([str(file)], None, "agent")
    assert str(refused.value) == f"{file}:2: [DEFAULT] {name}: {PATH}"


def test_a_format_that_goes_on_in_an_indented_line_is_refused(file: Path) -> None:
    """It would be in each line of the log."""
    name = "logging_default_format_string"
    file.write_text(f"[DEFAULT]\n{name} = %(message)s\n  transport_url = rabbit://a:s3cret@h/\n")
    with pytest.raises(ConfigError) as refused:
        read_logs([str(file)], None, "agent")
    told = "it goes on in the next line, for that is indented: write it in one line"
    assert str(refused.value) == f"{file}:2: [DEFAULT] {name}: {told}"


LEVELS = "write LOGGER=LEVEL, separated by commas; a level is one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
FACILITY = "it is not one of LOG_USER, LOG_DAEMON, LOG_LOCAL0 ... LOG_LOCAL7 and the like"
NOWHERE = "/nowhere cannot be read: No such file or directory: mend that, or name another file"
FORMAT = "it is not a format: write %(message)s and other attributes of a record of Python's logging, and a % as %%"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("default_log_levels = s3cret", LEVELS),
        ("default_log_levels = a=DEBUG,b=s3cret", LEVELS),
        ("default_log_levels = =DEBUG", LEVELS),
        ("logging_default_format_string = %(s3cret)s", FORMAT),
        ("logging_default_format_string = 100 % s3cret", FORMAT),
        ("logging_default_format_string = %(levelname)d s3cret", FORMAT),
        ("logging_exception_prefix = %(s3cret)s", FORMAT),
        ("logging_debug_format_suffix = %(s3cret)", FORMAT),
        ("use_journal = s3cret", "it is not true or false"),
        ("use_json = $s3cret", "a $ in it begins the name of an option that does not exist; write a plain $ as $$"),
        ("log_file = $s3cret", "a $ in it begins the name of an option that does not exist; write a plain $ as $$"),
        ("max_logfile_count = s3cret", "it is not an integer value"),
        ("log_rotation_type = s3cret", "it is not one of interval, size, none"),
        ("log_rotate_interval = 0", "it is below 1"),
        (
            "syslog_log_facility = s3cret",
            "it is not one of LOG_USER, LOG_DAEMON, LOG_LOCAL0 ... LOG_LOCAL7 and the like",
        ),
        (
            "log_config_append = /nowhere",
            "/nowhere cannot be read: No such file or directory: mend that, or name another file",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(file: Path, line: str, told: str) -> None:
    file.write_text(f"[DEFAULT]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read_logs([str(file)], None, "agent")
    assert str(caught.value) == f"{file}:2: [DEFAULT] {line.partition(' =')[0]}: {told}"


@pytest.mark.parametrize(
    ("lines", "name", "told"),
    [
        ("log_rotate_interval_type = weekday\nlog_rotate_interval = 7", "log_rotate_interval", "it is not between 0 "),
        (
            "rate_limit_burst = 1\nrate_limit_interval = 1\nrate_limit_except_level =",
            "rate_limit_except_level",
            "it is",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused(file: Path, lines: str, name: str, told: str) -> None:
    file.write_text(f"[DEFAULT]\n{lines}\n")
    with pytest.raises(ConfigError, match=rf"\[DEFAULT\] {name}: {told}"):
        read_logs([str(file)], None, "agent")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("s3cret", "is no file that logging can read (MissingSectionHeaderError): see logging.config of Python"),
        ("[loggers]\nkeys=root\n", "has no [handlers], [formatters]: see logging.config of Python"),
        ("\xff", "cannot be read: byte 1 is not UTF-8 text: mend that, or name another file"),
    ],
)
def test_a_file_of_logging_that_is_none_is_refused(file: Path, tmp_path: Path, text: str, told: str) -> None:
    logging = tmp_path / "logging.conf"
    logging.write_text(text, encoding="latin-1")
    file.write_text(f"[DEFAULT]\nlog_config_append = {logging}\n")
    with pytest.raises(ConfigError) as caught:
        read_logs([str(file)], None, "agent")
    assert str(caught.value) == f"{file}:2: [DEFAULT] log_config_append: {logging} {told}"


REQUEST = "a line of this program belongs to no request of OpenStack's API"


def test_what_does_nothing_here_is_said_to(file: Path) -> None:
    file.write_text("[DEFAULT]\nwatch_log_file = true\npublish_errors = false\ninstance_format = x\n")
    assert load([str(file)]).notes == (
        f"{file}:4: [DEFAULT] instance_format has no effect: {REQUEST}",
        f"{file}:2: [DEFAULT] watch_log_file has no effect: the program replaces a moved log file in any case",
    )


def test_oslo_log_is_not_imported_to_read_all_others(file: Path) -> None:
    program = (
        "import sys; from irqaffinity.conf.load import load; load([sys.argv[1]]); print('oslo_log.log' in sys.modules)"
    )
    file.write_text("[DEFAULT]\ndebug = true\n")
    done = subprocess.run([sys.executable, "-c", program, file], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_the_guide_shows_is_followed(file: Path) -> None:
    """Of each page its lines of the log's options, as they stand."""
    for page in ("logs.rst", "configure.rst"):
        text = (Path(__file__).parents[3] / "doc" / page).read_text()
        blocks = [block for block in re.findall(r"::\n\n((?:    .*\n)+)", text) if "log_dir = " in block]
        assert blocks
        for block in blocks:
            file.write_text(textwrap.dedent(block))
            assert read_logs([str(file)], None, "agent").log_file == "irqaffinity-agent.log"


def test_the_guide_tells_of_every_option() -> None:
    page = (Path(__file__).parents[3] / "doc/logs.rst").read_text()
    assert {name for name in known_names.LOG if f"``{name}``" not in page} == {"log_config", "logdir", "logfile"}
