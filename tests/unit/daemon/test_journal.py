# SPDX-License-Identifier: Apache-2.0
"""A log line in the journal: systemd-journald itself reads it."""

import json
import subprocess
import sys
import syslog
from pathlib import Path

import pytest

from irqaffinity.daemon.journal import encode
from tests.patience import HANG

JOURNALD = Path("/lib/systemd/systemd-journald")

PROGRAM = r"""
import atexit, logging, os, subprocess, sys, syslog, time
def sh(*command): subprocess.run(command, check=True)
sh("mount", "-t", "tmpfs", "tmpfs", "/run")
sh("mount", "-t", "tmpfs", "tmpfs", "/var/log")
os.makedirs("/run/log/journal")
daemon = subprocess.Popen([sys.argv[1]], stderr=subprocess.DEVNULL)
atexit.register(daemon.kill)
while not os.path.exists("/run/systemd/journal/socket"):
    assert daemon.poll() is None
    time.sleep(0.02)
from irqaffinity.daemon.journal import JournalHandler
handler, log = JournalHandler(syslog.LOG_DAEMON), logging.Logger("irqaffinity.report.log")
log.addHandler(handler)
change = {"guest": "u1", "name": "vm\n1", "device": "0000:41:00.1", "irqs": "40-41", "from": "0-15", "to": "2-3"}
log.warning("guest %s: placed", "u1", extra={"change": change | {"cause": "birth", "verdict": None}})
os.system("mv /run/systemd/journal/socket /run/systemd/journal/away")
failed = []
handler.handleError = failed.append
log.error("nobody hears this")
os.system("mv /run/systemd/journal/away /run/systemd/journal/socket")
log.error("heard again")
assert len(failed) == 1
sh("journalctl", "--sync")
found = subprocess.run(["journalctl", "--directory=/run/log/journal", "-o", "json", "_PID=%d" % os.getpid()],
    capture_output=True, text=True, check=True).stdout
print(found)
"""


@pytest.mark.skipif(not JOURNALD.exists(), reason="systemd-journald is not installed: apt install systemd")
def test_the_journal_has_the_fields_of_a_change() -> None:
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", PROGRAM, JOURNALD]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG)
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.split("\n", 2)[:2])
    wanted = {
        "MESSAGE": "guest u1: placed",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "irqaffinity",
        "SYSLOG_FACILITY": str(syslog.LOG_DAEMON >> 3),
        "LOGGER_NAME": "irqaffinity.report.log",
        "LOGGER_LEVEL": "WARNING",
        "IRQAFFINITY_UUID": "u1",
        "IRQAFFINITY_NAME": "vm\n1",
        "IRQAFFINITY_DEVICE": "0000:41:00.1",
        "IRQAFFINITY_INTERRUPTS": "40-41",
        "IRQAFFINITY_FROM": "0-15",
        "IRQAFFINITY_TO": "2-3",
        "IRQAFFINITY_CAUSE": "birth",
    }
    assert {name: first.get(name) for name in wanted} == wanted
    assert "IRQAFFINITY_VERDICT" not in first
    assert second["MESSAGE"] == "heard again"


def test_a_field_of_several_lines_tells_its_length() -> None:
    assert encode({"A": 1, "B": None, "C": "x\ny"}) == b"A=1\nC\n\x03\0\0\0\0\0\0\0x\ny\n"


def test_what_is_no_text_is_shown_all_the_same() -> None:
    assert encode({"A": "\ud800"}) == b"A=\\ud800\n"
