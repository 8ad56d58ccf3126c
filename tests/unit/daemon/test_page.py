# SPDX-License-Identifier: Apache-2.0
"""What is made of a request, and of a page that fails."""

import random
import select
import string
import threading
from http import HTTPStatus

import pytest

from irqaffinity.daemon.page import LARGEST, Page, Request, head_of, read_request, reply
from tests.patience import HANG


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", Request("/healthz")),
        (b"GET /healthz HTTP/1.0\r\n\r\n", Request("/healthz")),
        (b"GET /healthz?verbose=1 HTTP/1.1\n\n", Request("/healthz")),
        (b"\r\n\r\nGET / HTTP/1.1\r\n\r\nGET /second HTTP/1.1\r\n\r\n", Request("/")),
        (b"GET /\xff HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /healthz\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /healthz HTTP/2.0\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"nonsense\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"\x16\x03\x01\x02\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", HTTPStatus.METHOD_NOT_ALLOWED),
        (b"HEAD /metrics?a HTTP/1.1\r\n\r\n", Request("/metrics", is_head=True)),
        (b"head /metrics HTTP/1.1\r\n\r\n", HTTPStatus.METHOD_NOT_ALLOWED),
        (b"get /metrics HTTP/1.1\r\n\r\n", HTTPStatus.METHOD_NOT_ALLOWED),
        (b"", None),
        (b"\r\n\r\n", None),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n", None),
        (b"G" * (LARGEST - 1), None),
        (b"G" * LARGEST, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * LARGEST + b"\r\n\r\n", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    ],
)
def test_what_is_asked_for(data: bytes, found: object) -> None:
    assert read_request(data) == found


def test_no_bytes_are_a_trouble_and_each_path_can_be_printed() -> None:
    dice = random.Random(13)
    parts = [b"GET ", b"/metrics", b" HTTP/1.1", b"\r\n", b"\n", b"\0", b"\xff\xfe", b" ", b"?", b"%0a", b"\x1b[2J"]
    for _ in range(20_000):
        data = b"".join(dice.choice([*parts, dice.randbytes(dice.randrange(9))]) for _ in range(dice.randrange(12)))
        found = read_request(data)
        if isinstance(found, Request):
            assert set(found.path) <= set(string.printable) - set(" \t\r\n")


def test_a_reply_has_its_type_and_length_and_ends_the_connection() -> None:
    head, _empty, body = reply(HTTPStatus.OK, "größer\n", "text/x").partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers.pop("Date").endswith(" GMT")
    assert headers == {"Server": "irqaffinity", "Content-Type": "text/x", "Content-Length": "9", "Connection": "close"}
    assert (first, body) == ("HTTP/1.1 200 OK", "größer\n".encode())


def test_a_reply_may_have_more_headers_and_its_head_is_all_but_its_body() -> None:
    made = reply(HTTPStatus.OK, "a\r\n\r\nb", headers={"X-One": "1", "X-Two": "2"})
    assert b"\r\nX-One: 1\r\nX-Two: 2\r\n" in made
    assert head_of(made) + b"a\r\n\r\nb" == made


def test_another_method_learns_which_ones_there_are() -> None:
    assert b"\r\nAllow: GET, HEAD\r\n" in reply(HTTPStatus.METHOD_NOT_ALLOWED)


def take(page: Page) -> bytes:
    """Return what a page makes."""
    page.ask()
    assert select.select([page.made], [], [], HANG)[0]
    return page.take()


def test_a_page_that_cannot_be_made_is_an_error_once_and_made_when_it_can_be(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    steps = iter([ValueError("a\nb"), ValueError("a\nb"), "made", ValueError("a\nb")])

    def render() -> str:
        step = next(steps)
        if isinstance(step, Exception):
            raise step
        return step

    page = Page("text/plain", render, fresh=0.0)
    assert [take(page).split()[1] for _ in range(4)] == [b"500", b"500", b"200", b"500"]
    told = "metrics: no page made: ValueError: a\\x0ab"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", told),
        ("DEBUG", told),
        ("ERROR", told),
    ]


def test_a_process_that_may_have_no_more_threads_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    page = Page("text/plain", lambda: "made", fresh=0.0)
    with monkeypatch.context() as full:
        full.setattr("threading.Thread.start", refuse)
        assert take(page).split()[1] == b"500"
    assert take(page).split()[1] == b"200"


def test_a_page_that_was_made_a_moment_ago_is_given_out_again() -> None:
    made: list[int] = []

    def render() -> str:
        made.append(1)
        return "made"

    page = Page("text/plain", render, fresh=3600.0)
    assert take(page) == take(page)
    assert made == [1]
