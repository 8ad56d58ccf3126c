# SPDX-License-Identifier: Apache-2.0
"""A socket that answers as some version of irqbalance does, or not at all, and counts what it is asked."""

import contextlib
import socket
import threading
from pathlib import Path

PID = 77
_NOTHING = "nothing"


class FakeBalancer:
    """Listens in a folder. What it is told shows at `scan`, and `setup` shows CPUs as of the last one.

    It reads `reads` bytes of an order, and keeps `keeps` characters of a list of interrupts. While `is_silent` it takes
    the connections, and holds what it is asked.
    """

    def __init__(self, folder: Path, reads: int = 500, keeps: int = 16384) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.asked: list[str] = []
        self.cpus = self.new_cpus = "0"
        self.irqs: list[int] = []
        self.sleep = 1
        self.answer: bytes | None = None
        self.is_silent = False
        self.held: list[socket.socket] = []
        self._reads, self._keeps = reads, keeps
        self._turn = threading.Lock()
        self._path = folder / f"irqbalance{PID}.sock"
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self._path))
        self._server.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def told(self) -> list[str]:
        """What it was told, in order."""
        self._catch_up()
        return [text for text in self.asked if text != "setup"]

    def scan(self) -> None:
        """Take the CPUs that it was told."""
        self._catch_up()
        self.cpus = self.new_cpus

    def speak(self) -> None:
        """Answer what was asked while it was silent, and what comes now."""
        with self._turn:
            self.is_silent = False
            held, self.held = self.held, []
        for connection in held:
            self._answer(connection)

    def close(self) -> None:
        """Go away."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        self._path.unlink(missing_ok=True)
        for connection in self.held:
            connection.close()

    def _catch_up(self) -> None:
        """Wait until it has read what it was sent so far."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(self._path))
            connection.sendall(_NOTHING.encode())
            assert connection.recv(1) == b""

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            text = connection.recv(self._reads).decode()
            if text == _NOTHING:
                connection.close()
                continue
            self.asked.append(text)
            if text.startswith("settings ban irqs "):
                kept = text.removeprefix("settings ban irqs ")[: self._keeps]
                self.irqs = [] if kept == "NONE" else [int(word) for word in kept.split()]
            elif text.startswith("settings cpus "):
                self.new_cpus = _mask(text.removeprefix("settings cpus "))
            elif self._hold(connection):
                continue
            else:
                self._answer(connection)
            connection.close()

    def _hold(self, connection: socket.socket) -> bool:
        with self._turn:  # else one might be held that `speak` does not see any more
            if self.is_silent:
                self.held.append(connection)
            return self.is_silent

    def _answer(self, connection: socket.socket) -> None:
        irqs = "".join(f"IRQ {number} LOAD 0 DIFF 0 CLASS 0 " for number in self.irqs)
        text = f"SLEEP {self.sleep} {irqs}BANNED {self.cpus}".encode()
        with contextlib.suppress(OSError):
            connection.sendall(text if self.answer is None else self.answer)
        connection.close()


def _mask(cpus: str) -> str:
    bits = 0
    for part in cpus.split(",") if cpus != "NULL" else ():
        first, _, last = part.partition("-")
        bits |= sum(1 << cpu for cpu in range(int(first), int(last or first) + 1))
    return f"{bits:08x}"
