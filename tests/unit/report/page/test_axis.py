# SPDX-License-Identifier: Apache-2.0
"""Where the CPUs lie on a strip."""

import pytest

from irqaffinity.report.page.axis import Axis, make_axis, order_cores
from irqaffinity.report.page.read import read_document
from tests.unit.report.page.documents import make_document, make_irq, make_older


def test_runs_end_at_the_gap_between_two_nodes_and_at_what_is_not_there() -> None:
    axis = Axis([(0, [0, 4, 1, 5]), (1, [2, 6, 3, 7])])
    step = 98 / 8
    assert [(band.node, band.start, band.width) for band in axis.bands] == [
        (0, 0, pytest.approx(4 * step)),
        (1, pytest.approx(4 * step + 2), pytest.approx(4 * step)),
    ]
    assert list(axis.runs([0, 4])) == [(0, pytest.approx(2 * step))]
    assert list(axis.runs([4, 0, 5])) == [(0, pytest.approx(2 * step)), (pytest.approx(3 * step), pytest.approx(step))]
    assert [width for _, width in axis.runs([5, 2])] == [pytest.approx(step), pytest.approx(step)]
    assert list(axis.runs([99])) == []
    last = next(iter(axis.runs([7])))
    assert sum(last) == pytest.approx(100)


def test_a_node_without_cpus_has_no_place() -> None:
    assert [band.node for band in Axis([(0, [0]), (2, [])]).bands] == [0]
    assert Axis([]).bands == []


def test_siblings_lie_side_by_side() -> None:
    host = read_document(make_document())
    assert order_cores(host.nodes[1]) == [(8, 10), (9, 11), (12, 13), (14, 15)]
    assert order_cores(host.nodes[0]) == [(0, 1), (2, 3), (4, 5), (6,), (7,)]


def test_without_nodes_all_cpus_that_are_named_lie_in_a_row() -> None:
    older = make_older()
    older["irqs"].append(make_irq(60, current="0-31"))
    axis = make_axis(read_document(older))
    assert [(band.node, band.width) for band in axis.bands] == [(None, pytest.approx(100))]
    assert list(axis.runs([31])) == [(pytest.approx(100 * 31 / 32), pytest.approx(100 / 32))]
    assert make_axis(read_document(older | {"irqs": []})).bands == []
