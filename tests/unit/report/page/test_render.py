# SPDX-License-Identifier: Apache-2.0
"""The page as a whole."""

import base64
import hashlib
import re

import pytest

from irqaffinity.report.page.render import content_policy, render_page
from tests.unit.report.page.documents import (
    ARRIVALS,
    HOSTILE,
    make_document,
    make_guest,
    make_hostile,
    make_irq,
    make_older,
)
from tests.unit.report.page.parsed import Element, parse

_OUTSIDE = re.compile(r"""(?:https?:)?//|@import|url\(|src=|<iframe|<object|<img| on[a-z]+=| style=""")


def page(document: dict[str, object]) -> Element:
    return parse(render_page(document))


def test_what_is_wrong_stands_first() -> None:
    found = page(make_document(irqs=[make_irq(40, verdict="denied")], guests=[make_guest(reason="realtime_vcpus")]))
    titles = [title.text for title in found.find("h2")]
    assert titles == ["What is wrong", "The host", "Guests", "Devices", "Interrupts"]
    assert found.find("title")[0].text == "✖ cmp-12: interrupts of its guests, 2026-11-26T03:00:00Z"
    assert [chip.text for chip in found.find("a", class_="chip")] == ["✖ 1 error"]
    wrong = found.find("section", id="wrong")[0]
    assert [trouble.attributes["class"] for trouble in wrong.find("li", class_="error")] == ["error"]
    assert wrong.find("details")[0].find("summary")[0].text == "Worth knowing (1)"


def test_a_host_without_trouble_says_so() -> None:
    found = page(make_document())
    assert found.find("title")[0].text.startswith("✔ cmp-12")
    fine = found.find("p", class_="fine")[0].text
    assert fine == "✔Nothing. Every interrupt of the guests is set to where it belongs."
    assert found.find("p", class_="limit")[0].text.startswith("Nobody counted what arrives")


def test_a_long_list_is_folded() -> None:
    guests = [make_guest(f"{number:08x}-0000-0000-0000-000000000000", status="mask_empty") for number in range(9)]
    found = page(make_document(guests=guests)).find("section", id="wrong")[0]
    folded = found.find("details")[0]
    assert folded.find("summary")[0].text == "3 more"
    assert (len(folded.find("a")), len(found.find("a"))) == (3, 9)


def test_what_a_document_does_not_have_is_left_out_and_said() -> None:
    limits = [limit.text for limit in page(make_older()).find("p", class_="limit")]
    assert limits[0] == (
        "The document is an older program's and does not tell how the CPUs of the host lie or which CPU each vCPU is "
        "pinned to. That is left out."
    )
    narrowed = page(make_document(only=["error"])).find("p", class_="limit")[0].text
    assert narrowed.startswith("The document was narrowed to error (--only)")


def test_no_text_from_outside_is_more_than_text() -> None:
    text = render_page(make_hostile())
    assert "<script>alert" not in text
    assert text.isprintable() or all(char.isprintable() or char == "\n" for char in text)
    assert HOSTILE[:8] not in text.replace('<script>"use strict', "")
    shown = parse(text).text
    assert shown.count("<script>alert(1)</script>\"'&\\x202e\\x1b]\\xd800") > 20
    text.encode()


@pytest.mark.parametrize("document", [make_document(arrivals=ARRIVALS), make_hostile(), make_older()])
def test_each_link_leads_to_something_and_no_name_is_there_twice(document: dict[str, object]) -> None:
    found = page(document)
    every = [element for name in ("a", "div", "tr", "section", "input", "span") for element in found.find(name)]
    names = [element.attributes["id"] for element in every if "id" in element.attributes]
    assert len(names) == len(set(names))
    targets = {element.attributes["href"] for element in found.find("a")}
    assert {f"#{name}" for name in names} >= targets
    assert found.find("html")[0].attributes["lang"] == "en"
    for drawn in found.find("svg"):
        assert "aria-label" in drawn.attributes or drawn.attributes["aria-hidden"] == "true"


@pytest.mark.parametrize("document", [make_document(arrivals=ARRIVALS), make_hostile()])
def test_the_policy_of_a_page_that_asks_for_nothing_allows_its_own_code_alone(document: dict[str, object]) -> None:
    text = render_page(document)
    found = parse(text)
    own = [found.find(name)[0].text for name in ("style", "script")]
    for code in own:
        text = text.replace(code, "")
    assert _OUTSIDE.findall(re.sub(r"&[^;]+;", "", text)) == []
    assert not any(_OUTSIDE.search(code.replace("//", "", 1)) for code in own)
    hashes = [base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in own]
    policy = found.find("meta", **{"http-equiv": "Content-Security-Policy"})[0].attributes["content"]
    assert policy == content_policy()
    assert f"style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}';" in (policy or "")
    assert (policy or "").startswith("default-src 'none';")
