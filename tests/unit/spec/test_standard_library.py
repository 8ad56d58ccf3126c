# SPDX-License-Identifier: Apache-2.0
"""Nova loads the grammars into its own process, where nothing of ours but the standard library may be asked for."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_grammars_need_no_installed_package() -> None:
    names = sorted(path.stem for path in (ROOT / "irqaffinity/spec").glob("[!_]*.py"))
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from irqaffinity.spec import {', '.join(names)}"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
