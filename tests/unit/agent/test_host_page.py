# SPDX-License-Identifier: Apache-2.0
"""The page at / of the metrics server."""

import select
import subprocess
import sys

from irqaffinity.agent.host_page import host_page
from irqaffinity.agent.view import View
from irqaffinity.daemon.page import Page
from tests.fakes.scene import VF0, Scene
from tests.patience import HANG


def get(page: Page) -> tuple[str, str]:
    """Return the headers and the body of the page, made anew."""
    page.ask()
    assert select.select([page.made], [], [], HANG)[0]
    headers, _, body = page.take().decode().partition("\r\n\r\n")
    return headers, body


def test_the_page_shows_what_the_last_passes_made_of_the_host(scene: Scene) -> None:
    scene.add_guest(VF0)
    view = View("cmp-12")
    view.saw(scene.auditor.audit(), 0.1, is_full=True)
    view.rivals = ("irqbalance",)
    headers, body = get(host_page(view, scene.host.root, lambda: "the disk is full"))
    assert headers.startswith("HTTP/1.1 200 OK\r\n")
    for line in (
        "Content-Type: text/html; charset=utf-8",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
    ):
        assert line in headers.splitlines()
    policy = next(line for line in headers.splitlines() if line.startswith("Content-Security-Policy: "))
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    for text in (VF0, "instance-0", "Node 1", "irqbalance", "the disk is full"):
        assert text in body
    assert "no full pass" not in body


def test_before_the_first_pass_and_after_a_failed_one_the_page_says_so(scene: Scene) -> None:
    view = View("cmp-12")
    assert "no full pass has been made yet" in get(host_page(view, scene.host.root, lambda: None))[1]
    view.saw(scene.auditor.audit(), 0.1, is_full=True)
    view.audit_failed("libvirt does not answer")
    assert "libvirt does not answer" in get(host_page(view, scene.host.root, lambda: None))[1]


def test_nothing_is_imported_before_somebody_asks() -> None:
    code = "import sys, irqaffinity.agent.host_page; print(sorted(m for m in sys.modules if '.report.page' in m))"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == "[]"
