# SPDX-License-Identifier: Apache-2.0
"""The image is built and run: contained as the guide tells, on this machine's interrupts and with a real libvirtd."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import libvirt
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.artefacts import TREE
from tests.fakes.domains import domain, hostdev, nova_metadata
from tests.fakes.scene import DEDICATED, GUEST, SCHEMA, VF0, VF1
from tests.fakes.tree import HostTree
from tests.functional.agent import ended, wait_for
from tests.functional.conftest import Libvirtd, RealDevice
from tests.functional.test_libvirtd import TEST
from tests.functional.test_real_interrupts import NOBODY, affinity, claim, last_cpu
from tests.packaging import poison, quadlet
from tests.packaging.image import BASE, CONTAINERFILE, IMAGE, LABELS, build_image
from tests.packaging.namespace import Namespace
from tests.packaging.podman import AGENT, CONTAINED, ContainedAgent, Podman
from tests.project import PROJECT

HOST_IRQ = "--volume=/proc/irq:/host/proc/irq"
HOST_SYS = [
    f"--volume={path}:{place}"
    for path, place in quadlet.volumes().items()
    if path.startswith("/sys/") and not path.startswith("/sys/kernel/tracing")
]
AT_HOST = ["--proc=/host/proc", "--sys=/host/sys"]
LIBVIRT = "--libvirt-uri=test:///libvirt/node.xml"
AUDIT = [LIBVIRT, "audit", "--once", "-f", "json"]


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    """The image is built, and podman runs it."""
    namespace = Namespace()
    try:
        with tempfile.TemporaryDirectory(prefix="irqaffinity-", dir="/tmp") as folder:
            engine = Podman(namespace, build_image(namespace, Path(folder)), Path(folder))
            yield engine
            engine("rm", "--all", "--force", "--time=0")
    finally:
        namespace.close()


@pytest.fixture(scope="session")
def settings(podman: Podman) -> dict[str, Any]:
    """What the image says of itself."""
    (found,) = json.loads(podman("image", "inspect", IMAGE).stdout)
    return dict(found)


def test_the_containerfile_is_in_order() -> None:
    judge = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [judge, "--failure-threshold=style", CONTAINERFILE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_image_tells_what_it_is_and_how_it_is_started(settings: dict[str, Any]) -> None:
    labels = {"title": PROJECT["name"], "version": PROJECT["version"], "description": PROJECT["description"]}
    labels |= {"licenses": "Apache-2.0", "authors": "the irqaffinity authors"} | LABELS
    found = {name.removeprefix("org.opencontainers.image."): text for name, text in settings["Labels"].items()}
    assert labels.items() <= found.items()
    assert re.fullmatch(r"localhost/debian@sha256:[0-9a-f]{64}", found["base.name"])
    config = settings["Config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("0", ["irqaffinity"], ["agent"])
    assert settings["Healthcheck"]["Test"] == ["CMD", "irqaffinity", "check", "--health"]


def size(podman: Podman, *images: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CONTAINER_ENGINE": " ".join(podman.command())}
    command = [TREE / "deploy/container/size", *images]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_layers_above_the_base_are_small(podman: Podman) -> None:
    """The base is as bare as a Debian can be: Python comes on top of it."""
    done = size(podman, IMAGE, BASE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{IMAGE}: ")
    assert done.stdout.endswith(f" MB above {BASE}, of at most 160\n")


@pytest.mark.parametrize(
    ("images", "why"), [((BASE, IMAGE), "was not built on this"), ((IMAGE, "localhost/none"), "localhost/none")]
)
def test_a_size_that_cannot_be_told_is_none(podman: Podman, images: tuple[str, str], why: str) -> None:
    done = size(podman, *images)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert why in done.stderr


def test_nothing_is_there_that_only_the_build_needs(podman: Podman) -> None:
    """Nor is anything left to compile, which a read-only root would do anew at each start."""
    code = (
        "import importlib.util, pathlib, shutil, sys\n"
        "print([name for name in ('gcc', 'pip', 'pip3', 'pkg-config') if shutil.which(name)])\n"
        "print(importlib.util.find_spec('pip'))\n"
        "sources = list(pathlib.Path('/opt/irqaffinity').rglob('*.py'))\n"
        "print(len(sources) > 100, [path for path in sources if path.parent.name == 'tests'])\n"
        "print([path for path in sources if not pathlib.Path(importlib.util.cache_from_source(path)).exists()])\n"
    )
    done = podman.irqaffinity("-c", code, options=("--entrypoint=/opt/irqaffinity/bin/python",))
    assert (done.stdout.splitlines(), done.stderr) == (["[]", "None", "True []", "[]"], "")


LIBRARIES = """
import libvirtmod, os, re, subprocess
mapped = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
for path in sorted(path for path in mapped if not path.startswith("/opt/irqaffinity/")):
    names = [os.path.realpath(path), os.path.realpath(path).removeprefix("/usr")]
    owned = any(subprocess.run(["dpkg", "--search", name], capture_output=True).returncode == 0 for name in names)
    print(os.path.basename(path), owned)
