# SPDX-License-Identifier: Apache-2.0
"""Real OpenStack services in environments of their own, made with pip and kept in .cache/."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.artefacts import CACHE, TREE, artefact

HERE = Path(__file__).parent
INSIDE = HERE / "inside_nova.py"


def environment(release: str) -> Path:
    """Return a virtual environment with what tests/packaging/RELEASE.txt lists. Leave it as it is."""
    requirements = HERE / f"{release}.txt"

    def build(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip(folder, "install", "--no-deps", "--no-compile", "--requirement", requirements)

    return artefact(release, [sys.version, requirements], build)


def pip(folder: Path, *arguments: str | Path) -> str:
    """Run the pip of the environment in `folder`; return what it prints."""
    command = [folder / "bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this tree, from a copy of what goes into it."""
    source = folder / "source"
    shutil.copytree(TREE / "irqaffinity", source / "irqaffinity", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.rst", "LICENSE"):
        shutil.copy(TREE / name, source)
    pip(Path(sys.prefix), "wheel", "--no-deps", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("*.whl")
    return wheel


@contextlib.contextmanager
def environment_with(wheel: Path, release: str) -> Iterator[Path]:
    """Give a copy of the environment into which the wheel was installed beside Nova, as the guide says."""
    folder = Path(tempfile.mkdtemp(prefix=f".{release}-with-", dir=CACHE))
    try:
        shutil.copytree(environment(release), folder, symlinks=True, copy_function=os.link, dirs_exist_ok=True)
        pip(folder, "install", "--no-deps", wheel)
        yield folder
    finally:
        shutil.rmtree(folder)


class Nova:
    """Nova's flavors API in a process of its own; see tests/packaging/inside_nova.py."""

    def __init__(self, environment: Path, folder: Path) -> None:
        folder.mkdir()
        own = os.environ | {"XDG_CACHE_HOME": str(folder)}
        command = [environment / "bin/python", "-I", "-W", "ignore", INSIDE, folder]
        self._log = (folder / "log").open("w+")
        self._process = subprocess.Popen(
            command, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )

    def _ask(self, *question: object) -> list[object]:
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            raise AssertionError(f"Nova ended: {self._log.read()}")
        return json.loads(answer)

    def validate(self, name: str, value: str) -> str | None:
        """Return why Nova's validators refuse the extra spec, or None."""
        return self._ask(None, name, value)[1]

    def post(self, version: str, name: str, value: object) -> tuple[int, str]:
        """Set the extra spec of a flavor through the API; return the status, and the value or the message."""
        status, text = self._ask(version, name, value)
        return status, text

    def end(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._log.close()
