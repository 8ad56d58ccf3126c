# SPDX-License-Identifier: Apache-2.0
"""Live targets are completed in a real bash and a real zsh, and no name of a guest is carried out by either."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irqaffinity.agent.status_file import publish
from tests.artefacts import TREE
from tests.fakes.host import FakeHost
from tests.fakes.tree import sriov_host
from tests.unit.cli.test_output import published
from tests.unit.cli.test_watch import Reader

PROGRAM = Path(sys.executable).with_name("irqaffinity")

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}

# A function in place of the program shows what it would be given; what completes calls the program itself.
BEGIN = {
    "bash": r"""PS1=; bind 'set bell-style none'; . "$COMPLETION" """,
    "zsh": r"""PS1=; unsetopt beep zle_bracketed_paste prompt_cr; autoload -U compinit
fpath=("${COMPLETION:h}" $fpath); compinit -u -D""",
}
SHOW = "irqaffinity() { printf '<%s>' \"$@\"; echo END; }; echo READY"

HOSTILE = ["$(touch MARK)", "`touch MARK`", "x;touch MARK", "x>MARK"]
ODD = ["it's", 'a"b', "a*", "~root", "a\\b", "c!d", "{a,b} $HOME", "e:f g=h", "näme"]


@pytest.fixture(scope="module")
def completions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The completion for each shell, as the packages make it."""
    folder, environment = tmp_path_factory.mktemp("completion"), os.environ | {"PYTHONPATH": str(TREE)}
    made = {shell: folder / f"{shell}/_irqaffinity" for shell in SHELLS}
    for shell, path in made.items():
        path.parent.mkdir()
        command = [sys.executable, TREE / "tools/completion.py", shell]
        path.write_bytes(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    return made


def show_guests(path: Path, *names: str) -> None:
    """Publish the status of an agent with guests of these names, each with a device."""
    guests = [
        {"uuid": f"{place}2345678-0000-4000-8000-000000000000", "name": name, "status": "placed"}
        | {"is_error": False, "text": name}
        for place, name in enumerate(names, start=1)
    ]
    devices = [
        {"address": f"0000:4{place}:00.1", "guest": guest["uuid"], "name": guest["name"], "numa_node": 0}
        | {"irqs": f"{place}40-{place}41", "cpus": "2-3", "verdicts": {"ok": 2}, "reason": None, "why": "-"}
        for place, guest in enumerate(guests, start=1)
    ]
    placement = {"guests": guests, "devices": devices, "troubles": [], "summary": {"text": "-"}}
    publish(str(path), published() | {"placement": placement})


@pytest.fixture(params=SHELLS)
def typed(
    request: pytest.FixtureRequest, completions: dict[str, Path], tmp_path: Path
) -> Iterator[Callable[[str], list[str]]]:
    """Types a line into a shell, in which each TAB completes, and returns what the program would be given."""
    shell = request.param
    environment = os.environ | {
        "COMPLETION": str(completions[shell]),
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "OS_STATUS__PATH": str(tmp_path / "status.json"),
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(TREE),
        "TERM": "dumb",
    }
    ours, its = pty.openpty()
    command = SHELLS[shell]
    process = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, env=environment, cwd=tmp_path, start_new_session=True
    )
    os.close(its)
    screen = Reader(ours)
    os.write(ours, f"{BEGIN[shell]}\n{SHOW}\n".encode())
    screen.until("\nREADY")

    def give(line: str) -> list[str]:
        os.write(ours, f"{line}\n".encode())
        found = re.search(r"<(.*)>END", screen.until(">END"))
        assert found is not None
        return found[1].split("><")

    yield give
    process.kill()
    process.wait()
    os.close(ours)


