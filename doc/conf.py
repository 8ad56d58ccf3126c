# SPDX-License-Identifier: Apache-2.0
"""How Sphinx builds the guide: sphinx-build -W -b html doc doc/_build."""

import importlib.metadata
from pathlib import Path

project = "irqaffinity"
author = "the irqaffinity authors"
copyright = "the irqaffinity authors, Apache License 2.0"  # noqa: A001
version = release = importlib.metadata.version("irqaffinity")

extensions = ["oslo_config.sphinxext"]
exclude_patterns = ["_build"]

# The release notes come from the history of git; a shallow clone and an archive have none, and the guide goes without.
git = Path(__file__).parents[1] / ".git"
if git.is_dir() and not (git / "shallow").exists():
    extensions.append("reno.sphinxext")
else:
    exclude_patterns.append("release-notes.rst")
    suppress_warnings = ["toc.excluded"]

highlight_language = "none"
smartquotes = False

html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "description": "Interrupts of passed-through devices"}
