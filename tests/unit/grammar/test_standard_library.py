# SPDX-License-Identifier: Apache-2.0
"""Nova loads the grammars into its own process, where nothing of ours but the standard library may be asked for."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def grammars() -> list[str]:
    return sorted(
        path.stem for path in (ROOT / "irqaffinity/grammar").glob("[!_]*.py") if path.stem != "nova_validator"
    )


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code with the standard library and this tree alone."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"
    return subprocess.run([sys.executable, "-I", "-S", "-c", code], check=False, capture_output=True, text=True)


def test_the_grammars_need_no_installed_package() -> None:
    done = python(f"from irqaffinity.grammar import {', '.join(grammars())}")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_nova_loads_needs_nova_beyond_that_and_nothing_else() -> None:
    tree = ast.parse((ROOT / "irqaffinity/grammar/nova_validator.py").read_text())
    froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    foreign = {name for name in froms | names if name.partition(".")[0] not in sys.stdlib_module_names}
    ours = {name for name in foreign if name.startswith("irqaffinity.")}
    assert {name.partition(".")[0] for name in foreign - ours} == {"nova"}
    assert python(f"import {', '.join(sorted(ours))}").returncode == 0
    assert "No module named 'nova'" in python("import irqaffinity.grammar.nova_validator").stderr
