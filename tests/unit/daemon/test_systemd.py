# SPDX-License-Identifier: Apache-2.0
"""A service manager that cannot be reached does not end the agent."""

import errno
import os

import pytest

from irqaffinity.daemon.systemd import notify


def test_a_process_without_descriptors_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setattr("socket.socket", refuse)
    notify("READY=1")
