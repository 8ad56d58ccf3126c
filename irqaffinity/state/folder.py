# SPDX-License-Identifier: Apache-2.0
"""The folder of the state: private, owned by this user, and never reached through a link."""

import contextlib
import os
import stat
from collections.abc import Iterator

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_PERMISSIONS = 0o777
"""The bits that open a folder to others; setgid, which a folder inherits from its parent, does not."""

_OTHERS_WRITE = 0o022
_REMEDY = "name a folder that can be written with --state or [state] path"

_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC
_NO_WAIT = os.O_NONBLOCK | os.O_NOCTTY

Stamp = tuple[int, int, int, int, int]
"""Device, inode, mode, owner and number of links: they identify a folder or a file, whatever its contents are."""


class StateError(Exception):
    """The state cannot be kept; str() names the path, the fact and the next step."""


class StateFolder:
    """Files in one folder, opened relative to it, so that nobody can put another folder in its place meanwhile.

    `mode` has the most permissions that it may have, and `remedy` says what to do where it cannot be used.
    """

    def __init__(self, path: str, mode: int = _FOLDER_MODE, remedy: str = _REMEDY) -> None:
        self.path = path.rstrip("/") or "/"  # behind a slash a link would be followed
        self._mode = mode
        self._remedy = remedy

    def make(self) -> None:
        """Make the folder if it is missing; raise StateError.

        An empty folder of this user becomes private: Docker and the kubelet make the folders that they mount, with
        0755. A folder that others may write stays as it is, for they may hold it open.
        """
        try:
            os.mkdir(self.path, self._mode)
            os.chmod(self.path, stat.S_IMODE(os.lstat(self.path).st_mode) | self._mode)  # whatever the umask
        except FileExistsError:
            self._close_to_others()
        except OSError as error:
            raise self._unusable(error) from error

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """Give a descriptor of the folder; raise StateError when it is missing, a link, another's or open to others."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._check(os.fstat(fd), self.path, self._mode)
            yield fd
        finally:
            os.close(fd)

    def open_file(self, folder: int, name: str, flags: int) -> int:
        """Open a file of the folder; raise OSError, or StateError for what `find_file` refuses.

        The file is looked at first, because opening a device has effects, and opened without waiting for the writer of
        a FIFO.
        """
        self.find_file(folder, name)
        try:
            fd = os.open(name, flags | _NO_LINK | _NO_WAIT, _FILE_MODE, dir_fd=folder)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._unusable(error, name) from error
        try:
            self._check_file(os.fstat(fd), name)
        except StateError:
            os.close(fd)
            raise
        return fd

    def find_file(self, folder: int, name: str) -> os.stat_result | None:
        """Return the stat of a file in the folder, None where it is missing, without opening it.

        Raises StateError where it is not a regular file with one name, or others own it or can read it.
        """
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error, name) from error
        self._check_file(found, name)
        return found

    def make_file(self, folder: int, name: str) -> None:
        """Make an empty file, 0600 under any umask; raise OSError, also where it exists."""
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, _FILE_MODE, dir_fd=folder)
        try:
            os.fchmod(fd, _FILE_MODE)
        finally:
            os.close(fd)

    def stamp(self, name: str = "") -> Stamp | None:
        """Return the stamp that the path of the folder, or of a file in it, has now; None where nothing is there."""
        try:
            return stamp_of(os.lstat(f"{self.path}/{name}" if name else self.path))
        except OSError:
            return None

    def _close_to_others(self) -> None:
        with contextlib.suppress(OSError):
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK)
            try:
                found = os.fstat(fd)
                is_ours = found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_WRITE
                if is_ours and found.st_mode & _PERMISSIONS & ~self._mode and not os.listdir(fd):
                    os.fchmod(fd, self._mode)
            finally:
                os.close(fd)

    def _check_file(self, found: os.stat_result, name: str) -> None:
        path = f"{self.path}/{name}"
        if stat.S_ISLNK(found.st_mode):
            raise StateError(f"{path} is a link, and links are not followed: move it away")
        if not stat.S_ISREG(found.st_mode):
            raise StateError(f"{path} is not a regular file: move it away")
        if found.st_nlink != 1:
            raise StateError(f"{path} has {found.st_nlink} names (hard links): remove the others")
        self._check(found, path, _FILE_MODE)

    def _check(self, found: os.stat_result, path: str, mode: int) -> None:
        if found.st_uid != os.geteuid():
            raise StateError(f"{path} belongs to uid {found.st_uid} and not to uid {os.geteuid()}: chown it")
        if stat.S_IMODE(found.st_mode) & _PERMISSIONS & ~mode:
            raise StateError(f"{path} has mode {stat.S_IMODE(found.st_mode):04o}: chmod it to {mode:04o}")

    def _unusable(self, error: OSError, name: str = "") -> StateError:
        path = f"{self.path}/{name}" if name else self.path
        if os.path.islink(path):
            return StateError(f"{path} is a link, and links are not followed; {self._remedy}")
        return StateError(f"{path}: {error.strerror}; {self._remedy}")


def stamp_of(found: os.stat_result) -> Stamp:
    """Return the parts of a stat that do not change when the file is used."""
    return found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_nlink
