# SPDX-License-Identifier: Apache-2.0
"""A first root file system for a kernel: busybox, an init, and the modules that the init loads in their order."""

import gzip
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path


def closure(tree: Path, release: str, modules: Iterable[str]) -> list[Path]:
    """Return the files of the modules and of all they need, in the order of loading; `tree` holds lib/modules."""
    shown = subprocess.run(
        ["modprobe", "-d", tree, "-S", release, "--show-depends", "--all", *modules],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [line.split() for line in shown.stdout.splitlines()]
    return list(dict.fromkeys(Path(line[1]) for line in lines if line[0] == "insmod"))


def make_initramfs(target: Path, init: Path, modules: Iterable[Path]) -> None:
    """Write a compressed cpio archive that a kernel takes as its initrd."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("bin", "dev", "modules", "proc", "sys"):
            (root / name).mkdir()
        shutil.copy("/bin/busybox", root / "bin/busybox")
        shutil.copy(init, root / "init")
        (root / "init").chmod(0o755)
        for module in modules:
            shutil.copy(module, root / "modules")
            with (root / "modules/order").open("a") as order:
                order.write(f"/modules/{module.name}\n")
        names = "\n".join(str(path.relative_to(root)) for path in [root, *sorted(root.rglob("*"))])
        archive = subprocess.run(
            ["cpio", "--create", "--format=newc", "--quiet"],
            check=True,
            input=names.encode(),
            cwd=root,
            stdout=subprocess.PIPE,
        )
    target.write_bytes(gzip.compress(archive.stdout, compresslevel=1))
