# SPDX-License-Identifier: Apache-2.0
"""The operators' guide in HTML, in a real browser: wide examples can be read, and the reader finds the way on."""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.artefacts import TREE
from tests.chromium import Browser, browser

CUT = """[...document.querySelectorAll("pre")]
  .filter((block) => block.scrollWidth > block.clientWidth + 1 || block.getBoundingClientRect().right > innerWidth)
  .map((block) => block.textContent.slice(0, 80))"""
"""The examples of which a part cannot be seen without scrolling sideways."""


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guide")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "-d", folder / "trees", TREE / "doc", folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.mark.parametrize("width", [1280, 400])
def test_no_example_is_cut(guide: Path, opened: Browser, width: int) -> None:
    pages = [page for page in sorted(guide.glob("*.html")) if page.stem not in ("genindex", "search")]
    assert len(pages) >= 15
    for page in pages:
        opened.open(page.as_uri(), width)
        assert opened.run(CUT) == [], page.stem


def test_the_contents_stay_while_a_page_is_read(guide: Path, opened: Browser) -> None:
    opened.open((guide / "operate.html").as_uri(), 1280)
    opened.run("window.scrollTo(0, document.body.scrollHeight)")
    place = opened.run("""(() => {
        const link = [...document.querySelectorAll(".sidebar-tree a")].find((each) => each.textContent == "Install");
        const box = link.getBoundingClientRect();
        return scrollY > 1000 && box.top >= 0 && box.bottom <= innerHeight && box.left >= 0;
    })()""")
    assert place is True


def test_each_page_leads_on_and_examples_can_be_copied(guide: Path, opened: Browser) -> None:
    opened.open((guide / "operate.html").as_uri(), 1280)
    assert opened.run('["prev", "next"].map((way) => document.querySelectorAll(`.${way}-page`).length)') == [1, 1]
    blocks = opened.run('document.querySelectorAll("div.highlight pre").length')
    assert blocks > 10
    assert opened.run('document.querySelectorAll("div.highlight button.copybtn").length') == blocks
    assert opened.complaints == []


def test_the_notes_of_what_is_not_released_stand_under_its_version(guide: Path) -> None:
    if not (TREE / ".git").is_dir():
        pytest.skip("the notes come from the history of git, and this tree has none")
    titles = re.findall(r"<h2>([^<]+)", (guide / "release-notes.html").read_text())
    assert titles[0] == importlib.metadata.version("irqaffinity")
    assert "0.0.0" not in titles
