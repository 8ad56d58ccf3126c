# SPDX-License-Identifier: Apache-2.0
"""What the random runs once found, each in the few steps that show it."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.lives.machine import Step
from tests.unit.lives.runner import AGENT, replay

DEDICATED: Any = {"hw:cpu_policy": "dedicated"}
GUEST: list[Step] = [("start", "a", "1 2", "0", DEDICATED, {}), ("bear", 0, "30:0 31:0-7", ""), ("audit",)]
GONE: list[Step] = [("stop", "a", "keep"), ("audit",)]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [*GUEST[:2], ("race", "within", "rebirth", "0-7"), ("audit",), ("quiet",)],
            id="born again between open and write",
        ),
        pytest.param(
            [*GUEST[:2], ("race", "within", "leave", ""), ("audit",)],
            id="the host's between open and write",
        ),
        pytest.param(
            [*GUEST[:2], ("race", "before", "leave", ""), ("audit",)],
            id="the host's between the look and the open",
        ),
        pytest.param(
            [*GUEST, ("detach", "a", 0, "host"), ("look", "a")],
            id="left its guest before libvirt was asked again",
        ),
        pytest.param(
            [*GUEST, ("away",), ("detach", "a", 0, "host"), ("look", "a"), ("audit",), ("quiet",)],
            id="left its guest while libvirt was away",
        ),
        pytest.param(
            [*GUEST[:2], ("unread", 30, "EMFILE"), ("audit",), ("quiet",), *GONE],
            id="its original could not be read at first",
        ),
        pytest.param(
            [*GUEST, ("stop", "a", "keep"), ("unread", 30, "ENOMEM"), ("audit",), ("quiet",)],
            id="could not be read when it was to be given back",
        ),
        pytest.param(
            [*GUEST, ("folder", 0, "listdir", "ENOTDIR"), ("audit",), *GONE],
            id="its device could not be listed for once",
        ),
        pytest.param(
            [*GUEST, ("folder", 0, "open", "ETIMEDOUT"), ("audit",), ("folder", 0, "readlink", "EBUSY"), ("look", "a")],
            id="its device could not be read",
        ),
        pytest.param(
            [
                *GUEST[:2],
                ("start", "b", "4", "1", DEDICATED, {}),
                ("bear", 1, "40:0", ""),
                ("folder", 0, "listdir", "EISDIR"),
                ("audit",),
            ],
            id="another's device could not be read",
        ),
        pytest.param(
            [*GUEST, ("cpus", "1-7"), ("stop", "a", "keep"), ("audit",), ("cpus", "0-7"), ("quiet",)],
            id="the CPU of its original was offline",
        ),
        pytest.param(
            [*GUEST, ("stop", "a", "keep"), ("refuse", 30, "EBUSY"), ("audit",), ("quiet",)],
            id="busy when it was to be given back",
        ),
        pytest.param(
            [*GUEST, ("repin", "a", "2"), ("refuse", 30, "EBUSY"), ("audit",), *GONE],
            id="given back after its next place was refused",
        ),
        pytest.param(
            [
                ("start", "a", "1", "0", DEDICATED, {}),
                ("bear", 0, "30:0-7", "1"),
                ("quiet",),
                ("stop", "a", "free"),
                ("quiet",),
                ("start", "b", "2", "0", DEDICATED, {}),
                ("bear", 0, "30:0-7", ""),
                ("quiet",),
            ],
            id="the kernel's own, in an earlier life",
        ),
        pytest.param(
            [
                *GUEST,
                ("start", "b", "4", "", {**DEDICATED, "hw:pci_irq_affinity_mask": "x"}, {}),
                ("attach", "b", 0, ""),
                ("stop", "a", "keep"),
                ("audit",),
                ("unreadable", "b"),
                ("audit",),
            ],
            id="a device of a guest that cannot be read, recorded for one that is gone",
        ),
        pytest.param(
            [*GUEST, ("cpus", "0,3-7"), ("repin", "a", "2"), ("look", "a"), ("cpus", "0-7"), ("quiet",)],
            id="refused for a CPU that was offline and came back",
        ),
        pytest.param(
            [*GUEST, ("hear", "each"), ("rebirth", 30, "0-2"), ("rebirth", 30, "1-2"), *GONE],
            id="born again and again while the kernel tells of it",
        ),
        pytest.param(
            [
                GUEST[0],
                ("bear", 0, "31:0-7", ""),
                ("audit",),
                ("hear", "each"),
                ("behind",),
                ("bear", 0, "31:0-2 30:0-2", ""),
                ("rebirth", 30, "0-2"),
                ("caught_up",),
                *GONE,
            ],
            id="born again before its first birth was heard",
        ),
        pytest.param(
            [*GUEST, ("hear", "each"), ("detach", "a", 0, "host"), ("quiet",)],
            id="born for the host, which its guest lost it to",
        ),
        pytest.param(
            [*GUEST, ("hear", "each"), ("unreadable", "a"), ("audit",), ("rebirth", 30, "0-2"), ("quiet",)],
            id="born while nobody knows about its guest",
        ),
    ],
)
def test_what_was_found_once(tmp_path: Path, steps: list[Step]) -> None:
    found = replay(tmp_path / "host", steps)
    assert found is None, str(found)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [GUEST[0], GUEST[1], ("wait", 30.0), ("stop", "a", "host"), ("away",), ("wait", 30.0), ("quiet",)],
            id="ended while libvirt was away and its device went to the host: it was watched for ever",
        ),
        pytest.param(
            [
                *GUEST,
                ("wait", 400.0),
                ("drift", 30, "5"),
                *[("refuse", 30, "EBUSY"), ("wait", 70.0)] * 3,
                ("quiet",),
            ],
            id="busy when it was to be put back: that is no other drift, and no fight",
        ),
        pytest.param(
            [*GUEST, ("restart",), ("quiet",), ("unread", 30, "ENOMEM"), ("wait", 70.0), ("quiet",)],
            id="could not be read for once: that is no drift",
        ),
        pytest.param(
            [*GUEST, ("hear", "each"), ("quiet",), ("fight", 30, "5"), ("rebirth", 30, "0-7")],
            id="born again where it was fought over: it was left alone for a minute",
        ),
    ],
)
def test_what_was_found_of_the_agent(tmp_path: Path, steps: list[Step]) -> None:
    found = replay(tmp_path / "host", steps, AGENT)
    assert found is None, str(found)
