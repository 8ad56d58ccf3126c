# SPDX-License-Identifier: Apache-2.0
"""How Sphinx builds the guide, sphinx-build -W -b html doc doc/_build, and with -b man the manual pages."""

import importlib.metadata
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes

project = "irqaffinity"
author = "the irqaffinity authors"
copyright = "the irqaffinity authors, Apache License 2.0"  # noqa: A001
version = release = importlib.metadata.version("irqaffinity")

sys.path.insert(0, str(Path(__file__).parent))
extensions = ["oslo_config.sphinxext", "command_examples"]
exclude_patterns = ["_build"]

# A package builds the manual pages alone, and without these.
if find_spec("furo") and find_spec("sphinx_copybutton"):
    extensions.append("sphinx_copybutton")
    html_theme = "furo"

# reno makes the release notes from the history of git; a shallow clone and an archive have none, a package is built
# without reno, and the guide goes without them.
git = Path(__file__).parents[1] / ".git"
if find_spec("reno") and git.is_dir() and not (git / "shallow").exists():
    extensions.append("reno.sphinxext")
else:
    exclude_patterns.append("release-notes.rst")
    suppress_warnings = ["toc.excluded"]

highlight_language = "none"
smartquotes = False

man_pages = [
    (
        "command-line",
        "irqaffinity",
        "keeps interrupts of passed-through PCI devices on the CPUs of their guests",
        "",
        1,
    ),
    ("configure", "irqaffinity.conf", "configuration of irqaffinity", "", 5),
]

html_title = f"irqaffinity {release}"
html_static_path = ["_static"]
html_css_files = ["wide.css"]


def setup(app: Any) -> None:
    """Have the notes of what no tag names yet stand under the version that it becomes; reno calls that 0.0.0."""

    def name_version(_app: Any, doctree: Any) -> None:
        for title in doctree.findall(nodes.title):
            if title.astext() == "0.0.0":
                title.children = [nodes.Text(release)]

    app.connect("doctree-read", name_version)
