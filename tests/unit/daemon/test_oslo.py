# SPDX-License-Identifier: Apache-2.0
"""What the options of oslo.log bring about, in processes of their own, with the oslo.log that is installed."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import HANG

BEGIN = """
import logging, os, sys
from irqaffinity.conf.logs import read_logs
from irqaffinity.daemon.log import *
log, other = logging.getLogger("irqaffinity.report.log"), logging.getLogger("kombu")
def follow(debug=False): set_up_log(debug=debug, options=read_logs([sys.argv[1]], None, "agent"))
def rewrite(text): open(sys.argv[1], "w").write("[DEFAULT]\\n" + text)
def flush(): set_up_log.__globals__["_Now"].scribe.flush(60)
set_up_log(debug=False)
"""
CHANGE = (
    '{"guest": "u1", "name": "vm", "device": "0000:41:00.1", "irqs": "40", "from": "0-15", "to": "2", "cause": "birth"}'
)

Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return what runs a program with options, and gives its standard output and error."""

    def run(options: str, program: str) -> tuple[str, str]:
        file = tmp_path / "irqaffinity.conf"
        file.write_text(f"[DEFAULT]\n{options}\n")
        command = [sys.executable, "-c", f"{BEGIN}{program}\nend_log()", file]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


def test_json_has_the_fields_of_a_change(run: Run, tmp_path: Path) -> None:
    out, err = run(
        f"log_file = {tmp_path}/log\nuse_json = true", f'follow(); log.info("placed", extra={{"change": {CHANGE}}})'
    )
    assert (out, err) == ("", "")
    (line,) = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert (line["message"], line["levelname"], line["name"]) == ("placed", "INFO", "irqaffinity.report.log")
    fields = {"uuid": "u1", "name": "vm", "device": "0000:41:00.1", "interrupts": "40", "from": "0-15", "to": "2"}
    assert line["extra"] == fields | {"cause": "birth"}


def test_lines_are_never_on_standard_output(run: Run) -> None:
    for options in (
        "use_json = true",
        "default_log_levels = kombu=DEBUG",
        "log_date_format = %H",
        "use_stderr = false",
    ):
        out, err = run(options, 'follow(); log.info("placed")')
        assert (out, err.count("placed")) == ("", 2 if "json" in options else 1)


def test_a_file_is_named_after_the_command_where_its_folder_alone_is_set(run: Run, tmp_path: Path) -> None:
    assert run(f"log_dir = {tmp_path}", 'follow(); log.info("placed")') == ("", "")
    form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \d+ INFO irqaffinity.report.log \[-\] placed\n"
    assert re.fullmatch(form, (tmp_path / "irqaffinity-agent.log").read_text())


def test_formats_and_levels_are_heeded(run: Run) -> None:
    options = (
        "logging_default_format_string = A %(levelname)s %(message)s\nlogging_debug_format_suffix = Z\n"
        "default_log_levels = kombu=DEBUG,irqaffinity.conf=ERROR\n"
    )
    program = 'follow(debug=True); other.debug("x"); log.debug("y"); logging.getLogger("irqaffinity.conf").warning("z")'
    assert run(options, program + '; logging.getLogger("a").debug("b")')[1] == "A DEBUG x Z\nA DEBUG y Z\n"
    options += "\n[DEFAULT]\ndefault_log_levels = irqaffinity=WARNING\n"
    assert run(options, 'follow(debug=True); log.info("x"); log.error("y"); other.info("z")')[1] == "A ERROR y\n"


def test_no_exception_is_added_to_a_line(run: Run) -> None:
    program = 'follow()\ntry: raise OSError("s3cret")\nexcept OSError: log.warning("it failed")'
    assert run("logging_default_format_string = %(message)s", program)[1] == "it failed\n"


