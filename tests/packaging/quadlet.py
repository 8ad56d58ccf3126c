# SPDX-License-Identifier: Apache-2.0
"""podman's own generator of units, Quadlet: this machine's, or Debian 13's where podman is too old to have one."""

import re
import shlex
import subprocess
from pathlib import Path

from tests.artefacts import TREE, artefact
from tests.packaging.debian_root import debian_sources

CONTAINER = TREE / "deploy/quadlet/irqaffinity.container"
UNIT = TREE / "deploy/quadlet/irqaffinity.service"
"""The same for podman without a Quadlet."""

_PLACE = Path("usr/libexec/podman/quadlet")


def has_own() -> bool:
    """Return whether this machine's podman has a generator."""
    return ("/" / _PLACE).exists()


def quadlet() -> Path:
    """Return the generator; Debian 13's needs nothing but the C library."""
    return "/" / _PLACE if has_own() else artefact("quadlet", [debian_sources()], _download) / _PLACE


def _download(folder: Path) -> None:
    archive = next(line.removeprefix("URIs: ") for line in debian_sources().splitlines() if line.startswith("URIs: "))
    (folder / "trixie.sources").write_text(f"Types: deb\nURIs: {archive}\nSuites: trixie\nComponents: main\n")
    places = {"Dir::Etc::SourceList": folder / "trixie.sources", "Dir::Etc::SourceParts": "/dev/null"}
    for name in ("State", "Cache"):
        places[f"Dir::{name}"] = folder / name
        (folder / name / ("lists" if name == "State" else "archives") / "partial").mkdir(parents=True)
    places |= {"Dir::State::status": "/dev/null", "APT::Sandbox::User": "root"}
    options = [f"-o{name}={value}" for name, value in places.items()]
    for command in (["update"], ["download", "podman"]):
        apt = ["apt-get", "-qq", *options, *command]
        done = subprocess.run(apt, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    (package,) = folder.glob("podman_*.deb")
    extract = f"dpkg-deb --fsys-tarfile {package} | tar --extract ./{_PLACE} && rm -r {package} State Cache"
    subprocess.run(["sh", "-c", extract], cwd=folder, check=True)


def generated(folder: Path) -> str:
    """Return the unit that podman makes of the .container file in a folder."""
    done = subprocess.run(
        [quadlet(), "-dryrun", "-no-kmsg-log"],
        env={"QUADLET_UNIT_DIRS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "Loading source unit file" not in line]
    assert said == []
    head, _, unit = done.stdout.partition("---irqaffinity.service---\n")
    assert (head, unit != "") == ("", True)
    return unit


def with_irqbalance(text: str) -> str:
    """Return one of the files with the lines that are taken in for irqbalance, as the role does it."""
    return re.sub(r"(?m)^#(?=.*/run/irqbalance)", "", text)


def lines(unit: str, section: str) -> list[tuple[str, str]]:
    """Return the settings of a section of a unit in order, each line put together again.

    systemd skips comments before it does that (systemd.syntax(7)).
    """
    settings = re.sub(r"(?m)^#.*\n", "", unit).replace("\\\n", " ")
    body = settings.partition(f"[{section}]\n")[2].partition("\n[")[0]
    rows = (line.partition("=") for line in body.splitlines() if line)
    return [(name, text) for name, _, text in rows]


def options(unit: str) -> list[list[str]]:
    """Return the options of `podman run`, each with its values, sorted; the image is the last word."""
    (command,) = (text for name, text in lines(unit, "Service") if name == "ExecStart")
    words = shlex.split(command)
    *given, image = words[2:]
    found = [[image]]
    for word in given:
        if word.startswith("-"):
            found.append(word.split("=", 1))
        else:
            found[-1].append(word)
    return sorted(found)


def volumes() -> dict[str, str]:
    """Return the folders of the host that the unit mounts, each with its place in the container and how."""
    given = (option[1] for option in options(UNIT.read_text()) if option[0] == "-v")
    return dict(volume.split(":", 1) for volume in given)
