# SPDX-License-Identifier: Apache-2.0
"""How Ansible reaches a sandbox: by its namespaces, as it reaches a container or a chroot elsewhere."""

import os
import shutil
import subprocess

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: sandbox
short_description: Runs modules in the sandbox of a test
description: [Enters the namespaces of the process whose id is the host's address.]
options:
  host:
    description: The id of the process.
    vars: [{name: ansible_host}]
"""


class Connection(ConnectionBase):
    """One sandbox."""

    transport = "sandbox"
    has_pipelining = True

    def _connect(self) -> "Connection":
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:  # noqa: ARG002
        """Run a command inside."""
        target = self.get_option("host")
        command = ["nsenter", f"--target={target}", "--mount", "--pid", "--root", "--wdns=/", "/bin/sh", "-c", cmd]
        done = subprocess.run(command, input=in_data, capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into it."""
        shutil.copyfile(in_path, self._inside(out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of it."""
        shutil.copyfile(self._inside(in_path), out_path)

    def close(self) -> None:
        """Leave nothing."""

    def _inside(self, path: str) -> str:
        return f"/proc/{self.get_option('host')}/root{os.path.abspath(path)}"