def test_a_file_that_was_moved_is_made_anew(run: Run, tmp_path: Path) -> None:
    for rotation in ("", "log_rotation_type = size", "log_rotation_type = interval"):
        program = (
            'follow(); log.info("old"); flush(); os.rename("log", "log.1")\n'
            'if "rotation" in open(sys.argv[1]).read(): follow()\nlog.info("new")'
        )
        assert run(f"log_file = {tmp_path}/log\n{rotation}", program) == ("", "")
        assert [("old" in text, "new" in text) for text in ((tmp_path / n).read_text() for n in ("log.1", "log"))] == [
            (True, False),
            (False, True),
        ]
        (tmp_path / "log").unlink()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/nowhere/log", "No such file or directory"),
        ("/", "Is a directory"),
        ("pipe", "No such device or address"),
        ("/dev/null/x", "Not a directory"),
    ],
)
def test_a_file_that_cannot_be_opened_is_told_and_lines_go_to_standard_error(
    path: str, why: str, run: Run, tmp_path: Path
) -> None:
    program = """
os.mkfifo("pipe")
follow(); log.info("on"); flush()
rewrite("log_file = mended"); follow(); log.info("there")
"""
    first, second = run(f"log_file = {path}", program)[1].splitlines()
    assert first.partition(" [-] ")[2] == (
        f"[DEFAULT] log_file: {path} cannot be opened: {why}; lines go to standard error meanwhile: "
        "mend that, and send SIGHUP"
    )
    assert " ERROR irqaffinity.daemon.log " in first
    assert second.endswith(" INFO irqaffinity.report.log [-] on")
    assert (tmp_path / "mended").read_text().endswith(" [-] there\n")


def test_a_full_disk_is_told_once_and_stops_nobody(run: Run) -> None:
    err = run("log_file = /dev/full", 'follow()\nfor _ in range(9): log.info("x")')[1]
    assert err == (
        "irqaffinity: the log cannot be written to /dev/full: No space left on device; lines are lost until it can\n"
    )


@pytest.mark.parametrize("other", ["log_file = new", "log_config_append = logging.conf"])
def test_another_log_takes_the_place_of_one_that_stands_still(other: str, run: Run, tmp_path: Path) -> None:
    """SIGHUP, and so the main thread, does not wait for the lock of a handler that waits for a reader."""
    (tmp_path / "logging.conf").write_text(LOGGING.format(path="new"))
    program = f"""
import select
os.mkfifo("pipe")
reader, writer = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK), os.open("pipe", os.O_WRONLY)
follow()
while select.select([], [writer], [], 0)[1]: log.info("x" * 100)
for _ in range(99): log.info("x" * 100)
rewrite("{other}"); follow(); log.info("on"); leave(0)
"""
    assert run("log_file = pipe", program) == ("", "")
    first, second = (tmp_path / "new").read_text().splitlines()
    assert re.search(r" \[-\] \d+ lines of the log were lost: they came faster than they could be written$", first)
    assert second.endswith(" [-] on")


def test_syslog_that_reads_nothing_holds_nobody_up(run: Run) -> None:
    program = """
import re, socket
from irqaffinity.daemon import journal, oslo
journal.SYSLOG = oslo.SYSLOG = "socket"
daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
daemon.bind("socket")
follow()
for _ in range(3000): log.info("x")
follow(); log.warning("on")
form = rb"<30>[A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8} irqaffinity: .* INFO irqaffinity.report.log \\[-\\] x"
print(re.fullmatch(form, daemon.recv(9999)) is not None, flush=True)
leave(0)
"""
    assert run("use_syslog = true\nsyslog_log_facility = LOG_DAEMON", program) == ("True\n", "")


def test_syslog_that_is_away_is_told_once(run: Run) -> None:
    program = """
from irqaffinity.daemon import journal, oslo
journal.SYSLOG = "nowhere"; oslo.SYSLOG = "/"
follow(); log.info("x"); log.info("y")
"""
    why = "the log cannot be written to syslog at nowhere: No such file or directory; lines are lost until it can"
    assert run("use_syslog = true", program)[1] == f"irqaffinity: {why}\n"


LOGGING = """
[loggers]
keys = root
[handlers]
keys = file
[formatters]
keys = context
[logger_root]
level = INFO
handlers = file
[handler_file]
class = FileHandler
args = ({path!r},)
formatter = context
[formatter_context]
class = oslo_log.formatters.ContextFormatter
"""


