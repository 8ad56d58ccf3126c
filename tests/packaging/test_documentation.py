# SPDX-License-Identifier: Apache-2.0
"""Types every command of the guide that a newcomer types: from a fresh clone, one page after the other.

What is shown stands in blocks `.. code-block:: console`, commands behind `$` or `#`. They run in a copy of this machine
that is thrown away, as they stand, and print what the page shows. The class of a block says what is different:

- `on-a-node`: irqaffinity sees the host of the demo, and no broker; what DRY_FORMS has runs in its dry form.
- `on-a-cluster`: every command has a dry form.
- `shortened`: the same; for what takes long.
- `fails`: the last command is an example of a failure.
"""

import contextlib
import difflib
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from irqaffinity.demo.hosts import make_demo_host
from tests.artefacts import TREE
from tests.packaging import debian, tree
from tests.packaging.sandbox import Sandbox

PAGES = ["README.rst", "doc/install.rst"]

CLONE = "/srv/clone/irqaffinity"

START = """systemctl enable irqaffinity
unit=$(ls /etc/systemd/system/irqaffinity.service /lib/systemd/system/irqaffinity.service 2>/dev/null | head -n 1)
$(sed -n 's/^ExecStart=//p' "$unit") >/tmp/agent.log 2>&1 &
agent=$!
timeout 900 sh -c 'until irqaffinity check --health; do sleep 0.2; done' >/dev/null || { cat /tmp/agent.log; false; }"""

STOP = """systemctl disable irqaffinity
kill $agent
wait $agent"""

HOLLOW = ";".join(f"testenv:{name}.{be}" for name in ("lint", "docs", "lowest") for be in ("package=skip", "commands="))
"""What makes tox pass through these environments with nothing in them."""

DRY_FORMS = {
    # No systemd runs in the copy: it enables, and what it would start is started.
    r"systemctl enable --now irqaffinity": START,
    r"systemctl disable --now irqaffinity": STOP,
    r"systemctl daemon-reload": "systemd-analyze verify --man=no /etc/systemd/system/irqaffinity.service",
    # The package is the one that test_debian.py installs.
    r"dpkg-buildpackage -us -uc -b": "dpkg-checkbuilddeps && cp /tmp/irqaffinity_*.deb ..",
    r"tools/test": f"TOX_OVERRIDE='{HOLLOW}' tools/test --collect-only -q",
}
"""What runs in the place of a command, by a pattern that matches the whole of it."""

MARKERS = {"on-a-node", "on-a-cluster", "shortened", "fails"}


@dataclass
class Command:
    """One command of a page, and what the page shows that it prints; no line where it shows nothing."""

    typed: str
    marker: str
    shown: list[str] = field(default_factory=list)
    fails: bool = False

    def to_run(self) -> str:
        """Return the command, or its dry form."""
        if self.marker in ("on-a-node", "on-a-cluster", "shortened"):
            for pattern, dry in DRY_FORMS.items():
                if re.fullmatch(pattern, self.typed):
                    return dry
            assert self.marker == "on-a-node", f"{self.typed!r} needs a dry form"
        return self.typed


def read_commands(page: Path) -> list[Command]:
    """Return the commands of a page, in their order."""
    found: list[Command] = []
    for block in re.finditer(r"(?m)^( *)\.\. code-block:: console\n((?:\1 +.*\n|\n)+)", page.read_text()):
        lines = block[2].splitlines()
        given = re.match(r" *:class: (\S+)", lines[0])
        marker = given[1] if given else ""
        assert marker in MARKERS | {""}, f"{page}: {marker} is no marker"
        body = [line for line in lines if not re.match(r" *:\w+: ", line)]
        indent = min(len(line) - len(line.lstrip()) for line in body if line)
        commands = list(_in_block([line[indent:] for line in body], marker))
        commands[-1].fails = marker == "fails"
        found += commands
    return found