def test_targets_are_completed_as_the_agent_has_them(typed: Callable[[str], list[str]], tmp_path: Path) -> None:
    show_guests(tmp_path / "status.json", "web", "database")
    assert typed("irqaffinity audit --guest w\t") == ["audit", "--guest", "web"]
    assert typed("irqaffinity audit --once --guest da\t") == ["audit", "--once", "--guest", "database"]
    assert typed("irqaffinity audit --device 0000:42\t") == ["audit", "--device", "0000:42:00.1"]
    assert typed("irqaffinity explain 22\t") == ["explain", "22345678-0000-4000-8000-000000000000"]
    assert typed("irqaffinity --debug explain we\t") == ["--debug", "explain", "web"]
    assert typed("irqaffinity sriov --used-by da\t --free") == ["sriov", "--used-by", "database", "--free"]
    (tmp_path / "status.json").unlink()
    assert typed("irqaffinity audit --guest w\t") == ["audit", "--guest", "w"]
    assert typed("irqaffinity audi\t --onc\t") == ["audit", "--once"]


def test_a_command_of_two_words_is_completed(typed: Callable[[str], list[str]]) -> None:
    assert typed("irqaffinity srio\t po\t --sys\t /s") == ["sriov", "pools", "--sys", "/s"]
    assert typed("irqaffinity --debug sriov d\t --deb\t") == ["--debug", "sriov", "device-spec", "--debug"]
    assert typed("irqaffinity sriov --fr\t --pf x") == ["sriov", "--free", "--pf", "x"]


def test_after_cpu_the_cpus_that_are_kept_for_guests_are_completed(
    typed: Callable[[str], list[str]], tmp_path: Path
) -> None:
    show_guests(tmp_path / "status.json", "web")
    status = json.loads((tmp_path / "status.json").read_text())
    work = {"mode": "report", "kept": "2,14", "housekeeping": "", "message": None, "default": None, "irqs": []}
    publish(str(tmp_path / "status.json"), status | {"isolation": work})
    assert typed("irqaffinity explain cpu 1\t") == ["explain", "cpu", "14"]
    assert typed("irqaffinity explain cp\t 2") == ["explain", "cpu", "2"]


def test_a_name_is_completed_to_itself_and_carried_out_by_nobody(
    typed: Callable[[str], list[str]], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    names = [name.replace("MARK", str(mark)) for name in (*HOSTILE, *ODD)]
    found = []
    for name in names:
        show_guests(tmp_path / "status.json", name)
        found.append(typed("irqaffinity audit --guest \t")[2])
    assert (found, mark.exists()) == (names, False)


@pytest.mark.parametrize("typed", ["bash"], indirect=True)
def test_bash_completes_devices_that_can_have_virtual_functions(
    typed: Callable[[str], list[str]], host: FakeHost
) -> None:
    sriov_host(host)
    line = ["--sys", str(host.sys), "sriov", "--pf", "ens1f1", "--free"]
    assert typed(f"irqaffinity --sys {host.sys} sriov --pf ens1f1\t --fr\t") == line
    assert typed(f"irqaffinity --sys {host.sys} sriov --pf 0000:8\t --fr\t")[4] == "0000:81:00.0"


@pytest.mark.parametrize("typed", ["bash"], indirect=True)
def test_bash_completes_within_quotes_and_behind_a_sign(typed: Callable[[str], list[str]], tmp_path: Path) -> None:
    show_guests(tmp_path / "status.json", "my server", "a$HOME'b")
    for begun in ("my", "'my", '"my', "my\\ s", "'my s"):
        assert typed(f"irqaffinity audit --guest {begun}\t") == ["audit", "--guest", "my server"]
    assert typed("irqaffinity audit --guest=my\t") == ["audit", "--guest=my server"]
    assert typed("irqaffinity audit --guest 'a\t'") == ["audit", "--guest", "a"]


def test_files_are_completed_where_a_command_takes_one(typed: Callable[[str], list[str]], tmp_path: Path) -> None:
    (tmp_path / "earlier.html").touch()
    (tmp_path / "audit.json").touch()
    assert typed("irqaffinity report ear\t") == ["report", "earlier.html"]
    assert typed("irqaffinity report --from aud\t new.html") == ["report", "--from", "audit.json", "new.html"]
