# SPDX-License-Identifier: Apache-2.0
"""How Sphinx builds the guide, sphinx-build -W -b html doc doc/_build, and with -b man the manual pages."""

import importlib.metadata
from importlib.util import find_spec
from pathlib import Path

project = "irqaffinity"
author = "the irqaffinity authors"
copyright = "the irqaffinity authors, Apache License 2.0"  # noqa: A001
version = release = importlib.metadata.version("irqaffinity")

extensions = ["oslo_config.sphinxext"]
exclude_patterns = ["_build"]

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

html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "description": "Interrupts of passed-through devices"}
