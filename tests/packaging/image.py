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
REQUIREMENTS = TREE / "deploy/container/requirements"
BASE = "localhost/debian:base"
IMAGE = "localhost/irqaffinity:test"
LABELS = {
    "revision": "391b9f3d0c1e5a7288b64f3e9d2c7a1b5f806e4d",
    "source": "https://git.example.org/irqaffinity",
    "created": "2026-11-26T12:00:00Z",
}
"""What the builder says of this build."""


def build_image(namespace: Namespace, folder: Path) -> Path:
    """Return the storage that has BASE and IMAGE, the latter of the program as it is now; `folder` is for what passes.

    buildah keeps each layer as long as what it is made of is the same, so a second build takes a moment. The storage
    begins anew with another base, Containerfile or list of requirements, and so does not grow without end.
    """
    root = debian_root()

    def import_base(fresh: Path) -> None:
        namespace.run("podman", f"--root={fresh}", f"--runroot={folder}/import", "import", root, BASE)
        shutil.rmtree(fresh / "libpod")  # podman's own notes, which hold for this folder's name alone

    inputs = [root.parent.name, CONTAINERFILE, *sorted(REQUIREMENTS.iterdir()), Path(poison.__file__)]
    storage = artefact("images", inputs, import_base)
    (folder / "debian.sources").write_text(debian_sources())
    secrets = [f"--secret=id=debian.sources,src={folder}/debian.sources", *pip_options(folder)]
    buildah = _Buildah(namespace, storage, folder)
    before = buildah.image()
    arguments = ["--layers", "--format=docker", f"--file={CONTAINERFILE}", f"--tag={IMAGE}"]
    arguments += [f"--build-arg={name.upper()}={text}" for name, text in LABELS.items()]
    arguments.append(f"--build-arg=BASE={buildah.digested(BASE)}")
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

    def digested(self, name: str) -> str:
        """Return an image by the digest that it has now."""
        digest = self.run("images", "--format={{.Digest}}", name).stdout.strip()
        return f"{name.rpartition(':')[0]}@{digest}"

    def image(self) -> str:
        """Return the id of the image that was built last, empty when there is none."""
        return self.run("images", "--quiet", f"--filter=reference={IMAGE}").stdout.strip()
