# SPDX-License-Identifier: Apache-2.0
"""What `irqaffinity relay` refuses before it begins, and what it does not need."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("irqaffinity")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "no transport_url is set: copy nova.conf's, or name nova.conf with --nova-config"),
        ("[oslo_messaging_rabbit]\nssl = false\n", "no transport_url is set"),
        ("[DEFAULT]\ntransport_url = amqp1://a:secret@b/\n", "it does not begin with rabbit://"),
        ("[metrics]\nport = 0\n", "[metrics] port"),
    ],
)
def test_a_configuration_that_names_no_broker_is_refused(lines: str, told: str, tmp_path: Path) -> None:
    """In a process of its own: the command sets up the log, and blocks signals."""
    file = tmp_path / "relay.conf"
    file.write_text(lines)
    done = subprocess.run([PROGRAM, "--config-file", file, "relay"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count(" ERROR ")) == (1, "", 1)
    assert told in done.stderr.splitlines()[-1]
    assert "secret" not in done.stderr


def test_libvirt_and_the_database_are_not_even_imported() -> None:
    program = "import sys, irqaffinity.cli.relay; print({'libvirt', 'sqlite3', 'oslo_messaging'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
