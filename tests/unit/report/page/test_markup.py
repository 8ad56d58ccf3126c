# SPDX-License-Identifier: Apache-2.0
"""HTML that escapes by itself."""

from irqaffinity.report.page.markup import Markup, element, join


def test_texts_and_attributes_are_escaped_and_markup_is_not() -> None:
    made = element("p", "<b>", Markup("<i>"), 7, None, class_='"x"', data_g=3, title=None, open="")
    assert made == '<p class="&quot;x&quot;" data-g="3" open="">&lt;b&gt;<i>7</p>'
    assert join(("<", made[:2], Markup("&amp;")), " | ") == "&lt; | &lt;p | &amp;"


def test_an_element_without_content_that_needs_an_end_has_one() -> None:
    assert element("rect", width="3%") == '<rect width="3%"></rect>'
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
