# SPDX-License-Identifier: Apache-2.0
"""What slow, silent, impatient and many clients are to the server, which is a process of its own (served.py)."""

import collections
import contextlib
import os
import re
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irqaffinity.daemon.web import most_connections
from tests.functional.agent import LIMIT, wait_for
from tests.patience import HANG, Patience

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
FOR_EVER = 86400.0
MOST = 16
BEGUN = b"GET /metrics HTTP/1.1\r\nX: "
WHOLE = b"GET /healthz HTTP/1.1\r\n\r\n"


class Server:
    """The process, and its clients."""

    def __init__(self, folder: Path, **options: float) -> None:
        self.errors = folder / "errors"
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.unit.daemon.served", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.port = int(self.tell("port"))
        self.clients: collections.deque[socket.socket] = collections.deque()
        self.check()
        self.wait_visits(0)
        self.idle_descriptors = self.descriptors()

    def tell(self, what: str) -> str:
        """Have the process do something, and return what it says."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(what, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def connect(self, data: bytes = b"", host: str = HERE, receive_buffer: int = 0) -> socket.socket:
        """Return a connection on which so much was sent, which stays open."""
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(HANG)
        client.bind((host, 0))
        self.clients.append(client)
        client.connect((HERE, self.port))
        client.sendall(data)
        return client

    def check(self) -> None:
        """Fail unless /healthz answers."""
        assert whole(self.connect(WHOLE)).startswith(b"HTTP/1.1 200 OK\r\n")
        self.clients.pop().close()

    def descriptors(self) -> int:
        """Return how many the process has."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def wait_visits(self, number: int) -> None:
        """Wait until so many connections stand."""
        wait_for(f"{number} connections", lambda: self.tell("visits") == str(number))

    def threads(self) -> int:
        """Return how many it has."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def turns(self) -> tuple[int, int]:
        """Return how often the loop looked for something to do, and how often it asked for a connection."""
        turns, accepts = self.tell("turns").split()
        return int(turns), int(accepts)

    def told(self) -> str:
        """Return what the process wrote on standard error."""
        return self.errors.read_text()

    def close(self) -> None:
        """End all of it."""
        for client in self.clients:
            client.close()
        self.process.kill()
        self.process.communicate()


def whole(client: socket.socket) -> bytes:
    """Return all that comes until the other side ends it; raise where that breaks the connection."""
    return b"".join(iter(lambda: client.recv(65536), b""))


def is_ended(client: socket.socket) -> bool:
    """Wait until the other side has ended a connection, and tell whether it did so without a word."""
    patience = Patience(LIMIT)
    while not patience.is_over():
        client.settimeout(0.1)
        try:
            return client.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            continue
    return False


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts the server. Without a limit its connections last for ever."""
    with contextlib.ExitStack() as stack:

        def start(**options: float) -> Server:
            server = Server(tmp_path, **{"limit": FOR_EVER, **options})
            stack.callback(server.close)
            return server

        yield start


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", 200),
        (b"GET /metrics?x=1 HTTP/1.1\r\n\r\n", 200),
        (b"GET /readyz HTTP/1.1\r\n\r\n", 503),
        (b"GET / HTTP/1.1\r\n\r\n", 200),
        (b"GET /other HTTP/1.1\r\n\r\n", 404),
        (b"POST /healthz HTTP/1.1\r\n\r\n", 405),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", 200),
        (b"hello\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000, 431),
    ],
)
def test_each_request_has_its_answer(serve: Callable[..., Server], data: bytes, status: int) -> None:
    assert whole(serve().connect(data)).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_usual_client_is_answered_and_leaves_no_line(serve: Callable[..., Server]) -> None:
    server = serve()
    with urllib.request.urlopen(f"http://{HERE}:{server.port}/healthz", timeout=HANG) as answer:
        assert (answer.headers["Content-Type"], answer.headers["Content-Length"]) == ("text/plain", "3")
        assert answer.read() == b"ok\n"
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        urllib.request.urlopen(f"http://{HERE}:{server.port}/elsewhere", timeout=HANG)
    assert caught.value.read() == b"/metrics, /, /healthz, /readyz\n"
    caught.value.close()
    assert server.told() == ""


def test_each_page_has_its_type_its_headers_and_its_body(serve: Callable[..., Server]) -> None:
    server = serve()
    with urllib.request.urlopen(f"http://{HERE}:{server.port}/", timeout=HANG) as answer:
        assert (answer.headers["Content-Type"], answer.headers["X-Extra"]) == ("text/html; charset=utf-8", "1")
        assert answer.read() == "<p>ü".encode()
    with urllib.request.urlopen(f"http://{HERE}:{server.port}/metrics", timeout=HANG) as answer:
        assert (answer.headers["Content-Type"], answer.headers["X-Extra"]) == ("text/plain", None)
        assert answer.read() == b"x" * 10


