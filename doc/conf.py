# SPDX-License-Identifier: Apache-2.0
"""How Sphinx builds the guide: sphinx-build -W -b html doc doc/_build."""

import importlib.metadata

project = "irqaffinity"
author = "the irqaffinity authors"
copyright = "the irqaffinity authors, Apache License 2.0"  # noqa: A001
version = release = importlib.metadata.version("irqaffinity")

extensions = ["oslo_config.sphinxext", "reno.sphinxext"]
exclude_patterns = ["_build"]
highlight_language = "none"
smartquotes = False

html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "description": "Interrupts of passed-through devices"}