def test_a_file_of_logging_takes_the_place_of_all_options(run: Run, tmp_path: Path) -> None:
    (tmp_path / "logging.conf").write_text(LOGGING.format(path=str(tmp_path / "log")))
    program = 'follow(); log.warning("x")\ntry: raise OSError("s3cret")\nexcept OSError: log.warning("it failed")'
    assert run(f"log_config_append = {tmp_path}/logging.conf\nuse_json = true", program) == ("", "")
    first, second = (tmp_path / "log").read_text().splitlines()
    assert first.endswith(" WARNING irqaffinity.report.log [-] x")
    assert second.endswith(" [-] it failed")


ROOT_TO_NULL = """
[loggers]
keys = root, irqaffinity
[handlers]
keys = null, file
[formatters]
keys =
[logger_root]
level = WARNING
handlers = null
[logger_irqaffinity]
level = ERROR
handlers = file
qualname = irqaffinity.report
propagate = 0
[handler_null]
class = logging.NullHandler
args = ()
[handler_file]
class = FileHandler
args = ("log",)
"""
"""As the charts of openstack-helm have it: nothing but the lines of one program is kept."""


@pytest.mark.parametrize("after", ["set_up_log(debug=False)", 'rewrite("use_stderr = true"); follow()'])
def test_without_such_a_file_any_more_all_lines_are_back(after: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "logging.conf").write_text(ROOT_TO_NULL)
    program = f'follow(); log.error("kept"); log.info("less"); {after}; log.info("back"); other.warning("too")'
    err = run("log_config_append = logging.conf", program)[1]
    assert [line.partition(" [-] ")[2] for line in err.splitlines()] == ["back", "too"]
    assert (tmp_path / "log").read_text() == "kept\n"


def test_what_such_a_file_names_and_cannot_be_opened_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "logging.conf").write_text(LOGGING.format(path="/nowhere/log"))
    err = run(f"log_config_append = {tmp_path}/logging.conf", 'follow(); log.warning("on")')[1]
    told = f"log_config_append: {tmp_path}/logging.conf: a file that it names cannot be opened: /nowhere/log No such"
    assert told in err
    assert err.endswith(" [-] on\n")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("handlers = file", "handlers = s3cret:x", "logging cannot follow it (KeyError)"),
        ("keys = file", "keys = other", "it names handler_other, and does not say what that is"),
        ("class = FileHandler", "class = s3cret", "logging cannot follow it ("),
    ],
)
def test_a_file_of_logging_that_is_broken_is_refused_and_the_log_stays(
    old: str, new: str, told: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "logging.conf").write_text(LOGGING.format(path=str(tmp_path / "log")).replace(old, new))
    program = """
rewrite("log_file = before"); follow(); log.info("one")
rewrite("log_config_append = logging.conf")
try: follow()
except LogRefused as error: print(error)
log.info("two")
"""
    out, _ = run("", program)
    assert out.startswith(f"[DEFAULT] log_config_append: logging.conf: {told}")
    assert "s3cret" not in out
    assert [line[-3:] for line in (tmp_path / "before").read_text().splitlines()] == ["one", "two"]


def test_levels_and_limits_of_before_are_gone_after_a_change(run: Run) -> None:
    options = "rate_limit_burst = 1\nrate_limit_interval = 3600\ndefault_log_levels = irqaffinity=ERROR"
    program = """
follow(); log.info("a"); follow(); log.error("b"); log.error("c")
rewrite("logging_default_format_string = %(message)s"); follow(); log.info("d"); log.info("e")
"""
    assert run(options, program)[1].splitlines()[-2:] == ["d", "e"]


def test_the_journal_and_syslog_that_are_not_there_are_told(run: Run) -> None:
    for name, path in (("use_journal", "/run/systemd/journal/socket"), ("use_syslog", "/dev/log")):
        if Path(path).exists():
            continue  # as on a host with systemd
        err = run(f"{name} = true", 'follow(); log.info("on")')[1]
        assert f"[DEFAULT] {name}: {path} is not there, so nobody gets these lines: mount it" in err
        assert err.count(" [-] on\n") == 1