"""


def test_every_library_is_that_of_a_package(podman: Podman) -> None:
    """None stands in for another: a scanner that asks dpkg sees what is loaded."""
    done = podman.irqaffinity("-c", LIBRARIES, options=("--entrypoint=/opt/irqaffinity/bin/python",))
    found = dict(line.split() for line in done.stdout.splitlines())
    assert [name for name in found if name.startswith(("libvirt.so", "libicudata.so"))] != []
    assert [name for name, owned in found.items() if owned != "True"] == []


@pytest.fixture(scope="session")
def bill(podman: Podman) -> dict[str, Any]:
    """The bill of materials, taken out of the image as the guide tells."""
    options = ("--network=none", "--entrypoint=cat")
    place = "/usr/local/share/sbom/irqaffinity.cdx.json"
    done = podman("run", "--rm", *CONTAINED[:-1], *options, IMAGE, place)
    return dict(json.loads(done.stdout))


def test_the_bill_of_materials_is_valid(bill: dict[str, Any]) -> None:
    judge = JsonStrictValidator(SchemaVersion.V1_6)
    assert judge.validate_str(json.dumps(bill)) is None
    assert bill["metadata"]["timestamp"] == LABELS["created"]
    assert bill["metadata"]["component"]["name"] == "irqaffinity"


def test_the_bill_of_materials_has_all_that_is_installed(podman: Podman, bill: dict[str, Any]) -> None:
    def said(*command: str, options: tuple[str, ...]) -> list[str]:
        return podman.irqaffinity(*command, options=options).stdout.splitlines()

    query = ("--show", "--showformat=${Package} ${Version}\\n")
    packages = said(*query, options=("--entrypoint=dpkg-query",))
    code = "import re\nfrom importlib.metadata import distributions\n"
    code += "for it in distributions(): print(re.sub('[-_.]+', '-', it.name).lower(), it.version)"
    pythons = said("-c", code, options=("--entrypoint=/opt/irqaffinity/bin/python",))
    assert len(packages) > 80
    assert len(pythons) > 10
    components = [*bill["components"], bill["metadata"]["component"]]
    found = {f"{it['name']} {it['version']}" for it in components if "purl" in it}
    assert found == {*packages, *pythons}


SCAN = """
import pathlib, sys
files = [path for path in pathlib.Path("/opt/irqaffinity").rglob("*") if path.is_file() and not path.is_symlink()]
print(len(files), [str(path) for path in files if any(word.encode() in path.read_bytes() for word in sys.argv[1:])])
"""


def test_nothing_of_the_builders_environment_is_in_the_image(podman: Podman) -> None:
    words = [poison.RUNPATH, poison.MARK.decode()]
    said = podman("run", "--rm", *CONTAINED, "--entrypoint=python3", IMAGE, "-c", SCAN, *words).stdout
    count, found = said.split(maxsplit=1)
    assert int(count) > 1000
    assert found == "[]\n"


def test_the_version_is_that_of_the_tree(podman: Podman, settings: dict[str, Any]) -> None:
    version = settings["Labels"]["org.opencontainers.image.version"]
    done = podman.irqaffinity("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"irqaffinity {version}\n", "")


def test_the_demo_runs_with_a_temporary_folder_alone(podman: Podman) -> None:
    done = podman.irqaffinity("demo", options=("--tmpfs=/tmp",))
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 guests, 4 devices, 16 interrupts: 16 set\n" in done.stdout


def test_the_demo_without_any_writable_folder_says_so(podman: Podman) -> None:
    """The root is read-only indeed."""
    done = podman.irqaffinity("demo")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("irqaffinity: no temporary folder can be made: ")


@pytest.fixture
def mounts(movable_device: RealDevice, short_folder: Path) -> tuple[str, ...]:
    """A libvirt whose guest claims a device of this machine, and a folder for the state as runtimes make it."""
    claim(short_folder, movable_device)
    (short_folder / "state").mkdir(mode=0o755)
    return (f"--volume={short_folder}/libvirt:/libvirt:ro", f"--volume={short_folder}/state:/var/lib/irqaffinity")


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMA)
    return found


def verdicts(done: subprocess.CompletedProcess[str], device: RealDevice) -> set[str]:
    return {row["verdict"] for row in report(done)["irqs"] if row["irq"] in device.movable}


def test_check_finds_the_host_behind_its_mounts(podman: Podman, mounts: tuple[str, ...]) -> None:
    done = podman.irqaffinity(*AT_HOST, LIBVIRT, "check", options=(*mounts, HOST_IRQ, *HOST_SYS))
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["rights"].split()[1] == "ok"
    assert "/host/proc/irq/" in lines["rights"]
    assert "1 active guest" in lines["libvirt"]
    assert "not looked for: /host/proc shows no processes" in lines["rivals"]
    assert "chmod it to 0700" in lines["state"]


def test_interrupts_are_moved_and_given_back_without_any_capability(
    podman: Podman, mounts: tuple[str, ...], movable_device: RealDevice, short_folder: Path
) -> None:
    """The state of one container is good for the next: both see the same boot."""
    before = affinity(movable_device.movable)
    options = (*mounts, HOST_IRQ, *HOST_SYS)
    done = podman.irqaffinity(*AT_HOST, *AUDIT, options=options)
    assert done.returncode == 0, done.stderr
    assert verdicts(done, movable_device) <= {"set", "pending"}
    assert set(affinity(movable_device.movable).values()) == {last_cpu()}
    assert (short_folder / "state").stat().st_mode & 0o777 == 0o700

    done = podman.irqaffinity(*AT_HOST, "reset", options=options)
    assert done.returncode == 0, done.stderr
    assert affinity(movable_device.movable) == before


WRITABLE = """
for line in open("/proc/self/mountinfo"):
    place, options = line.split()[4:6]
    if place.startswith(("/host/", "/etc/irqaffinity", "/run/", "/var/lib/")) and "rw" in options.split(","):
        print(place)
