# SPDX-License-Identifier: Apache-2.0
"""What pyproject.toml says of the project."""

import tomllib
from typing import Any

from tests.artefacts import TREE

PROJECT: dict[str, Any] = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]
