# SPDX-License-Identifier: Apache-2.0
"""A small Debian from the archive that this machine's apt uses."""

import subprocess
from pathlib import Path

from tests.artefacts import artefact

SUITE = "bookworm"
_MMDEBSTRAP = ["mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io"]
_TARGETS = [
    "apt-get",
    "indextargets",
    "--format=$(REPO_URI) $(RELEASE) $(COMPONENT)",
    "Created-By: Packages",
    "Origin: Debian",
]


def debian_sources(suite: str = SUITE) -> str:
    """Return where this machine's apt gets Debian's packages, of this suite, as a file for sources.list.d (deb822)."""
    done = subprocess.run(_TARGETS, check=True, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    rows = [row for row in rows if row[1].startswith(SUITE) and (suite == SUITE or row[1] == SUITE)]
    assert rows, f"this machine's apt has no Debian {SUITE}: add it to its sources, and run apt-get update"
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {found.replace(SUITE, suite)}\nComponents: {part}\n"
        for uri, found, part in rows
    )


def debian_root() -> Path:
    """Return an archive (tar) with Debian's required packages and apt, made once."""
    return artefact("debian-root", [*_MMDEBSTRAP, debian_sources()], _make) / "root.tar"


def _make(folder: Path) -> None:
    command = [*_MMDEBSTRAP, SUITE, str(folder / "root.tar"), "-"]
    subprocess.run(command, input=debian_sources(), check=True, text=True)


def debian_13_with_rabbitmq() -> Path:
    """Return the root of a Debian 13 (trixie) with its RabbitMQ, 4.0, which has another mind about queues than 3."""
    sources = debian_sources("trixie")
    command = ["mmdebstrap", "--quiet", "--variant=apt", "--dpkgopt=force-unsafe-io", "--include=rabbitmq-server"]
    options = ["--skip=output/dev", '--aptopt=APT::Sandbox::User "root"', "trixie"]

    def make(folder: Path) -> None:
        subprocess.run([*command, *options, folder / "root", "-"], input=sources, check=True, text=True)
        folder.chmod(0o755)

    return artefact("debian-13-rabbitmq", [*command, *options, sources], make) / "root"
