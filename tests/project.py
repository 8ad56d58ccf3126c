# SPDX-License-Identifier: Apache-2.0
"""What pyproject.toml says of the package."""

import sys
from typing import Any

from tests.artefacts import TREE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT: dict[str, Any] = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]
