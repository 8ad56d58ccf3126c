# SPDX-License-Identifier: Apache-2.0
"""Programs that move interrupts too are found by their name."""

from irqaffinity.observe.rivals import find_rivals, shows_processes
from tests.fakes.host import FakeHost


def test_irqbalance_is_found_among_the_processes(host: FakeHost) -> None:
    assert (find_rivals(host.root), shows_processes(host.root)) == ((), False)
    host.put(host.proc / "1/comm", "systemd")
    assert (find_rivals(host.root), shows_processes(host.root)) == ((), True)
    host.put(host.proc / "77/comm", "irqbalance")
    host.put(host.proc / "78/comm", "irqbalance")
    (host.proc / "79").mkdir()
    host.put(host.proc / "self/comm", "irqbalance")
    assert find_rivals(host.root) == ("irqbalance",)


def test_a_proc_that_is_away_shows_none(host: FakeHost) -> None:
    host.proc.rename(host.proc.with_name("away"))
    assert (find_rivals(host.root), shows_processes(host.root)) == ((), False)
