# SPDX-License-Identifier: Apache-2.0
"""What the lab boots: Debian's kernel, two first root file systems and two guests; made once, and kept."""

import lzma
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.artefacts import artefact
from tests.lab import initramfs
from tests.lab.initramfs import closure, make_initramfs
from tests.packaging.debian_root import debian_sources

_HERE = Path(__file__).parent
_DEBIAN = Path("/etc/debian_version")
_TO_THE_ROOT = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
_LATER = ("virtio_console", "virtio_net", "vfio-pci", "nvme", "e1000e", "igb", "igbvf")
_OF_A_GUEST = ("nvme", "e1000e")
_FREESTANDING = ("-m32", "-O1", "-nostdlib", "-ffreestanding", "-fno-pic", "-fno-pie", "-no-pie", "-mno-sse")
_UNGUARDED = ("-fno-stack-protector", "-fcf-protection=none")
_EXTRACT = (
    "mmdebstrap",
    "--quiet",
    "--variant=extract",
    "--dpkgopt=force-unsafe-io",
    "--include=qemu-system-x86,seabios",
    "--skip=output/dev",
    '--aptopt=APT::Sandbox::User "root"',
)


@dataclass(frozen=True)
class Kernel:
    """`image` is for QEMU's -kernel, `elf` for a guest; `modules` holds lib/modules/<release>."""

    folder: Path

    @property
    def image(self) -> Path:
        """The compressed kernel."""
        return self.folder / "vmlinuz"

    @property
    def elf(self) -> Path:
        """The uncompressed kernel: an emulated processor takes a minute to unpack the other."""
        return self.folder / "vmlinux"

    @property
    def release(self) -> str:
        """What uname -r says."""
        return (self.folder / "release").read_text()

    @property
    def modules(self) -> Path:
        """The folder of the modules that are kept."""
        return self.folder / "lib/modules" / self.release


def debian_package(name: str) -> Path:
    """Return the folder in which a package of Debian is unpacked; it is not installed."""
    return artefact(f"debian-{name}", [_DEBIAN], lambda folder: _unpack(name, folder))


def kernel() -> Kernel:
    """Return Debian's kernel for servers, with the few modules that the lab loads."""
    return Kernel(artefact("lab-kernel", [_DEBIAN, Path(__file__)], _make_kernel))


def host_initramfs(kernel: Kernel) -> Path:
    """Return the initrd of the machine."""
    return _initramfs("host", kernel, _HERE / "boot/host-init", _TO_THE_ROOT)


def guest_initramfs(kernel: Kernel) -> Path:
    """Return the initrd of a guest that has Debian's kernel."""
    return _initramfs("guest", kernel, _HERE / "boot/guest-init", _OF_A_GUEST)


def newer_emulator() -> list[str | os.PathLike[str]]:
    """Return how Debian 13's QEMU is run on this machine, with its own C library; it emulates NICs with SR-IOV."""
    sources = debian_sources("trixie")

    def make(folder: Path) -> None:
        subprocess.run([*_EXTRACT, "trixie", folder / "root", "-"], input=sources, check=True, text=True)

    usr = artefact("lab-emulator", [*_EXTRACT, sources], make) / "root/usr"
    loader = [usr / "lib64/ld-linux-x86-64.so.2", "--library-path", usr / "lib/x86_64-linux-gnu"]
    return [*loader, usr / "bin/qemu-system-x86_64", "-L", usr / "share/qemu", "-L", usr / "share/seabios"]


def small_guest() -> Path:
    """Return the kernel of the small guest, boot/guest.c."""
    source, script = _HERE / "boot/guest.c", _HERE / "boot/guest.ld"

    def build(folder: Path) -> None:
        _run("gcc", *_FREESTANDING, *_UNGUARDED, "-Wall", "-Wextra", "-Werror", "-c", source, "-o", folder / "guest.o")
        _run("ld", "-m", "elf_i386", "--no-warn-rwx-segments", "-T", script, folder / "guest.o", "-o", folder / "guest")

    return artefact("lab-small-guest", [source, script], build) / "guest"


def _initramfs(name: str, kernel: Kernel, init: Path, modules: tuple[str, ...]) -> Path:
    def build(folder: Path) -> None:
        make_initramfs(folder / "initrd", init, closure(kernel.folder, kernel.release, modules))

    inputs = [init, Path(initramfs.__file__), kernel.folder.name, " ".join(modules)]
    return artefact(f"lab-{name}", inputs, build) / "initrd"


def _make_kernel(folder: Path) -> None:
    meta = _run("apt-cache", "depends", "linux-image-amd64").stdout
    package = next(line.split()[1] for line in meta.splitlines() if "Depends: linux-image-" in line)
    release = package.removeprefix("linux-image-")
    _unpack(package, folder / "package")
    _run("depmod", "-b", folder / "package", release)
    modules = folder / "lib/modules" / release
    for module in closure(folder / "package", release, _TO_THE_ROOT + _LATER):
        kept = modules / module.relative_to(folder / "package/lib/modules" / release)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(module, kept)
    for listed in ("modules.builtin", "modules.order"):
        shutil.copy(folder / "package/lib/modules" / release / listed, modules)
    _run("depmod", "-b", folder, release)
    image = (folder / "package/boot" / f"vmlinuz-{release}").read_bytes()
    (folder / "vmlinuz").write_bytes(image)
    (folder / "vmlinux").write_bytes(lzma.LZMADecompressor().decompress(image[image.index(b"\xfd7zXZ\0") :]))
    _run("strip", folder / "vmlinux")
    (folder / "release").write_text(release)
    shutil.rmtree(folder / "package")


def _unpack(package: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    _run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package, cwd=folder)
    for archive in folder.glob("*.deb"):
        _run("dpkg-deb", "-x", archive, folder)
        archive.unlink()


def _run(*command: str | os.PathLike[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr.strip()}")
    return done
