# SPDX-License-Identifier: Apache-2.0
"""The image, built by buildah on a Debian of mmdebstrap's, in storage of the tests' own."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.artefacts import TREE, artefact
from tests.packaging import poison
from tests.packaging.debian_root import debian_root, debian_sources
from tests.packaging.namespace import Namespace
from tests.packaging.pip_configuration import pip_options

CONTAINERFILE = TREE / "deploy/container/Containerfile"
BASE = "localhost/debian:base"
IMAGE = "localhost/irqaffinity:test"


def build_image(namespace: Namespace, folder: Path) -> Path:
    """Return the storage that has BASE and IMAGE, the latter of the program as it is now; `folder` is for what passes.

    buildah keeps each layer as long as what it is made of is the same, so a second build takes a moment. The storage
    begins anew with another base, Containerfile or list of dependencies, and so does not grow without end.
    """
    root = debian_root()

    def import_base(fresh: Path) -> None:
        namespace.run("podman", f"--root={fresh}", f"--runroot={folder}/import", "import", root, BASE)
        shutil.rmtree(fresh / "libpod")  # podman's own notes, which hold for this folder's name alone

    inputs = [root.parent.name, CONTAINERFILE, TREE / "pyproject.toml", Path(poison.__file__)]
    storage = artefact("images", inputs, import_base)
    (folder / "debian.sources").write_text(debian_sources())
    secrets = [f"--secret=id=debian.sources,src={folder}/debian.sources", *pip_options(folder)]
    buildah = _Buildah(namespace, storage, folder)
    before = buildah.image()
    arguments = ["--layers", "--format=docker", f"--build-arg=BASE={BASE}", f"--file={CONTAINERFILE}", f"--tag={IMAGE}"]
    poisoned = [f"{name}={value}" for name, value in poison.variables(folder / "poison").items()]
    buildah.run("build", "--isolation=chroot", "--pull-never", *arguments, *secrets, TREE, environment=poisoned)
    if before not in ("", buildah.image()):
        buildah.run("rmi", before)
    return storage


@dataclass(frozen=True)
class _Buildah:
    namespace: Namespace
    storage: Path
    folder: Path

    def run(self, *arguments: str | Path, environment: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        engine = ["env", *environment, "buildah"]
        return self.namespace.run(*engine, f"--root={self.storage}", f"--runroot={self.folder}/buildah", *arguments)

    def image(self) -> str:
        """Return the id of the image that was built last, empty when there is none."""
        return self.run("images", "--quiet", f"--filter=reference={IMAGE}").stdout.strip()
