# SPDX-License-Identifier: Apache-2.0
"""Which files are read: what is there and cannot be read is refused, for it could hold a restriction."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irqaffinity.conf.files import Line, parse, read_files
from irqaffinity.conf.places import ConfigError

NAME, FOLDER = "irqaffinity.conf", "irqaffinity.conf.d"
NOBODY = 65534


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, where the usual files are looked up first."""
    home = tmp_path / "home"
    (home / ".irqaffinity").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    return home


def write(path: Path, interval: int = 5) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(f"[audit]\ninterval = {interval}\n")
    return path


def in_our_home(home: Path) -> list[str]:
    """Return what is read, below the home: another /etc/irqaffinity may be on this machine."""
    return [str(Path(path).relative_to(home)) for path in read_files(None, None) if path.startswith(f"{home}/")]


def test_the_first_place_that_has_a_usual_file_counts(home: Path) -> None:
    assert in_our_home(home) == []
    write(home / NAME)
    write(home / FOLDER / "20.conf")
    write(home / FOLDER / "10.conf")
    assert in_our_home(home) == [NAME, f"{FOLDER}/10.conf", f"{FOLDER}/20.conf"]
    write(home / ".irqaffinity" / NAME)
    write(home / ".irqaffinity" / FOLDER / "30.conf")
    assert in_our_home(home) == [f".irqaffinity/{NAME}", f".irqaffinity/{FOLDER}/30.conf"]


def test_what_is_named_is_read_instead_of_the_usual(home: Path, tmp_path: Path) -> None:
    write(home / NAME)
    write(home / FOLDER / "10.conf")
    mine = write(tmp_path / "mine.conf")
    assert list(read_files([str(mine)], None)) == [str(mine), str(home / FOLDER / "10.conf")]
    member = write(tmp_path / "mine.d/10.conf")
    (tmp_path / "mine.d/.#10.conf").symlink_to("what an editor leaves")
    assert list(read_files([str(mine)], [str(member.parent)])) == [str(mine), str(member)]


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def dangle(path: Path) -> None:
    path.symlink_to("nowhere")


def is_pipe(path: Path) -> None:
    os.mkfifo(path)


def is_folder(path: Path) -> None:
    path.mkdir()


def is_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def is_latin(path: Path) -> None:
    path.write_bytes(b"[audit]\n# caf\xe9\ninterval = 5\n")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (loop, "Too many levels of symbolic links"),
        (is_pipe, "it is no regular file"),
        (is_folder, "it is a folder"),
        (is_device, "it is no regular file"),
        (is_latin, "byte 14 is not UTF-8 text"),
        (dangle, ""),
    ],
)
def test_a_file_that_is_there_and_cannot_be_read_is_refused(
    home: Path, tmp_path: Path, make: Callable[[Path], None], told: str
) -> None:
    named, member = tmp_path / "named.conf", tmp_path / "conf.d/10.conf"
    member.parent.mkdir()
    for path in (named, member, home / NAME):
        make(path)
    for files, folders, path in (
        ([str(named)], None, named),
        ([str(write(tmp_path / "good.conf"))], [str(member.parent)], member),
        (None, None, home / NAME),
    ):
        with pytest.raises(ConfigError, match=re.escape(str(path))) as refusal:
            read_files(files, folders)
        assert told in str(refusal.value)


def test_a_place_that_cannot_be_looked_at_is_not_an_empty_one(home: Path) -> None:
    place = home / ".irqaffinity"
    place.rmdir()
    for make, told in ((loop, "Too many levels"), (Path.touch, "Not a directory"), (dangle, "leads nowhere")):
        make(place)
        with pytest.raises(ConfigError, match=re.escape(str(place))) as refusal:
            read_files(None, None)
        assert told in str(refusal.value)
        place.unlink()
    assert in_our_home(home) == []


def test_a_usual_folder_that_is_none_is_refused(home: Path) -> None:
    write(home / FOLDER)
    with pytest.raises(ConfigError, match=re.escape(f"{home / FOLDER} is not a folder")):
        read_files(None, None)


@pytest.mark.parametrize("value", ["relative", os.devnull, "/nowhere"])
def test_a_home_that_is_none_is_passed_over(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HOME", value)
    assert all(path.startswith("/etc/") for path in read_files(None, None))


AS_NOBODY = """if True:
    import os
    from irqaffinity.conf.files import read_files
    from irqaffinity.conf.places import ConfigError
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        print(*(path for path in read_files(None, None) if not path.startswith("/etc/")))
    except ConfigError as error:
        print("refused:", error)
"""


def as_nobody(home: Path) -> str:
    """Read the usual files as a user that no mode lets through; return what is read, or the refusal."""
    command = [sys.executable, "-c", AS_NOBODY]
    done = subprocess.run(command, env={**os.environ, "HOME": str(home)}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def give(path: Path, mode: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    path.chmod(mode)


@pytest.fixture
def open_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that every user can reach."""
    closed = [(part, part.stat().st_mode) for part in tmp_path.parents if not part.stat().st_mode & stat.S_IXOTH]
    for part, mode in closed:
        part.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
    tmp_path.chmod(0o755)
    yield tmp_path
    for part, mode in closed:
        part.chmod(stat.S_IMODE(mode))


@pytest.mark.parametrize("closed", [".", ".irqaffinity", f".irqaffinity/{NAME}", f".irqaffinity/{FOLDER}"])
def test_what_is_closed_is_refused(open_folder: Path, closed: str) -> None:
    home = open_folder / "home"
    file, folder = home / ".irqaffinity" / NAME, home / ".irqaffinity" / FOLDER
    write(file)
    folder.mkdir()
    for path in (folder, file, file.parent, home):
        give(path, 0o700)
    assert as_nobody(home) == str(file)
    (home / closed).chmod(0)
    told = as_nobody(home)
    (home / closed).chmod(0o700)
    assert told.startswith("refused:")
    assert "Permission denied" in told


def test_the_closed_home_of_another_user_is_no_place_of_ours(open_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user's home can be made by root alone")
    home = open_folder / "home"
    write(home / NAME)
    home.chmod(0o700)
    assert as_nobody(home) == ""


def test_a_home_that_systemd_hides_is_no_place_of_ours(tmp_path: Path) -> None:
    """ProtectHome=yes mounts a folder without any mode over it, which root cannot enter without capabilities."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    home = tmp_path / "home"
    write(home / NAME)
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c"]
    code = AS_NOBODY.replace("os.geteuid() == 0", "False")
    for mount, told in (("true", str(home / NAME)), (f"mount -t tmpfs -o mode=0 none '{home}'", "")):
        command = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh", *bare, code]
        environment = {**os.environ, "HOME": str(home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == told


def test_a_line_that_is_no_option_is_told_without_what_stands_in_it(tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text("[DEFAULT]\ntransport_url rabbit//nova secret\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file}:2: the line has neither = nor a colon")) as refusal:
        parse(str(file))
    assert "secret" not in str(refusal.value)


def test_groups_in_any_case_are_one_and_values_add_up(tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text("[PCI]\ndevice_spec = 1\n[DEFAULT]\nhost = x\n[pci]\ndevice_spec = 2\ndevice-spec = 3\n[empty]\n")
    assert parse(str(file)) == {
        "pci": {"device_spec": [Line(2, "1"), Line(6, "2")], "device-spec": [Line(7, "3")]},
        "DEFAULT": {"host": [Line(4, "x")]},
        "empty": {},
    }


def test_dev_null_is_a_file_with_nothing_in_it():
    assert read_files(["/dev/null"], []) == {"/dev/null": {}}
