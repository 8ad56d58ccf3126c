# SPDX-License-Identifier: Apache-2.0
"""The page at / of the metrics server: the host as `irqaffinity report` draws it, by the agent's own last passes."""

from collections.abc import Callable

from irqaffinity.agent.view import View
from irqaffinity.daemon.page import Page
from irqaffinity.observe.layout import read_layout
from irqaffinity.observe.root import HostRoot
from irqaffinity.report.document import to_document

PATH = "/"

_FRESH = 5.0
"""Seconds for which a page is given out again: a large host's takes more to draw than its metrics."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""What a browser allows the page. Its own policy, in its head, allows less: the one style and the one script in it."""


def host_page(view: View, root: HostRoot, why_unsaved: Callable[[], str | None]) -> Page:
    """Return the page; nothing of it is imported or read before somebody asks for it."""

    def render() -> str:
        from irqaffinity.report.page.render import render_page  # noqa: PLC0415  most agents never draw one

        document = to_document(view.outcome, nodes=read_layout(root))
        unmade = "no full pass has been made yet" if view.last_audit is None else None
        document |= {"state_unsaved": why_unsaved(), "rivals": list(view.rivals), "pass_error": view.trouble or unmade}
        return render_page(document)

    return Page("text/html; charset=utf-8", render, fresh=_FRESH, headers=_HEADERS)
