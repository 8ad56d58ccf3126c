# SPDX-License-Identifier: Apache-2.0
"""The worst place to build in: whatever of it gets into what is built can be found there afterwards."""

import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

RUNPATH = "/nowhere/of-the-builder"
"""Each library that the poison reaches has it as its search path, or begins its search path with it."""

MARK = b"poison-of-the-builder"
"""Stands in what the poisoned compiler flags, cache and modules leave behind."""

_INTERPRETER = "/usr/bin/python3"
_FAKE = '#!/bin/sh\necho "$0 $*" >>{used}\nexit 97\n'
_MODULE = "open({used!r}, 'a').write('sitecustomize\\n')\n"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment; `folder` holds what it leads to, and `used(folder)` says what was run of that.

    The home has a cache of pip's in which libvirt-python is poisoned.
    """
    poisoned = os.environ | variables(folder)
    home = folder / "home"
    for configuration in (".config", ".pip"):  # where packages come from is no poison
        if (Path.home() / configuration).exists():
            (home / configuration).symlink_to(Path.home() / configuration)
    _fill(home / ".cache/pip")
    return poisoned


def variables(folder: Path) -> dict[str, str]:
    """Return what is bad of that environment alone, with nothing in the home."""
    home, path, modules = folder / "home", folder / "bin", folder / "modules"
    for made in (home, path, modules):
        made.mkdir(parents=True)
    for name in ("python3", "python", "pip", "gcc", "cc", "x86_64-linux-gnu-gcc", "pkg-config"):
        (path / name).write_text(_FAKE.format(used=folder / "used"))
        (path / name).chmod(0o755)
    (modules / "sitecustomize.py").write_text(_MODULE.format(used=str(folder / "used")))
    return {
        "HOME": str(home),
        "PATH": f"{path}:{os.environ['PATH']}",
        "PIP_PREFIX": str(folder / "prefix"),
        "PIP_NO_BINARY": ":all:",
        "PYTHONPATH": str(modules),
        "VIRTUAL_ENV": str(folder / "venv"),
        "CC": str(path / "gcc"),
        "CFLAGS": f"-DPOISON={MARK.decode()} --no-such-option",
        "LDFLAGS": f"-Wl,-rpath,{RUNPATH}",
        "LD_RUN_PATH": RUNPATH,
    }


def used(folder: Path) -> list[str]:
    """Return what was run of the folder."""
    path = folder / "used"
    return path.read_text().splitlines() if path.exists() else []


def runpaths(library: Path) -> list[str]:
    """Return the search paths that a library brings, RPATH and RUNPATH."""
    done = subprocess.run(["readelf", "--dynamic", "--wide", library], capture_output=True, text=True, check=True)
    return re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", done.stdout)


def _fill(cache: Path) -> None:
    """Have pip itself build libvirt-python for this machine's interpreter, into its cache, and mark the wheel."""
    flags = {"LDFLAGS": f"-Wl,-rpath,{RUNPATH}", "CFLAGS": "-O0 -g0"}
    target = cache.with_name("wheels")
    command = [_INTERPRETER, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--cache-dir={cache}", "-w", target]
    clean = {name: value for name, value in os.environ.items() if name != "PIP_NO_CACHE_DIR"}
    subprocess.run([*command, "libvirt-python"], env=clean | flags, check=True)
    wheels = list(_wheels(cache))
    assert wheels, f"pip kept no wheel of libvirt-python in {cache}"
    for wheel in wheels:
        with zipfile.ZipFile(wheel, "a") as archive:
            (library,) = (name for name in archive.namelist() if name.startswith("libvirtmod."))
            archive.extract(library, target)
            archive.writestr("libvirt_of_the_cache.py", MARK)
        assert runpaths(target / library) == [RUNPATH]


def _wheels(cache: Path) -> Iterator[Path]:
    return cache.glob("wheels/**/libvirt_python-*.whl")
