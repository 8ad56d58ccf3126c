# SPDX-License-Identifier: Apache-2.0
"""The Debian package of this tree, and a bare Debian to install it into; each is made once and kept."""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.artefacts import artefact
from tests.packaging import poison, tree

NEEDED = "libvirt0,procps,python3,systemd"
"""What the package depends on beyond what is essential, and the systemd of a host."""

_PARTS = ("README.rst", "debian/", "doc/", "etc/", "irqaffinity/", "pyproject.toml", "setup.py", "systemd/")
_PARTS += ("tools/completion.py",)


def package() -> Path:
    """Return the .deb; beside it lie build.log and what lintian says of it, lintian.txt.

    It is built where whoever builds it has the worst of caches and environments; what was run of these is in
    poison.txt, a line a command.
    """
    folder = artefact("deb", [*tree.content(*_PARTS), Path(poison.__file__)], _build)
    return next(folder.glob("irqaffinity_*.deb"))


def _build(folder: Path) -> None:
    source = folder / "source"
    tree.copy(source)
    with tempfile.TemporaryDirectory(prefix="irqaffinity-") as name:
        poisoned = poison.environment(Path(name))
        done = _run("dpkg-buildpackage", "-us", "-uc", "-b", folder=source, environment=poisoned)
        (folder / "build.log").write_text(done.stdout)
        (folder / "poison.txt").write_text("\n".join(poison.used(Path(name))))
    assert done.returncode == 0, done.stdout[-4000:]
    shutil.rmtree(source)
    done = _run("lintian", "--allow-root", "--tag-display-limit=0", *folder.glob("*.deb"), folder=folder)
    (folder / "lintian.txt").write_text(done.stdout)


def bare_debian() -> Path:
    """Return the root of a Debian of this machine's own release: what is essential, and what the package depends on."""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]

    def make(folder: Path) -> None:
        options = ("--variant=minbase", f"--include={NEEDED}", "--dpkgopt=force-unsafe-io", "--format=directory")
        sources = [path for path in Path("/etc/apt").glob("sources.list*/*.sources") if suite in path.read_text()]
        done = _run("mmdebstrap", *options, suite, folder / "root", *sources, folder=folder)
        assert done.returncode == 0, done.stdout[-4000:]

    return artefact("debian", [NEEDED, suite], make) / "root"


def _run(
    *command: str | Path, folder: Path, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**environment, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
