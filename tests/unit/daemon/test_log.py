# SPDX-License-Identifier: Apache-2.0
"""How a process that stays logs without an option of oslo.log: in processes of their own, for a log is a process's."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.patience import HANG

BEGIN = "import logging; from irqaffinity.daemon.log import *; log = logging.getLogger('irqaffinity.x'); "
LINES = (
    "set_up_log(debug={debug}); log.debug('step'); log.warning('slow\\nand more');"
    "logging.getLogger('amqp').info('chatter'); logging.getLogger('other').debug('chatter');"
    "logging.getLogger('other').error('wrong'); leave(3)"
)


def run(program: str, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program whose standard error is a file, as `systemd-cat` has it be the journal."""
    command = ["sh", "-c", f'{before} exec "$0" -c "$1"', sys.executable, BEGIN + program]
    environ = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG, env=environ)


def test_lines_have_time_and_level_as_those_of_every_openstack_service() -> None:
    done = run(LINES.format(debug=False))
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \d+"
    form = rf"{time} WARNING irqaffinity\.x \[-\] slow\nand more\n{time} ERROR other \[-\] wrong\n"
    assert re.fullmatch(form, done.stderr)
    assert (done.returncode, done.stdout) == (3, "")


def test_debug_is_for_our_own_steps() -> None:
    done = run(LINES.format(debug=True))
    assert "DEBUG irqaffinity.x [-] step" in done.stderr
    assert "chatter" not in done.stderr


JOURNAL = 'export JOURNAL_STREAM="$(stat -Lc %d:%i /dev/stderr)";'


def test_the_journal_gets_the_priority_of_each_line_and_adds_the_rest() -> None:
    done = run(LINES.format(debug=True), JOURNAL)
    assert done.stderr == "<7>step\n<4>slow\n<4>and more\n<3>wrong\n"


def test_what_is_not_the_journal_any_more_has_time_and_level() -> None:
    """A unit with StandardError=file:, or a shell below one, has the variable too."""
    done = run(LINES.format(debug=False), JOURNAL_STREAM="1:2")
    assert " WARNING irqaffinity.x [-] slow" in done.stderr


def test_a_program_with_a_log_of_its_own_keeps_it() -> None:
    done = run("logging.basicConfig(format='mine %(message)s'); " + LINES.format(debug=False))
    assert done.stderr == "mine slow\nand more\nmine wrong\n"


def test_a_standard_error_that_is_closed_full_or_left_stops_nobody(tmp_path: Path) -> None:
    for redirection in ("exec 2>&-;", "exec 2>/dev/full;", "exec 2> >(exit 0);"):
        command = ["bash", "-c", f'{redirection} exec "$0" -c "$1"', sys.executable, BEGIN + LINES.format(debug=True)]
        assert subprocess.run(command, check=False, timeout=HANG).returncode == 3


def test_nobody_waits_for_a_reader_that_stands_still() -> None:
    """Neither who logs nor who leaves."""
    read, write = os.pipe()
    program = "set_up_log(debug=False)\nfor _ in range(3000): log.info('x' * 100)\nprint('done', flush=True)\nleave(3)"
    command = [sys.executable, "-c", BEGIN.replace("; ", "\n") + program]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=write, check=False, timeout=HANG)
    assert (done.returncode, done.stdout) == (3, b"done\n")
    os.close(read)
    os.close(write)
