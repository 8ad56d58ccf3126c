# SPDX-License-Identifier: Apache-2.0
"""The cache of what takes long to make."""

from pathlib import Path

import pytest

from tests import artefacts
from tests.artefacts import artefact


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(artefacts, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


class Builds:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, folder: Path) -> None:
        self.count += 1
        (folder / "made").write_text(str(self.count))


def test_made_once_and_again_when_an_input_changes(tmp_path: Path, cache: Path) -> None:
    source, builds = tmp_path / "source", Builds()
    source.write_text("one")
    first = artefact("thing", ["flag", source], builds)
    assert artefact("thing", ["flag", source], builds) == first
    assert (builds.count, (first / "made").read_text()) == (1, "1")
    source.write_text("two")
    second = artefact("thing", ["flag", source], builds)
    assert (second / "made").read_text() == "2"
    assert [path.name for path in cache.glob("thing-*")] == [second.name]


def test_inputs_do_not_run_together() -> None:
    builds = Builds()
    artefact("thing", ["ab", "c"], builds)
    artefact("thing", ["a", "bc"], builds)
    assert builds.count == 2


def test_what_failed_half_way_is_made_again(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        artefact("thing", [], fail)
    assert [path.name for path in cache.iterdir()] == [".thing.lock"]
    assert (artefact("thing", [], Builds()) / "made").exists()
