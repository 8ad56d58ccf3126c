# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity report FILE.html`."""

import argparse

from irqaffinity.cli.usage.command import Command, Example

_LONGEST = 60.0
"""Seconds; to watch for longer there is `top`."""


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of seconds between 0 and {_LONGEST:g}")
    return seconds


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the page; - is standard output")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--from",
        dest="source",
        metavar="AUDIT.json",
        help="draw the host from this output of audit -f json, perhaps of another host; - is standard input",
    )
    source.add_argument(
        "--seconds",
        metavar="N",
        type=_seconds,
        default=2.0,
        help="count for this long where interrupts arrive; 0: do not count; default: %(default)g",
    )


COMMAND = Command(
    summary="draw the host as one page of HTML: what is wrong, and where each interrupt is",
    about="Writes one page of HTML that needs no network: what is wrong first, then the host with its CPUs, guests and "
    "devices, where interrupts belong, where they are set to and where they arrive. Looks at the host itself, needs "
    "neither an agent nor root, and moves nothing.",
    examples=(
        Example("report /tmp/host.html", "draw this host, and count arrivals for two seconds"),
        Example("report --seconds 10 /tmp/host.html", "count for longer, where interrupts are rare"),
        Example("report --from audit.json host.html", "draw a host whose audit -f json was sent to you"),
    ),
    statuses={
        0: "the page was written, also where it shows that something is wrong",
        1: "the host, libvirt or the document cannot be read, or FILE cannot be written",
    },
    declare=_declare,
)
