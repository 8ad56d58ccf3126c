# SPDX-License-Identifier: Apache-2.0
"""The page of `irqaffinity report` in a real browser, which has to find it whole, legible and quiet."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.agent.host_page import PATH, host_page
from irqaffinity.agent.view import View
from irqaffinity.daemon.metrics import MetricsListener
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.observe.layout import read_layout
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Policy
from irqaffinity.report.document import to_document
from irqaffinity.report.page.render import render_page
from irqaffinity.state.memory import MemoryStore
from tests.chromium import Browser, browser
from tests.fakes.large import GUESTS, make_large_host
from tests.fakes.scene import VF0, Scene
from tests.functional.agent import wait_for
from tests.functional.rabbitmq import free_ports
from tests.unit.report.page.documents import (
    ARRIVALS,
    OTHER,
    make_device,
    make_document,
    make_guest,
    make_hostile,
    make_intruder,
    make_irq,
    make_isolation,
    make_older,
)

PAPER = 718
"""Pixels that a sheet of A4 has for the page: 210 mm at 96 to the inch, less the margins of 10 mm."""

OVERFLOW = "document.scrollingElement.scrollWidth - innerWidth"

SHOWN = "((what) => [...document.querySelectorAll(what)].map((element) => element.checkVisibility()))"

FAINT = """(() => {
  const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const paint = (colors) => {
    for (const color of colors) { context.fillStyle = color; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => value / 255);
  };
  const light = (color) => color.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const known = new Map();
  const contrast = (colors, ink) => {
    const key = [...colors, ink].join();
    if (!known.has(key)) {
      const [ground, text] = [light(paint(colors)), light(paint([ink]))];
      known.set(key, (Math.max(ground, text) + 0.05) / (Math.min(ground, text) + 0.05));
    }
    return known.get(key);
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(".strip, script")) continue;
    const colors = [];
    for (let around = element; around; around = around.parentElement)
      colors.unshift(getComputedStyle(around).backgroundColor);
    const style = getComputedStyle(element);
    const found = contrast(["#fff", ...colors], element instanceof SVGElement ? style.fill : style.color);
    if (found < 4.5) faint.push([found.toFixed(2), element.outerHTML.slice(0, 120)]);
  }
  return [known.size, faint];
})()"""
"""How many pairs of colours a text and its ground have, and the texts that are paler than WCAG 2.2 (1.4.3) allows."""


def large(folder: Path) -> dict[str, Any]:
    """Return the document of a large host, of whose devices each has sixteen interrupts."""
    tree, uri = make_large_host(folder, vectors=1)
    with contextlib.closing(Hypervisor(uri)) as hypervisor:
        made = Auditor("large", tree.root, hypervisor, Policy(), MemoryStore()).rehearse(logs=False)
    document = to_document(made.outcome, nodes=read_layout(tree.root))
    irqs = [{**irq, "irq": 16 * irq["irq"] + more} for irq in document["irqs"] for more in range(16)]
    for number in range(0, len(irqs), 2):  # so that they are not alike
        irqs[number]["effective"] = "0"
    return {**document, "irqs": irqs}


def troubled() -> dict[str, Any]:
    """Return the document of a host with one of each kind of trouble."""
    broken = {"status": "mask_empty", "message": "mask ^0-3: it leaves no vCPU", "irq_vcpus": None, "irq_pcpus": None}
    guests = [make_guest(reason="cpus_overlap"), make_guest(OTHER, name="instance-0000000b", **broken)]
    irqs = [
        make_irq(40),
        make_irq(41, current="0-7", effective="7", verdict="no_vector"),
        make_irq(42, verdict="managed"),
    ]
    devices = [make_device(), make_device("0000:81:00.1", reason="remote_node", message="far away")]
    queues = [make_intruder(100 + cpu, f"nvme0q{cpu}", str(cpu), movable=False, verdict="managed") for cpu in (3, 4)]
    isolation = make_isolation(
        mode="enforce",
        message="1 housekeeping CPU is online, and [isolation] minimum is 2",
        intruders=[*queues, make_intruder(9, "acpi", "2-5", arrived=1205, verdict="would_set", target="0-1")],
        headroom=[{"node": 0, "cpu": 3, "free": 12, "capacity": 202, "exact": False}],
    )
    parts = {"arrivals": ARRIVALS, "rivals": ["irqbalance"], **isolation}
    return make_document(guests=guests, devices=devices, irqs=irqs, **parts)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    documents = {
        "plain": make_document(),
        "troubled": troubled(),
        "hostile": make_hostile(),
        "older": make_older(),
        "large": large(folder),
    }
    for name, document in documents.items():
        (folder / f"{name}.html").write_text(render_page(document))
    return folder


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return the one browser of these tests."""
    with browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.mark.parametrize("name", ["plain", "troubled", "hostile", "older", "large"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_a_page_is_quiet_and_fits_and_each_text_can_be_read(
    chromium: Browser, pages: Path, name: str, scheme: str, width: int
) -> None:
    url = f"file://{pages}/{name}.html"
    chromium.open(url, width, scheme)
    assert (chromium.complaints, chromium.requests) == ([], [url])
    assert chromium.run(OVERFLOW) <= 0
    chromium.run("document.querySelectorAll('details').forEach((folded) => { folded.open = true; })")
    assert chromium.run(OVERFLOW) <= 0
    pairs, faint = chromium.run(FAINT)
    assert pairs > 5
    assert faint == []
    assert chromium.run("getComputedStyle(document.body).backgroundColor") == (
        "rgb(18, 21, 26)" if scheme == "dark" else "rgb(246, 247, 249)"
    )
    assert chromium.complaints == []


def test_whoever_does_not_see_the_picture_is_told_what_it_shows(chromium: Browser, pages: Path) -> None:
    chromium.open(f"file://{pages}/troubled.html", 1280)
    chromium.call("Accessibility.enable")
    nodes = chromium.call("Accessibility.getFullAXTree")["nodes"]
    chromium.call("Accessibility.disable")
    by_role: dict[str, list[str]] = {}
    for node in nodes:
        by_role.setdefault(node.get("role", {}).get("value", ""), []).append(node.get("name", {}).get("value", ""))
    assert by_role["heading"][:3] == ["cmp-12 interrupts of its guests", "What is wrong", "The host"]
    assert "Node 0 CPUs 0-7 · socket 0 · isolated 2-6 · offline 7" in by_role["heading"]
    assert f"{VF0}: 3 interrupts · target 3-4 · set to 0-7 · sent to 3,7 · arrive on 3-4 (1.2k/s)" in by_role["image"]
    assert by_role["searchbox"] == ["Filter"]
    assert "vCPU 0 of instance-0000000a; may serve its interrupts" in by_role["link"]
    assert {"Guests", "Devices"} <= set(by_role["table"])


def test_what_is_not_the_pages_own_neither_runs_nor_loads(chromium: Browser, pages: Path) -> None:
    stranger = "<script>document.title = 'taken'</script><img src='http://127.0.0.1:9/x'><p style='color: red'>x</p>"
    page = pages / "stranger.html"
    page.write_text((pages / "plain.html").read_text().replace("</main>", f"{stranger}</main>"))
    chromium.open(f"file://{page}", 1280)
    assert chromium.run("document.title").startswith("✔ cmp-12")
    assert len([told for told in chromium.complaints if "Content Security Policy" in told]) == 3
    assert chromium.run("getComputedStyle(document.querySelector('main > p')).color") != "rgb(255, 0, 0)"
    assert chromium.run(SHOWN + "('#filter')") == [True]


def test_a_large_host_makes_a_page_that_a_browser_has_drawn_at_once(chromium: Browser, pages: Path) -> None:
    page = pages / "large.html"
    chromium.open(f"file://{page}", 1280)
    counts = [chromium.run(f"document.querySelectorAll('{what}').length") for what in (".cpu", ".strip", "h3", "*")]
    assert counts[:3] == [256, 2 * GUESTS, 4]
    assert page.stat().st_size < 700_000
    assert counts[3] < 12_000


def test_the_filter_leaves_what_is_looked_for(chromium: Browser, pages: Path) -> None:
    chromium.open(f"file://{pages}/large.html", 1280)
    chromium.run("document.getElementById('filter').focus()")
    chromium.call("Input.insertText", text=" Instance-00001205 ")
    assert chromium.run("document.getElementById('found').textContent") == "3 guests and devices"
    shown = (
        "[...document.querySelectorAll('#guests tbody tr, #devices tbody tr, .devices > li, #interrupts > details')]"
    )
    assert chromium.run(f"{shown}.filter((row) => row.checkVisibility()).length") == 7
    bright = "[...document.querySelectorAll('.cpu:not(.dim)')].map((cell) => cell.id)"
    assert chromium.run(bright) == ["cpu34", "cpu162", "cpu35", "cpu163"]
    chromium.run("document.getElementById('filter').select()")
    chromium.call("Input.insertText", text="")
    assert chromium.run(f"{shown}.filter((row) => !row.checkVisibility()).length") == 0
    assert chromium.run("document.querySelectorAll('.dim, .gone').length") == 0
    assert chromium.complaints == []


def test_what_the_pointer_is_on_shows_its_cpus(chromium: Browser, pages: Path) -> None:
    chromium.open(f"file://{pages}/troubled.html", 1280)
    hot = "[...document.querySelectorAll('.hot')].map((cell) => cell.id)"
    over = "document.querySelector('{}').dispatchEvent(new PointerEvent('pointerover', {{bubbles: true}}))"
    chromium.run(over.format("#g0"))
    assert chromium.run(hot) == ["cpu3", "cpu4", "cpu5", "cpu12"]
    chromium.run(over.format(".devices > li"))
    assert chromium.run(hot) == ["cpu3", "cpu7"]
    chromium.run(over.format("h1"))
    assert chromium.run(hot) == []


def test_without_scripts_all_but_the_filter_is_there(chromium: Browser, pages: Path) -> None:
    try:
        chromium.open(f"file://{pages}/large.html", 400, scripts=False)
        chromium.call("Emulation.setScriptExecutionDisabled", value=False)  # for the questions; the page has loaded
        assert set(chromium.run(SHOWN + "('#filter')")) == {False}
        assert chromium.run("document.querySelectorAll('.cpu').length") == 256
        assert set(chromium.run(SHOWN + "('.strip, .cpu, #guests tr')")) == {True}
    finally:
        chromium.call("Emulation.setScriptExecutionDisabled", value=False)


def test_it_prints_on_paper_in_the_colours_of_paper(chromium: Browser, pages: Path) -> None:
    chromium.open(f"file://{pages}/troubled.html", PAPER, "dark")
    chromium.call("Emulation.setEmulatedMedia", media="print")
    assert chromium.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert chromium.run(OVERFLOW) <= 0
    assert chromium.run(SHOWN + "('#filter')") == [False]
    assert set(chromium.run(SHOWN + "('#guests th, #wrong li')")) == {True}
    assert chromium.run("getComputedStyle(document.querySelector('#devices table')).display") == "table"
    assert chromium.run(FAINT)[1] == []
    assert chromium.paper().startswith(b"%PDF-")


def test_the_agent_serves_a_page_that_a_browser_takes(chromium: Browser, scene: Scene) -> None:
    scene.add_guest(VF0)
    view = View("cmp-12")
    view.saw(scene.auditor.audit(), 0.1, is_full=True)
    port = free_ports(1)[0]
    listener = MetricsListener("127.0.0.1", port, {PATH: host_page(view, scene.host.root, lambda: None)}, {})
    threading.Thread(target=listener.run, daemon=True).start()
    wait_for("the server", lambda: listener.link.state.is_up)
    url = f"http://127.0.0.1:{port}/"
    chromium.open(url, 1280)
    assert (chromium.complaints, chromium.requests) == ([], [url])
    assert chromium.run("document.querySelector('h1').textContent") == "cmp-12 interrupts of its guests"
    assert chromium.run(SHOWN + "('#filter, #cpu0')") == [True, True]
