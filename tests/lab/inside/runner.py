# SPDX-License-Identifier: Apache-2.0
"""Makes the calls of the tests inside the machine: JSON, one line a call and one an answer, over a virtio port."""

import importlib
import json
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from tests.lab.inside import processes

_PORTS = Path("/sys/class/virtio-ports")


def main() -> None:
    """Serve until the machine ends."""
    subprocess.run(["modprobe", "virtio_console"], check=True)
    name = next(port.name for port in _PORTS.iterdir() if (port / "name").read_text().strip() == "runner")
    with open(f"/dev/{name}", "r+b", buffering=0) as port:
        line = Line(port)
        processes.own_time = line.own_time
        line.write({"id": 0})
        while request := line.read():
            line.write(carry_out(request))


class Line:
    """The line to the tests. While a call is carried out, a wait in it asks there for the machine's own time."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._received = b""
        self._asking = threading.Lock()

    def own_time(self, what: str, waited: float) -> float:
        """Ask; any thread may."""
        with self._asking:
            self.write({"waiting": what, "waited": waited})
            return float(self.read()["own"])

    def read(self) -> dict[str, Any]:
        """Return the next line, empty at the end."""
        while b"\n" not in self._received:
            chunk = self._port.read(65536)
            if not chunk:
                return {}
            self._received += chunk
        said, _, self._received = self._received.partition(b"\n")
        found: dict[str, Any] = json.loads(said)
        return found

    def write(self, what: dict[str, Any]) -> None:
        """Write one line whole."""
        left = json.dumps(what).encode() + b"\n"
        while left:
            left = left[self._port.write(left) :]


def carry_out(request: dict[str, Any]) -> dict[str, Any]:
    """Call what the request names; the answer has the result, or the traceback as its error."""
    module, _, function = request["function"].partition(":")
    try:
        called = getattr(importlib.import_module(module), function)
        return {"id": request["id"], "result": called(*request["arguments"], **request["named"])}
    except Exception:  # noqa: BLE001  whatever it is, the test is told
        print(traceback.format_exc(), file=sys.stderr)
        return {"id": request["id"], "error": traceback.format_exc()}


if __name__ == "__main__":
    main()