def test_what_is_not_well_tells_each_reason(serve: Callable[..., Server]) -> None:
    answer = whole(serve().connect(b"GET /readyz HTTP/1.1\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nContent-Type: text/plain\r\n" in answer
    assert answer.endswith(b"\r\n\r\nnot ok: the first reason\nnot ok: the second one\n")


def test_another_method_learns_which_ones_there_are(serve: Callable[..., Server]) -> None:
    answer = whole(serve().connect(b"DELETE /metrics HTTP/1.1\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert b"\r\nAllow: GET, HEAD\r\n" in answer


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/readyz", "/other"])
def test_head_gives_what_get_gives_without_the_body(serve: Callable[..., Server], path: str) -> None:
    server = serve()
    head, full = (whole(server.connect(f"{word} {path} HTTP/1.1\r\n\r\n".encode())) for word in ("HEAD", "GET"))
    assert re.sub(rb"Date: [^\r]*", b"", full).startswith(re.sub(rb"Date: [^\r]*", b"", head))
    assert head.endswith(b"\r\n\r\n")
    assert int(re.findall(rb"Content-Length: (\d+)", head)[0]) == len(full) - len(head) > 0


def test_who_waits_for_one_page_gets_no_other(serve: Callable[..., Server]) -> None:
    server = serve()
    server.tell("hold")
    waiting = server.connect(b"GET /metrics HTTP/1.1\r\n\r\n")
    assert "<p>ü".encode() in whole(server.connect(b"GET / HTTP/1.1\r\n\r\n"))
    server.check()
    server.tell("make")
    assert whole(waiting).endswith(b"x" * 10)


@pytest.mark.parametrize("host", [HERE, ELSEWHERE])
@pytest.mark.parametrize(
    ("data", "receive_buffer"),
    [(b"", 0), (b"GE", 0), (BEGUN, 0), (b"GET /metrics HTTP/1.1\r\n\r\n", 1), (WHOLE, 0)],
    ids=["silent", "in the request line", "in the headers", "reads nothing of much", "does not end it"],
)
def test_a_hundred_slow_clients_keep_no_check_waiting(
    serve: Callable[..., Server], data: bytes, receive_buffer: int, host: str
) -> None:
    server = serve(size=8 << 20)
    for _ in range(10):
        for _ in range(10):
            server.connect(data, host, receive_buffer)
        server.check()
        assert server.descriptors() <= server.idle_descriptors + MOST + 1
        assert server.threads() <= 4  # main, the loop, the reader of commands, and the maker of the metrics
    before = server.turns()[0]
    server.check()
    assert server.turns()[0] - before < 100
    assert "Traceback" not in server.told()


def test_five_thousand_connections_that_stay_keep_no_check_waiting(serve: Callable[..., Server]) -> None:
    server = serve()
    for number in range(5000):
        server.connect(BEGUN)
        if len(server.clients) > 200:
            server.clients.popleft().close()
        if number % 250 == 0:
            server.check()
            assert server.descriptors() <= server.idle_descriptors + MOST + 1
    assert server.turns()[1] < 6000
    assert server.threads() <= 4


def test_who_has_the_most_connections_loses_the_oldest(serve: Callable[..., Server]) -> None:
    server = serve()
    other = server.connect(b"GET /healthz HTTP/1.1\r\n", ELSEWHERE)
    many = [server.connect(BEGUN) for _ in range(MOST - 1)]
    server.connect(BEGUN)
    assert is_ended(many[0])
    for _ in range(5 * MOST):
        server.connect(BEGUN)
    assert all(is_ended(client) for client in many)
    other.sendall(b"\r\n")
    assert whole(other).endswith(b"ok\n")


@pytest.mark.parametrize("how", ["request", "answer", "end"])
def test_a_connection_has_one_limit_from_its_start_to_its_end(serve: Callable[..., Server], how: str) -> None:
    """However often something comes or is read meanwhile."""
    server = serve(limit=0.5, size=64 << 20)
    if how == "request":
        client = server.connect(BEGUN)
        with pytest.raises(ConnectionError):
            wait_for("the end", lambda: client.send(b"x") != 1)
    elif how == "answer":
        client = server.connect(b"GET /metrics HTTP/1.1\r\n\r\n", receive_buffer=1)
        with contextlib.suppress(ConnectionError):  # or without an error, where the kernel has sent all by then
            wait_for("the end", lambda: not client.recv(1) or not client.send(b"x"))
    else:
        client = server.connect(WHOLE)
        with pytest.raises(ConnectionError):
            wait_for("the end", lambda: client.send(b"x") != 1)
    server.wait_visits(0)
    assert server.told().count("got no answer") == (how != "end")


def test_what_is_sent_without_end_is_not_read_without_end(serve: Callable[..., Server]) -> None:
    server = serve()
    client = server.connect(WHOLE)
    with pytest.raises(ConnectionError):
        wait_for("the end", lambda: client.sendall(b"x" * 4096) is not None)
    server.check()


def test_connections_that_are_reset_are_a_line_of_debug_each_at_most(serve: Callable[..., Server]) -> None:
    server = serve()
    server.tell("hold")
    for data in (b"", BEGUN, b"GET /metrics HTTP/1.1\r\n\r\n") * 100:
        client = server.connect(data)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.clients.pop().close()
    server.check()
    server.wait_visits(0)
    assert server.descriptors() == server.idle_descriptors
    lines = server.told().splitlines()
    assert len(lines) <= 300
    assert all(re.fullmatch(r"metrics: 127\.0\.0\.1 got no answer: .*", line) for line in lines)


def test_one_that_ends_its_side_is_answered_once_it_has_asked(serve: Callable[..., Server]) -> None:
    server = serve()
    for path in ("/healthz", "/metrics"):
        client = server.connect(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        client.shutdown(socket.SHUT_WR)
        assert whole(client).startswith(b"HTTP/1.1 200 OK\r\n")
    server.tell("hold")
    client = server.connect(b"GET /metrics HTTP/1.1\r\n\r\n")
    client.shutdown(socket.SHUT_WR)
    turns = server.turns()[0]
    for _ in range(10):
        server.check()
    assert server.turns()[0] - turns < 100
    server.tell("make")
    assert whole(client).startswith(b"HTTP/1.1 200 OK\r\n")
    client = server.connect(BEGUN)
    client.shutdown(socket.SHUT_WR)
    assert whole(client) == b""
    server.wait_visits(0)
    assert server.descriptors() == server.idle_descriptors


def test_of_several_requests_at_once_the_first_is_answered_and_its_answer_comes_whole(
    serve: Callable[..., Server],
) -> None:
    answer = whole(serve(size=1 << 20).connect(b"GET /metrics HTTP/1.1\r\n\r\n" + 500 * WHOLE))
    assert answer.count(b"HTTP/1.1") == 1
    assert len(answer.partition(b"\r\n\r\n")[2]) == 1 << 20


def test_no_check_waits_for_the_metrics_which_are_made_once_for_all_who_wait(serve: Callable[..., Server]) -> None:
    server = serve()
    server.tell("hold")
    waiting = [server.connect(b"GET /metrics HTTP/1.1\r\n\r\n") for _ in range(MOST // 2)]
    for _ in range(3):
        server.check()
    server.tell("make")
    assert [whole(client).endswith(b"x" * 10) for client in waiting] == [True] * len(waiting)
    assert server.tell("made") in {"1", "2"}  # 2: one came when the first page was just made
    assert server.threads() <= 4


def test_without_a_descriptor_one_is_taken_from_another_client(serve: Callable[..., Server]) -> None:
    server = serve(descriptors=64)
    begun = [server.connect(BEGUN) for _ in range(3)]
    server.wait_visits(3)
    server.tell("fill")
    for client in begun:
        assert whole(server.connect(WHOLE)).endswith(b"ok\n")
        server.clients.pop().close()
        assert is_ended(client)
        server.wait_visits(2 - begun.index(client))
        server.tell("fill")


def test_without_any_descriptor_each_connection_is_turned_away_at_once(serve: Callable[..., Server]) -> None:
    server, count = serve(descriptors=64), 50
    server.tell("fill")
    turns, accepts = server.turns()
    assert all(is_ended(server.connect(BEGUN)) for _ in range(count))
    after = server.turns()
    assert after[0] - turns <= 2 * count
    assert after[1] - accepts <= 2 * count
    server.tell("free")
    server.check()


def test_where_none_can_even_be_turned_away_the_loop_waits_and_serves_them_later(
    serve: Callable[..., Server],
) -> None:
    server = serve(descriptors=64)
    server.tell("fill")
    server.tell("rob")
    turns, accepts = server.turns()
    waiting = [server.connect(WHOLE) for _ in range(5)]
    wait_for("some tries", lambda: server.told().count("turned away") >= 3)
    after, tries = server.turns(), server.told().count("turned away")
    assert after[0] - turns <= 3 * tries
    assert after[1] - accepts <= 2 * tries
    server.tell("free")
    assert all(whole(client).endswith(b"ok\n") for client in waiting)


@pytest.mark.parametrize(("soft", "most"), [(1024, 16), (128, 16), (64, 8), (32, 4), (7, 1), (-1, 16)])
def test_where_descriptors_are_few_connections_are_fewer(monkeypatch: pytest.MonkeyPatch, soft: int, most: int) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _which: (soft, -1))
    assert most_connections() == most


def test_a_sandbox_that_forbids_to_ask_how_many_there_are_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_which: int) -> tuple[int, int]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("resource.getrlimit", refuse)
    assert most_connections() == MOST
