# SPDX-License-Identifier: Apache-2.0
"""How a process that stays logs."""

import logging
import sys
from collections.abc import Iterator

import pytest

from irqaffinity.daemon.log import set_level, set_up_log


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    found = logging.getLogger()
    handlers, level = found.handlers[:], found.level
    found.handlers = [logging.StreamHandler(sys.stdout)]
    yield found
    found.handlers, found.level = handlers, level


@pytest.mark.parametrize(("stream", "shown"), [("1:2", "<4>slow\n"), ("", "slow\n")])
def test_the_journal_gets_the_priority(
    root: logging.Logger,
    stream: str,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", stream)
    set_up_log(debug=False)
    root.handlers[0].setStream(sys.stdout)  # type: ignore[attr-defined]
    logging.getLogger("irqaffinity").warning("slow")
    logging.getLogger("amqp").info("chatter")
    assert capsys.readouterr().out == shown


def test_each_step_is_logged_where_that_is_asked_for(root: logging.Logger) -> None:
    set_level(debug=True)
    assert root.level == logging.DEBUG
    set_level(debug=False)
    assert root.level == logging.INFO
