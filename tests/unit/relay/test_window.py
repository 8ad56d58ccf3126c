# SPDX-License-Identifier: Apache-2.0
"""Which messages may be acknowledged after which confirms."""

from irqaffinity.relay.window import Copy, Original, Window


class Rig:
    def __init__(self) -> None:
        self.window = Window()

    def take(self, tag: int, *hosts: str) -> Original:
        original = Original(tag, size=10, missing=len(hosts))
        self.window.take(original)
        for host in hosts:
            self.window.publish(Copy(original, host, b""))
        return original

    def confirm(self, number: int, multiple: bool = False) -> list[str]:
        copies = self.window.settle(number, multiple)
        for copy in copies:
            copy.original.missing -= 1
        return [copy.host for copy in copies]


def test_an_original_is_done_when_all_its_copies_are_confirmed() -> None:
    rig = Rig()
    rig.take(1, "a", "b")
    assert (rig.confirm(2), rig.window.done()) == (["b"], 0)
    assert (rig.confirm(1), rig.window.done()) == (["a"], 1)
    assert rig.window.unconfirmed == 0


def test_originals_are_done_in_the_order_in_which_they_came() -> None:
    rig = Rig()
    for tag, hosts in ((1, "a"), (2, ""), (3, "b"), (4, ""), (5, "c")):
        rig.take(tag, *hosts)
    assert (rig.confirm(2), rig.window.done(), rig.window.held) == (["b"], 0, 50)
    assert (rig.confirm(1), rig.window.done(), rig.window.held) == (["a"], 4, 10)
    assert rig.window.done() == 4


def test_one_confirm_may_stand_for_many() -> None:
    rig = Rig()
    for tag in range(1, 5):
        rig.take(tag, f"h{tag}")
    assert (rig.confirm(2), rig.window.done()) == (["h2"], 0)
    assert (rig.confirm(3, multiple=True), rig.window.done()) == (["h1", "h3"], 3)
    assert (rig.confirm(9), rig.confirm(3, multiple=True), rig.window.unconfirmed) == ([], [], 1)