def _in_block(lines: Sequence[str], marker: str) -> Iterator[Command]:
    command = None
    continued = False
    for line in lines:
        if continued and command:
            command.typed += "\n" + line
        elif re.match(r"[$#] ", line):
            if command:
                yield command
            command = Command(line[2:], marker)
        elif command and line.strip():
            command.shown.append(line)
        continued = command is not None and not command.shown and line.endswith("\\")
    assert command is not None, f"a block shows no command: {lines}"
    yield command


def script(commands: Sequence[Command]) -> str:
    """Return a script that runs all commands in one shell, and tells of each where its output ends and its status."""
    parts = ["shopt -s checkhash  # the ways to install are alternatives: what one removes, the next puts elsewhere\n"]
    for number, command in enumerate(commands):
        environment = ". /tmp/node" if command.marker == "on-a-node" else ". /tmp/nothing"
        parts.append(f"{environment}\n{command.to_run()}\nprintf '\\n=== {number} %d\\n' $?\n")
    return "".join(parts)


def as_shown(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Return whether it was printed as it is shown; `...` stands for anything, empty lines for nothing."""
    pattern = re.escape("\n".join(shown)).replace(r"\.\.\.", ".*")
    return re.fullmatch(pattern, "\n".join(line for line in printed if line.strip()), re.DOTALL) is not None


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Sandbox]:
    """A copy of this machine with a fresh clone in it."""
    with contextlib.closing(Sandbox(Path("/"), tmp_path / "sandbox")) as sandbox:
        clone(tmp_path / "clone", sandbox.path(CLONE))
        (sandbox.path("/tmp") / debian.package().name).write_bytes(debian.package().read_bytes())
        give_demo_host(sandbox, tmp_path / "demo")
        sandbox.path("/etc/apt/apt.conf.d/yes").write_text('APT::Get::Assume-Yes "true";\n')
        yield sandbox


def clone(folder: Path, target: Path) -> None:
    """Clone the tree, with what is not committed yet."""
    subprocess.run(["git", "clone", "--quiet", "--no-local", TREE, folder], check=True)
    tree.copy(folder)
    shutil.copytree(folder, target, symlinks=True)


def give_demo_host(sandbox: Sandbox, folder: Path) -> None:
    """Make the host of the demo at the same place inside, and what sets and unsets the environment that leads to it."""
    folder.mkdir()
    made, uri = make_demo_host(folder)
    if not sandbox.path(str(folder)).exists():  # it lies on another file system than the root
        shutil.copytree(folder, sandbox.path(str(folder)), symlinks=True)
    values = {"OS_HOST__PROC": made.root.proc, "OS_HOST__SYS": made.root.sys, "OS_LIBVIRT__URI": uri}
    values["OS_NOTIFICATIONS__ENABLED"] = "false"
    sandbox.path("/tmp/node").write_text("".join(f"export {name}='{value}'\n" for name, value in values.items()))
    sandbox.path("/tmp/nothing").write_text("".join(f"unset {name}\n" for name in values))


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_happens(page: str, newcomer: Sandbox) -> None:
    commands = read_commands(TREE / page)
    newcomer.path("/tmp/page").write_text(script(commands))
    done = newcomer.run("bash", "/tmp/page", folder=CLONE)
    parts = re.split(r"(?m)^=== \d+ (\d+)\n", done.stdout)
    assert len(parts) == 2 * len(commands) + 1, done.stdout
    for command, printed, status in zip(commands, parts[0::2], parts[1::2], strict=False):
        accepted = {"0", "2"} if "--dry-run" in command.typed else {"0"}
        assert (status in accepted) != command.fails, f"{command.typed}: status {status}\n{printed}"
        if command.shown:
            expected = "\n".join(difflib.ndiff(command.shown, printed.splitlines()))
            assert as_shown(command.shown, printed.splitlines()), f"{command.typed}:\n{expected}"


@pytest.mark.parametrize("page", PAGES)
def test_no_command_is_shown_outside_of_a_block_that_is_run(page: str) -> None:
    text = (TREE / page).read_text()
    typed = re.findall(r"(?m)^ +[$#] \S.*$", text)
    assert len(typed) == len(read_commands(TREE / page))
