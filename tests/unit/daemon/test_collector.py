# SPDX-License-Identifier: Apache-2.0
"""The metrics that the agent and the relay have in common."""

from importlib.metadata import version

from irqaffinity.daemon.collector import ProgramCollector
from irqaffinity.daemon.reload import LastReload
from irqaffinity.listen.link import Link
from tests.unit.daemon.scrape import Scrape, scrape


class Rig:
    """What the metrics are made of."""

    def __init__(self) -> None:
        self.reload = LastReload()
        self.links = {"broker": Link("broker", "amqp://b"), "libvirt": Link("libvirt", "qemu:///system")}
        self.optional: set[str] = set()

    def scrape(self) -> Scrape:
        return scrape(ProgramCollector(self.reload, lambda: self.links, self.optional))


def test_the_version_that_runs_is_a_label() -> None:
    assert Rig().scrape().value("build_info", version=version("irqaffinity")) == 1


def test_connections_and_their_losses_are_there_from_the_start() -> None:
    rig = Rig()
    found = rig.scrape()
    assert found.labels("connected") == found.labels("connection_losses_total") == {("broker",), ("libvirt",)}
    rig.links["libvirt"].up("qemu:///system")
    rig.links["broker"].up("b:5672")
    rig.links["broker"].down("reset")
    found = rig.scrape()
    assert [found.value("connected", peer=peer) for peer in ("libvirt", "broker")] == [1, 0]
    assert [found.value("connection_losses_total", peer=peer) for peer in ("libvirt", "broker")] == [0, 1]


def test_a_connection_that_is_new_is_shown_from_then_on() -> None:
    rig = Rig()
    assert rig.scrape().value("connected", peer="uevents") is None
    rig.links["uevents"] = Link("uevents", "the kernel")
    assert rig.scrape().value("connected", peer="uevents") == 0


def test_what_is_not_needed_or_not_missed_is_no_connection_that_is_down() -> None:
    rig = Rig()
    rig.links["vectors"] = Link("vectors", "/sys/kernel/tracing")
    rig.optional = {"vectors"}
    rig.links["broker"].rest("every domain has its extra specs")
    found = rig.scrape()
    assert found.labels("connected") == {("libvirt",)}
    assert found.labels("connection_losses_total") == {("broker",), ("libvirt",), ("vectors",)}
    rig.links["broker"].turn_to("amqp://b")
    rig.optional = set()
    assert rig.scrape().labels("connected") == {("broker",), ("libvirt",), ("vectors",)}


def test_a_configuration_that_was_refused_shows_until_one_is_accepted() -> None:
    rig = Rig()
    start = rig.reload.time.timestamp()

    def seen() -> tuple[float | None, float | None]:
        found = rig.scrape()
        return found.value("config_last_reload_successful"), found.value("config_last_reload_success_timestamp_seconds")

    assert seen() == (1, start)
    rig.reload.failed(ValueError("no such option"))
    assert seen() == (0, start)
    rig.reload.succeeded()
    assert seen() == (1, rig.reload.time.timestamp())
    assert rig.reload.time.timestamp() > start


def test_promtool_has_nothing_to_say() -> None:
    Rig().scrape().check()
