# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the packaging tests; the real parts among them are those of the functional ones."""

import pytest

from tests.functional.conftest import as_root, broker, kept_affinity, libvirtd, movable_device, short_folder, tree
from tests.packaging.chart import Chart
from tests.packaging.chart_pods import pod_libvirtd, start_pod

__all__ = [
    "as_root",
    "broker",
    "kept_affinity",
    "libvirtd",
    "movable_device",
    "pod_libvirtd",
    "short_folder",
    "start_pod",
    "tree",
]


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """The chart of this tree."""
    return Chart(tmp_path_factory.mktemp("helm"))
