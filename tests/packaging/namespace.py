# SPDX-License-Identifier: Apache-2.0
"""A mount namespace for programs that mount: whatever they leave goes with it."""

import subprocess
from pathlib import Path

from tests.patience import HANG

_ENTER = """
set -e
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount -R /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
fi
echo entered
exec cat
"""
"""crun does not start where versions 1 and 2 of cgroups stand side by side; here it sees the second alone."""


class Namespace:
    """Lives until `close`, or until the test's process ends."""

    def __init__(self) -> None:
        command = ["unshare", "--mount", "sh", "-c", _ENTER]
        self._keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == "entered\n"

    def close(self) -> None:
        """Leave the namespace; it ends with the last process in it."""
        self._keeper.communicate()

    def command(self, *command: str | Path) -> list[str]:
        """Return a command that runs inside."""
        return ["nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", "--", *map(str, command)]

    def run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command inside; when it fails, what it printed is the error."""
        done = subprocess.run(self.command(*command), capture_output=True, text=True, timeout=HANG, check=False)
        assert not check or done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}"
        return done
