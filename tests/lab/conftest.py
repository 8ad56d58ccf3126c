# SPDX-License-Identifier: Apache-2.0
"""Four machines, each booted once at most: `node` for most tests, the others for what they are named."""

from collections.abc import Iterator

import pytest

from tests.lab import boots
from tests.lab.inside import guests, program
from tests.lab.node import ALPHA, BETA, CONFIGURATION, Node

_BOOTED_AHEAD = {"debian": boots.with_debian, "odd": boots.odd, "igb": boots.with_sriov}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that share a running agent first: it takes long to start in an emulated machine."""
    items.sort(key=lambda item: "agent" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def _ahead(request: pytest.FixtureRequest) -> Iterator[boots.Ahead]:
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    ahead = boots.Ahead({name: machine for name, machine in _BOOTED_AHEAD.items() if name in wanted})
    yield ahead
    ahead.close()


@pytest.fixture(scope="module")
def debian(_ahead: boots.Ahead) -> Iterator[Node]:
    """A compute node with the agent, and on it a guest with Debian's kernel."""
    with _ahead.take("debian") as node:
        yield node
        print(node.call(program.log))


@pytest.fixture(scope="module")
def odd(_ahead: boots.Ahead) -> Iterator[Node]:
    """A compute node with the agent and guest alpha, and an unusual kernel command line."""
    with _ahead.take("odd") as node:
        yield node
        print(node.call(program.log))


@pytest.fixture(scope="module")
def igb(_ahead: boots.Ahead) -> Iterator[Node]:
    """A compute node with an igb NIC, and users of its virtual functions."""
    with _ahead.take("igb") as node:
        yield node
        print(node.call(program.log))


@pytest.fixture(scope="session")
def _node() -> Iterator[Node]:
    with boots.plain() as node:
        yield node


@pytest.fixture
def _ready(_node: Node) -> Iterator[Node]:
    """A compute node with guests alpha and beta, and an empty log."""
    _node.start_alpha()
    _node.start_beta()
    _bear_again(_node)
    _node.call(program.empty_log)
    yield _node
    print(_node.call(program.log))


@pytest.fixture
def node(_ready: Node) -> Node:
    """The same without a trace of the program: the interrupts have just been born."""
    _ready.call(program.forget_all)
    _bear_again(_ready)
    _ready.call(program.configure, CONFIGURATION)
    return _ready


@pytest.fixture
def agent(_ready: Node) -> Node:
    """The same with the agent at work, from the test before where it still runs, and every interrupt in its place."""
    if not _ready.call(program.is_at_work, CONFIGURATION):
        _ready.call(program.forget_all)
        _ready.start_agent()
    _ready.wait_placed(ALPHA | BETA)
    return _ready


def _bear_again(node: Node) -> None:
    """Have both guests give all their vectors back and take them again."""
    for name in ("alpha", "beta"):
        node.call(guests.tell, name, "de")
    node.wait_born(*ALPHA, *BETA)
