# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven over the pipe of its DevTools protocol (https://chromedevtools.github.io)."""

import base64
import contextlib
import fcntl
import json
import os
import select
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.patience import HANG, Patience

_END = b"\0"
_READS, _WRITES = 3, 4
"""The descriptors that --remote-debugging-pipe takes."""

_OPTIONS = (
    "--headless",
    "--no-sandbox",  # root cannot have one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
)
_WATCHED = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}


class Browser:
    """One page of a Chromium of its own. `complaints` are its console's, `requests` what it asked for, since `open`."""

    def __init__(self, process: int, reads: int, writes: int) -> None:
        self.process = process
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._reads, self._writes = reads, writes
        self._data = b""
        self._number = 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method, and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + _END
        while data:
            data = data[os.write(self._writes, data) :]
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])

    def open(self, url: str, width: int, scheme: str = "light", *, scripts: bool = True) -> None:
        """Load a page in a window of this width, with or without its scripts."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media="", features=features)
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.complaints, self.requests = [], []
        self._loaded = False
        found = self.call("Page.navigate", url=url)
        assert "errorText" not in found, found
        while not self._loaded:
            self._receive()

    def run(self, expression: str) -> Any:
        """Return the value of an expression in the page, which JSON can have."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, path: Path) -> None:
        """Store what the whole page looks like, as PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def paper(self) -> bytes:
        """Return the page as it is printed, as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def _receive(self) -> dict[str, Any]:
        patience = Patience(HANG)
        while _END not in self._data:
            assert not patience.is_over(), "Chromium does not answer"
            if select.select([self._reads], [], [], 1.0)[0]:
                more = os.read(self._reads, 1 << 20)
                assert more, "Chromium has ended"
                self._data += more
        text, _, self._data = self._data.partition(_END)
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, event: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])
        elif method in _WATCHED:
            self.complaints.append(json.dumps(event))


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a Chromium whose profile is in `folder`, and end it with all that it left in a folder for temporary files.

    The path of that one is short, for a socket is in it.
    """
    with tempfile.TemporaryDirectory(prefix="irqaffinity-", ignore_cleanup_errors=True) as temporary:
        process, reads, writes = _start(folder, temporary)
        try:
            yield Browser(process, reads, writes)
        finally:
            os.close(reads)
            os.close(writes)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _start(folder: Path, temporary: str) -> tuple[int, int, int]:
    """Return the process, and our ends of its pipes."""
    their_reads, our_writes = os.pipe()
    our_reads, their_writes = os.pipe()
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (their_reads, their_writes)]
    log = os.open(folder / "chromium.log", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
        (os.POSIX_SPAWN_DUP2, high[0], _READS),
        (os.POSIX_SPAWN_DUP2, high[1], _WRITES),
    ]
    command = ["chromium", *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    environment = {**os.environ, "HOME": str(folder), "TMPDIR": temporary}
    process = os.posix_spawnp("chromium", command, environment, file_actions=actions, setpgroup=0)
    for fd in (their_reads, their_writes, *high, log):
        os.close(fd)
    return process, our_reads, our_writes
