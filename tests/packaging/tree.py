# SPDX-License-Identifier: Apache-2.0
"""The tree as a commit would have it: without what is ignored, with what is not committed yet."""

import shutil
import subprocess
from pathlib import Path

from tests.artefacts import TREE


def files() -> list[str]:
    """Return the paths of all files, below the tree."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in found.split("\0") if name and (TREE / name).exists())


def copy(target: Path) -> None:
    """Copy all files into `target`, over what is there."""
    for name in files():
        copied = target / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.unlink(missing_ok=True)
        shutil.copy2(TREE / name, copied, follow_symlinks=False)


def content(*folders: str) -> list[str | Path]:
    """Return the files that stand in one of `folders` or are one, each as its name and the file."""
    return [part for name in files() if name.startswith(folders) for part in (name, TREE / name)]