"""


def test_podmans_service_may_write_what_is_meant_and_nothing_else(podman: Podman, short_folder: Path) -> None:
    """The mounts are those of its unit; made up is what this machine may lack."""
    mounts = []
    for number, (path, place) in enumerate(quadlet.volumes().items()):
        made = short_folder / str(number)
        if not path.startswith(("/proc/", "/sys/")) or "tracing" in path:
            (made / "instances").mkdir(parents=True)
        mounts.append(f"--volume={made if made.exists() else path}:{place}")
    options = (*mounts, "--entrypoint=/opt/irqaffinity/bin/python")
    done = podman.irqaffinity("-c", WRITABLE, options=options)
    meant = {"/host/proc/irq", "/host/sys/kernel/tracing/instances", "/run/irqaffinity", "/var/lib/irqaffinity"}
    assert (set(done.stdout.split()), done.stderr) == (meant, "")


@pytest.mark.parametrize(
    ("places", "options", "why"),
    [
        (AT_HOST, (f"--user={NOBODY}", HOST_IRQ, *HOST_SYS), "Permission denied"),
        (AT_HOST, (f"{HOST_IRQ}:ro", *HOST_SYS), "Read-only file system"),
        ([], (), "Read-only file system"),
    ],
    ids=["a user without rights", "mounted read-only", "the container's own /proc"],
)
def test_without_the_right_to_write_it_is_denied(
    podman: Podman,
    mounts: tuple[str, ...],
    movable_device: RealDevice,
    short_folder: Path,
    places: list[str],
    options: tuple[str, ...],
    why: str,
) -> None:
    before = affinity(movable_device.movable)
    if f"--user={NOBODY}" in options:
        os.chown(short_folder / "state", NOBODY, NOBODY)
    done = podman.irqaffinity(*places, *AUDIT, options=(*mounts, *options))
    assert done.returncode == 1
    assert verdicts(done, movable_device) == {"denied"}
    assert why in done.stderr
    assert affinity(movable_device.movable) == before


@pytest.fixture
def agent(podman: Podman, libvirtd: Libvirtd, tree: HostTree, tmp_path: Path) -> Iterator[ContainedAgent]:
    """The agent in a container, with a libvirtd of this test's own; not started yet."""
    made = ContainedAgent(tmp_path / "agent", podman, tree, libvirtd.folder / "sockets")
    with ended(made):
        yield made


