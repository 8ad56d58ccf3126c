# SPDX-License-Identifier: Apache-2.0
"""Carries out inside the machine what the tests call: JSON, a line a call and a line an answer, over a virtio port."""

import importlib
import json
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

_PORTS = Path("/sys/class/virtio-ports")


def main() -> None:
    """Serve until the machine ends."""
    subprocess.run(["modprobe", "virtio_console"], check=True)
    name = next(port.name for port in _PORTS.iterdir() if (port / "name").read_text().strip() == "runner")
    with open(f"/dev/{name}", "r+b", buffering=0) as port:
        answer(port, {"id": 0})
        received = b""
        while chunk := port.read(65536):
            *lines, received = (received + chunk).split(b"\n")
            for line in lines:
                answer(port, carry_out(json.loads(line)))


def carry_out(request: dict[str, Any]) -> dict[str, Any]:
    """Call what the request names; the answer has the result, or the traceback as its error."""
    module, _, function = request["function"].partition(":")
    try:
        called = getattr(importlib.import_module(module), function)
        return {"id": request["id"], "result": called(*request["arguments"], **request["named"])}
    except Exception:  # noqa: BLE001  whatever it is, the test is told
        print(traceback.format_exc(), file=sys.stderr)
        return {"id": request["id"], "error": traceback.format_exc()}


def answer(port: Any, what: dict[str, Any]) -> None:
    """Write one answer whole."""
    left = json.dumps(what).encode() + b"\n"
    while left:
        left = left[port.write(left) :]


if __name__ == "__main__":
    main()
