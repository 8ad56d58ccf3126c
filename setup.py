# SPDX-License-Identifier: Apache-2.0
"""Makes the long description: README.rst, whose links to files of the tree lead to the place that has them.

All else of the package is in pyproject.toml.
"""

import re
from pathlib import Path

from setuptools import setup

TREE = Path(__file__).parent


def long_description() -> str:
    """Return README.rst as it reads outside of the tree."""
    settings = (TREE / "pyproject.toml").read_text(encoding="utf-8")
    (source,) = re.findall(r'^Source = "(.+)"$', settings, re.MULTILINE)
    readme = (TREE / "README.rst").read_text(encoding="utf-8")
    return re.sub(r"(`[^`<]*<)(?!\w+:)([^`>]+>`_)", rf"\1{source}/src/branch/main/\2", readme)


setup(long_description=long_description(), long_description_content_type="text/x-rst")