def start_guest(libvirtd: Libvirtd, device: str) -> libvirt.virConnect:
    """Start a guest, which lives as long as the connection that is returned: so libvirt's test driver does it."""
    connection = libvirt.open(libvirtd.uri(*TEST))
    for other in connection.listAllDomains():
        other.destroy()
    connection.createXML(
        domain("vm", GUEST, ("2", "3"), [hostdev(device)], metadata=nova_metadata("nfv", DEDICATED)), 0
    )
    return connection


def health(podman: Podman) -> int:
    return podman("healthcheck", "run", AGENT, check=False).returncode


def test_the_health_check_passes_with_an_agent_alone(podman: Podman, agent: ContainedAgent) -> None:
    podman("run", "--detach", f"--name={AGENT}", "--entrypoint=sleep", *CONTAINED, IMAGE, "infinity")
    assert health(podman) == 1
    podman("rm", "--force", "--time=0", AGENT)
    agent.start()
    assert health(podman) == 0


def test_the_agent_ends_in_time_as_the_first_process(agent: ContainedAgent) -> None:
    agent.start()
    assert agent.status()["pid"] == 1
    assert agent.stop() == 0
    assert agent.status() == {}


def test_a_socket_that_is_replaced_is_found_again(agent: ContainedAgent, libvirtd: Libvirtd, tree: HostTree) -> None:
    """What is mounted is the folder, and a new daemon makes a new socket in it."""
    socket = libvirtd.folder / "sockets/libvirt-sock"
    agent.start()
    agent.wait_connected("libvirt")
    first = start_guest(libvirtd, VF0)
    agent.wait_placed(irq40="2-3", irq41="2-3")
    libvirtd.stop()
    socket.unlink()
    wait_for("libvirt to be missed", lambda: agent.link("libvirt").get("state") == "not connected")
    assert agent.smp(40) == "2-3"

    libvirtd.start()
    assert socket.is_socket()
    second = start_guest(libvirtd, VF1)
    agent.wait_connected("libvirt")
    agent.wait_placed(irq40="0-15", irq50="2-3")
    assert agent.run("status").returncode == 0
    del first, second
