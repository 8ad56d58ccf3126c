# SPDX-License-Identifier: Apache-2.0
"""The folder of the state: private, ours, never reached through a link."""

import os
import stat
from pathlib import Path

import pytest

from irqaffinity.state.folder import StateError, StateFolder, stamp_of

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another uid")


@pytest.fixture
def no_umask():
    """Withhold nothing from the modes that are asked for."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_folder(path: Path | str) -> None:
    with StateFolder(str(path)).opened() as fd:
        assert os.path.samestat(os.fstat(fd), os.stat(path))


def open_file(path: Path, name: str, flags: int = os.O_RDONLY) -> None:
    folder = StateFolder(str(path))
    with folder.opened() as inside:
        os.close(folder.open_file(inside, name, flags))


@pytest.mark.usefixtures("no_umask")
def test_what_is_made_is_private_under_any_umask(tmp_path):
    folder = StateFolder(str(tmp_path / "new"))
    folder.make()
    open_file(tmp_path / "new", "file", os.O_WRONLY | os.O_CREAT)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new/file").stat().st_mode) == 0o600


def test_making_a_folder_that_is_there_changes_nothing(path):
    (path / "kept").touch()
    path.chmod(0o500)
    StateFolder(str(path)).make()
    assert stat.S_IMODE(path.stat().st_mode) == 0o500
    assert (path / "kept").exists()


def test_an_empty_folder_that_a_runtime_made_becomes_private(path):
    path.chmod(0o755)
    StateFolder(str(path)).make()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    open_folder(path)


@pytest.mark.parametrize(
    ("mode", "owner", "names"),
    [(0o775, -1, []), (0o757, -1, []), (0o755, -1, ["state.json"]), pytest.param(0o755, 12345, [], marks=as_root)],
    ids=["a group may write it", "all may write it", "it has something", "it is another's"],
)
def test_a_folder_that_others_may_have_used_stays_open_and_refused(path, mode, owner, names):
    for name in names:
        (path / name).touch(mode=0o600)
    path.chmod(mode)
    os.chown(path, owner, -1)
    StateFolder(str(path)).make()
    assert stat.S_IMODE(path.stat().st_mode) == mode
    with pytest.raises(StateError):
        open_folder(path)


def test_what_a_link_points_to_is_not_made_private(path):
    path.chmod(0o755)
    path.with_name("link").symlink_to(path)
    StateFolder(str(path.with_name("link"))).make()
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_a_folder_that_cannot_be_made_is_named_with_the_next_step(tmp_path):
    with pytest.raises(StateError, match=r"/missing/state: No such file or directory; .*\[state\] path"):
        StateFolder(str(tmp_path / "missing/state")).make()


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(StateError, match="No such file or directory"):
        open_folder(tmp_path / "missing")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "state").touch(mode=0o600)
    with pytest.raises(StateError, match="Not a directory"):
        open_folder(tmp_path / "state")


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_folder_that_is_a_link_is_refused(path, ending):
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(StateError, match=r"link is a link, and links are not followed; name a folder"):
        open_folder(f"{link}{ending}")


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o720, 0o1710])
def test_a_folder_open_to_others_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(StateError, match=f"state has mode {mode:04o}: chmod it to 0700"):
        open_folder(path)


def test_a_folder_that_was_made_in_one_with_setgid_is_accepted(tmp_path):
    tmp_path.chmod(0o2775)
    folder = StateFolder(str(tmp_path / "state"))
    folder.make()
    with folder.opened():
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o2700


@as_root
def test_a_folder_of_another_uid_is_refused(path):
    os.chown(path, 12345, -1)
    with pytest.raises(StateError, match="state belongs to uid 12345 and not to uid 0"):
        open_folder(path)


def test_a_file_that_is_missing_stays_a_plain_fact(path):
    with pytest.raises(FileNotFoundError):
        open_file(path, "file")


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC])
@pytest.mark.parametrize("target", ["target", "dangling"])
def test_a_file_that_is_a_link_is_refused_and_its_target_left_alone(path, target, flags):
    (path.parent / "target").write_text("kept")
    (path.parent / "target").chmod(0o600)
    (path / "file").symlink_to(path.parent / target)
    with pytest.raises(StateError, match="file is a link"):
        open_file(path, "file", flags)
    assert (path.parent / "target").read_text() == "kept"
    assert not (path.parent / "dangling").exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o700])
def test_a_file_open_to_others_is_refused(path, mode):
    (path / "file").touch()
    (path / "file").chmod(mode)
    with pytest.raises(StateError, match=f"state/file has mode {mode:04o}: chmod it to 0600"):
        open_file(path, "file")


@as_root
def test_a_file_of_another_uid_is_refused(path):
    (path / "file").touch(mode=0o600)
    os.chown(path / "file", 12345, -1)
    with pytest.raises(StateError, match="state/file belongs to uid 12345"):
        open_file(path, "file")


def test_a_folder_in_place_of_a_file_is_refused(path):
    (path / "file").mkdir(mode=0o700)
    with pytest.raises(StateError, match="state/file"):
        open_file(path, "file")


def test_files_are_of_the_folder_that_was_opened_also_when_another_takes_its_name(path):
    folder = StateFolder(str(path))
    with folder.opened() as inside:
        path.rename(path.with_name("moved"))
        path.mkdir(mode=0o700)
        os.close(folder.open_file(inside, "file", os.O_WRONLY | os.O_CREAT))
    assert [entry.name for entry in path.with_name("moved").iterdir()] == ["file"]
    assert list(path.iterdir()) == []


def test_no_descriptor_is_left_open_after_a_refusal(path):
    (path / "file").touch(mode=0o600)
    (path / "file").chmod(0o644)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(StateError):
        open_file(path, "file")
    path.chmod(0o755)
    with pytest.raises(StateError):
        open_folder(path)
    assert set(os.listdir("/proc/self/fd")) <= before


def test_a_file_is_looked_at_without_being_opened(path):
    folder = StateFolder(str(path))
    with folder.opened() as inside:
        assert folder.find_file(inside, "file") is None
        assert folder.stamp("file") is None
        folder.make_file(inside, "file")
        found = folder.find_file(inside, "file")
        assert found == (path / "file").lstat()
        before = folder.stamp("file")
        (path / "file").write_text("x")
        assert folder.stamp("file") == before == stamp_of(found)
        (path / "file").chmod(0o400)
        assert folder.stamp("file") != before
        with pytest.raises(FileExistsError):
            folder.make_file(inside, "file")
    assert folder.stamp() == stamp_of(path.lstat())


@pytest.mark.parametrize("umask", [0, 0o777])
def test_a_file_that_is_made_is_private_under_any_umask(path, umask):
    folder = StateFolder(str(path))
    with folder.opened() as inside:
        before = os.umask(umask)
        try:
            folder.make_file(inside, "file")
        finally:
            os.umask(before)
    assert stat.S_IMODE((path / "file").stat().st_mode) == 0o600
    assert (path / "file").read_bytes() == b""


def test_a_fifo_is_no_file_of_the_state(path):
    os.mkfifo(path / "file", 0o600)
    folder = StateFolder(str(path))
    with folder.opened() as inside, pytest.raises(StateError, match="state/file is not a regular file: move it away"):
        folder.find_file(inside, "file")
