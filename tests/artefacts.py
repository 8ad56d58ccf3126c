# SPDX-License-Identifier: Apache-2.0
"""What takes long to make and seldom changes: kept in .cache/ of the tree, under a name that its content decides."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

TREE = Path(__file__).parents[1]
CACHE = TREE / ".cache"


def artefact(name: str, inputs: Iterable[str | bytes | Path], build: Callable[[Path], None]) -> Path:
    """Return the folder that `build` fills, made at the first call and whenever one of the inputs has changed.

    An input is text, or a file whose content counts. What is half made is never returned, and older versions go. Where
    two processes ask for the same, one makes it and the other waits.
    """
    digest = hashlib.sha256()
    for part in inputs:
        content = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        digest.update(hashlib.sha256(content).digest())
    folder = CACHE / f"{name}-{digest.hexdigest()[:16]}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _make(name, folder, build)
    return folder


def _make(name: str, folder: Path, build: Callable[[Path], None]) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=CACHE))
    try:
        build(fresh)
        for old in CACHE.glob(f"{name}-????????????????"):
            shutil.rmtree(old)
        os.rename(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
