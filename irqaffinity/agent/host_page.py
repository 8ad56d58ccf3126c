# SPDX-License-Identifier: Apache-2.0
"""The page at / of the metrics server: the page of `irqaffinity report`, drawn from the agent's last passes."""

from collections.abc import Callable

from irqaffinity.agent.view import View
from irqaffinity.daemon.page import Page
from irqaffinity.observe.layout import read_layout
from irqaffinity.observe.root import HostRoot
from irqaffinity.report.document import to_document

PATH = "/"

_FRESH = 5.0
"""Seconds for which the server gives the same page again: on a large host it takes longer to make than the metrics."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Headers that restrict the page in a browser. The policy in its own head is stricter: one style and one script."""


def host_page(view: View, root: HostRoot, why_unsaved: Callable[[], str | None]) -> Page:
    """Return the page; it imports and reads nothing before a client asks for it."""

    def render() -> str:
        from irqaffinity.report.page.render import render_page  # noqa: PLC0415  most agents never draw one

        document = to_document(view.outcome, nodes=read_layout(root))
        unmade = "no full pass has been made yet" if view.last_audit is None else None
        document |= {"state_unsaved": why_unsaved(), "rivals": list(view.rivals), "pass_error": view.trouble or unmade}
        return render_page(document)

    return Page("text/html; charset=utf-8", render, fresh=_FRESH, headers=_HEADERS)
