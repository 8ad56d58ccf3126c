# SPDX-License-Identifier: Apache-2.0
"""Which CPUs are near enough to a device: a table of hosts."""

import pytest

from irqaffinity.model.host import Topology
from irqaffinity.model.verdict import DeviceReason
from irqaffinity.plan.near import choose_near
from irqaffinity.plan.policy import Numa
from tests.fakes.snapshots import cpus

NPS4 = {
    0: {0: 10, 1: 12, 2: 12, 3: 32},
    1: {0: 12, 1: 10, 2: 32, 3: 32},
    2: {0: 12, 1: 32, 2: 10, 3: 32},
    3: {0: 32, 1: 32, 2: 32, 3: 10},
}
"""Four nodes of four CPUs: from node 0, nodes 1 and 2 are near, and node 3 is the other socket."""
NODES = {0: "0-3", 1: "4-7", 2: "8-11", 3: "12-15", 4: ""}
SOCKETS = {cpu: int(cpu >= 12) for cpu in range(16)}


def choose(
    chosen: str, node: int | None = 0, numa: Numa = Numa.PREFERRED, **parts: object
) -> tuple[str | None, str, str]:
    topology = Topology(
        **{
            "online": cpus("0-15"),
            "nodes": {number: cpus(text) for number, text in NODES.items()},
            "distances": NPS4,
            "sockets": SOCKETS,
            **parts,
        }
    )
    near = choose_near(dict(enumerate(cpus(chosen))), node, topology, numa)
    served = None if near.cpus is None else str(cpus(",".join(map(str, near.cpus.values()))))
    return served, near.reason.value if near.reason else "", near.message or ""


@pytest.mark.parametrize(
    ("chosen", "served", "reason", "message"),
    [
        ("1,4", "1", "", ""),
        ("4,12", "4", "remote_node", "those on node 1 at distance 12 serve"),
        ("12-13", "12-13", "remote_node", "those on node 3 at distance 32 serve"),
        ("5,9,12", "5,9", "remote_node", "those on nodes 1-2 at distance 12 serve"),
    ],
)
def test_the_nearest_node_that_has_a_chosen_cpu_serves(chosen: str, served: str, reason: str, message: str) -> None:
    found = choose(chosen)
    assert found[:2] == (served, reason)
    assert message in found[2]


@pytest.mark.parametrize("distances", [{}, {1: NPS4[1]}, {0: {0: 10}}])
def test_without_distances_all_chosen_cpus_serve(distances: dict[int, dict[int, int]]) -> None:
    served, reason, message = choose("4,12", distances=distances)
    assert (served, reason) == ("4,12", "remote_node")
    assert "all of them serve" in message


def test_a_chosen_cpu_on_no_node_is_not_the_nearest() -> None:
    nodes = {0: cpus("0-3"), 3: cpus("12-15")}
    assert choose("5,12", nodes=nodes, distances={0: {0: 10, 3: 32}})[0] == "12"
    assert choose("5,6", nodes=nodes, distances={0: {0: 10, 3: 32}})[0] == "5-6"


@pytest.mark.parametrize("node", [None, -1, 7, 4], ids=["none", "-1", "not listed", "without CPUs"])
@pytest.mark.parametrize("numa", Numa)
def test_where_nearness_is_unknown_all_chosen_cpus_serve(node: int | None, numa: Numa) -> None:
    assert choose("4,12", node, numa)[:2] == ("4,12", "no_node")


@pytest.mark.parametrize(
    ("chosen", "served", "reason"),
    [
        ("1,4", "1", ""),
        ("5,9,12", "5,9", "remote_node"),
        ("12", None, "node_strict"),
    ],
)
def test_socket_takes_those_in_the_socket_of_the_device(chosen: str, served: str | None, reason: str) -> None:
    assert choose(chosen, numa=Numa.SOCKET)[:2] == (served, reason)


def test_where_no_socket_is_told_none_is_in_it() -> None:
    served, reason, message = choose("4,12", numa=Numa.SOCKET, sockets={})
    assert (served, reason) == (None, "node_strict")
    assert "unknown" in message


def test_strict_takes_those_on_the_node_alone() -> None:
    assert choose("1,4", numa=Numa.STRICT)[:2] == ("1", "")
    assert choose("4", numa=Numa.STRICT)[:2] == (None, "node_strict")


@pytest.mark.parametrize("numa", Numa)
def test_offline_cpus_are_dropped_first(numa: Numa) -> None:
    assert choose("1,2", online=cpus("0-1"), numa=numa)[:2] == ("1", "")
    assert choose("1-2", online=cpus("4-15"), numa=numa)[:2] == (None, DeviceReason.NO_ONLINE_CPU.value)
