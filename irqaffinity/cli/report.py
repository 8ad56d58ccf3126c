# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity report FILE.html`."""

import argparse
import contextlib
import errno
import logging
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable
from typing import Any

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import say
from irqaffinity.cli.session import Session, explained
from irqaffinity.conf.regular_file import read_regular, why_unreadable
from irqaffinity.model.shape import parse_json
from irqaffinity.model.text import clean
from irqaffinity.observe.layout import read_layout
from irqaffinity.observe.rivals import find_rivals
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.arrived import sample_arrivals
from irqaffinity.report.document import to_document
from irqaffinity.report.page.render import render_page

LOG = logging.getLogger(__name__)

LARGEST = 32 << 20
"""Bytes of the largest document; one of 2,048 interrupts has less than one MiB."""

_STANDARD = "-"
_MODE = 0o644


def run(arguments: argparse.Namespace, wait: Callable[[float], None] = time.sleep) -> int:
    """Write the page of this host, or of a document; move nothing on the host."""
    if arguments.file != _STANDARD:
        _check(arguments.file)
    page = _draw(arguments.source) if arguments.source is not None else render_page(_look(arguments, wait))
    if arguments.file == _STANDARD:
        say(page.removesuffix("\n"))
    else:
        _write(arguments.file, page)
    return 0


def _look(arguments: argparse.Namespace, wait: Callable[[float], None]) -> dict[str, Any]:
    """Return the document of this host, with the arrivals of the next seconds."""
    session = Session.open(arguments)
    with explained():
        made = session.auditor.rehearse(logs=False)
        document = to_document(made.outcome, nodes=read_layout(session.root))
        document["rivals"] = list(find_rivals(session.root))
        if arguments.seconds:
            try:
                dedicated = session.auditor.policy.dedicated_cpus
                document["arrivals"] = sample_arrivals(session.root, made, dedicated, arguments.seconds, wait)
            except HostUnreadable as error:
                LOG.warning("the page shows no arrivals: %s", error)
    return document


def _draw(source: str) -> str:
    """Return the page of a document in a file, or from standard input."""
    name = "standard input" if source == _STANDARD else source
    try:
        data = _read_input() if source == _STANDARD else read_regular(source, LARGEST)
        return render_page(parse_json(data))
    except (OSError, ValueError) as error:
        why = f"{clean(name)}: {clean(why_unreadable(error))}"
        raise CommandError(f"{why}; --from takes what irqaffinity audit --once -f json prints") from error


def _read_input() -> bytes:
    if sys.stdin is None:
        raise ValueError("it is closed")
    data = sys.stdin.buffer.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
    return data


def _check(path: str) -> None:
    """Raise CommandError where a page cannot go to this path, before the command looks at anything.

    A page replaces a regular file and nothing else: no symbolic link, and no device such as /dev/null.
    """
    if not path:
        raise CommandError("the empty FILE names nothing; name a file, or - for standard output")
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    if stat.S_ISLNK(found.st_mode):
        raise CommandError(f"{clean(path)} is a symbolic link; name the file itself, or - for standard output")
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise CommandError(f"{clean(path)} is {kind}; name a file, or - for standard output")


def _write(path: str, page: str) -> None:
    """Write the page beside its place and put it there as a whole; raise CommandError."""
    new = os.path.join(os.path.dirname(path), f".irqaffinity-{secrets.token_hex(8)}.new")
    try:
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(page)
            _check(path)
            os.replace(new, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: str, error: OSError | ValueError) -> CommandError:
    why = why_unreadable(error)
    folder = os.path.dirname(path) or "."
    if isinstance(error, OSError) and error.errno == errno.ENOENT:
        why = f"there is no folder {folder}"
    return CommandError(f"{clean(path)} cannot be written: {clean(why)}; name another file, or - for standard output")
