# SPDX-License-Identifier: Apache-2.0
"""How a process that stays logs, and how it leaves."""

import contextlib
import logging
import os

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def set_up_log(*, debug: bool) -> None:
    """Log from INFO on; for the journal with the priority, which sd-daemon(3) reads from the start of a line."""
    root = logging.getLogger()
    set_level(debug=debug)
    if os.environ.get("JOURNAL_STREAM"):
        for handler in root.handlers:
            handler.setFormatter(_JournalFormatter())
    for chatty in ("amqp", "kombu"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def set_level(*, debug: bool) -> None:
    """Log each step, or from INFO on."""
    logging.getLogger().setLevel(logging.DEBUG if debug else logging.INFO)


class _JournalFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{super().format(record)}"


def leave(status: int) -> None:
    """End the process at once: a thread may be inside a library, and no interpreter can be taken down around it."""
    with contextlib.suppress(OSError, ValueError):
        logging.shutdown()
    os._exit(status)
