# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity report FILE.html`: from a live host and from a document, and what it refuses."""

import io
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from irqaffinity.cli import report
from irqaffinity.cli.arguments import parse_arguments
from irqaffinity.cli.main import main
from tests.fakes.counts import Counts
from tests.fakes.domains import make_libvirt
from tests.fakes.scene import OTHER, VF0, VF1, Scene
from tests.unit.report.page.documents import make_document, make_hostile, make_older

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs the program with these arguments, and gives its status and what it said."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        status = main(["report", *map(str, arguments)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def live(scene: Scene) -> Sequence[str]:
    """Return the arguments that name a host with one guest, and neither configuration nor state."""
    scene.add_guest(VF0)
    empty = scene.folder / "empty.conf"
    empty.write_text("")
    return (
        *(f"--config-file={empty}", f"--proc={scene.host.proc}", f"--sys={scene.host.sys}"),
        *(f"--state={scene.folder / 'nowhere'}", f"--libvirt-uri={make_libvirt(scene.folder / 'vm', scene.domains)}"),
    )


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """Return a file of what an audit said."""
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(make_document()))
    return path


def test_what_is_wrong_stands_in_the_page_and_not_in_the_log(
    run: Run, live: Sequence[str], scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene.add_masked_guest("9", VF1, uuid=OTHER, pins=("12", "13"))
    uri = make_libvirt(scene.folder / "vm2", scene.domains)
    assert run(*live, f"--libvirt-uri={uri}", "--seconds=0", tmp_path / "host.html") == (0, "", "")
    assert caplog.records == []
    assert "mask_out_of_range" in (tmp_path / "host.html").read_text()


def test_a_live_host_is_drawn_and_left_as_it_is(run: Run, live: Sequence[str], scene: Scene, tmp_path: Path) -> None:
    page = tmp_path / "host.html"
    assert run(*live, "--seconds=0", page) == (0, "", "")
    text = page.read_text()
    for told in (VF0, "instance-0", "Node 1", "CPUs 8-15", "would_set", "Nobody counted what arrives"):
        assert told in text
    assert not (scene.folder / "nowhere").exists()
    assert [scene.host.smp(number) for number in (40, 41)] == ["0-15", "0-15"]


def test_arrivals_of_a_live_host_are_counted_for_as_long_as_asked(
    live: Sequence[str], scene: Scene, tmp_path: Path
) -> None:
    counts = Counts(scene.host, "0-15")
    for number in (40, 41):
        counts.add(number, f"vfio-msix[{number - 40}]({VF0})")
    counts.write()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        counts.arrive(40, 5, 200)
        counts.write()

    page = tmp_path / "host.html"
    assert report.run(parse_arguments(["report", *live, "--seconds=0.25", str(page)]), wait) == 0
    assert waits == [0.25]
    assert "arrives outside" in page.read_text()
    assert "100 % on 5, target 2-3" in page.read_text()


def test_a_host_without_counts_is_drawn_all_the_same(
    run: Run, live: Sequence[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(*live, tmp_path / "host.html")[0] == 0
    assert VF0 in (tmp_path / "host.html").read_text()
    (record,) = caplog.records
    assert record.getMessage().startswith("the page shows no arrivals: ")


def test_an_unreachable_libvirt_is_one_line(run: Run, live: Sequence[str], tmp_path: Path) -> None:
    status, _, err = run(*live, "--libvirt-uri=test:///nowhere.xml", tmp_path / "host.html")
    assert (status, err.count("\n"), list(tmp_path.glob("*.html*"))) == (1, 1, [])
    assert "libvirt" in err


def test_a_document_becomes_a_page_in_a_file_and_on_standard_output(run: Run, audit: Path, tmp_path: Path) -> None:
    page = tmp_path / "host.html"
    page.write_text("an older page")
    assert run("--from", audit, page) == (0, "", "")
    status, out, err = run("--from", audit, "-")
    assert (status, err, out) == (0, "", page.read_text())
    assert out.startswith("<!DOCTYPE html>\n<html")
    assert [path.name for path in tmp_path.glob("host*")] == ["host.html"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o644)])
def test_the_page_is_readable_for_all_that_the_umask_allows(run: Run, audit: Path, mask: int, mode: int) -> None:
    page = audit.with_name("host.html")
    before = os.umask(mask)
    try:
        assert run("--from", audit, page)[0] == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(page.stat().st_mode) == mode


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_document_comes_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, json.dumps(make_older()).encode())
    status, out, err = run("--from", "-", "-")
    assert (status, err) == (0, "")
    assert "an older program" in out
    monkeypatch.setattr(sys, "stdin", None)
    assert run("--from=-", "-")[2].startswith("irqaffinity: standard input: it is closed; --from takes")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "it is not JSON, beginning with its character 1"),
        (b"<html>", "it is not JSON, beginning with its character 1"),
        (json.dumps(make_document()).encode()[:-20], "it is not JSON, beginning with its character"),
        (b'"\xff"', "is not UTF-8 text"),
        (b"[" * 100_000, "it is nested too deep"),
        (b'{"schema": 9}', "it is of schema 9, and this program knows 1"),
        (b'{"schema": 1, "host": "x"}', 'it has no "time"'),
        (b"[]", "it is not an object"),
        (b'{"schema": ' + b"9" * 5000 + b"}", "it has a number of more than 19 digits"),
    ],
)
def test_what_is_no_report_is_one_line_and_makes_no_page(
    run: Run, tmp_path: Path, data: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, page = tmp_path / "audit.json", tmp_path / "host.html"
    source.write_bytes(data)
    for where in (str(source), "-"):
        feed(monkeypatch, data)
        status, out, err = run("--from", where, page)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert told in err
        assert err.endswith("; --from takes what irqaffinity audit --once -f json prints\n")
        assert ("standard input" if where == "-" else str(source)) in err
    assert not page.exists()


def test_a_document_that_is_too_large_is_not_read_to_its_end(
    run: Run, audit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "LARGEST", 1 << 20)
    large = b" " * ((1 << 20) + 1)
    audit.write_bytes(large)
    feed(monkeypatch, large)
    for where in (str(audit), "-"):
        assert "it is larger than 1 MiB" in run("--from", where, "-")[2]


def test_a_hostile_document_is_shown_as_text(run: Run, audit: Path) -> None:
    audit.write_text(json.dumps(make_hostile()))
    status, out, err = run("--from", audit, "-")
    assert (status, err) == (0, "")
    assert "<script>alert" not in out


def test_a_page_replaces_a_file_and_nothing_else(run: Run, audit: Path, tmp_path: Path) -> None:
    link, folder, pipe = tmp_path / "link.html", tmp_path / "folder.html", tmp_path / "pipe.html"
    (tmp_path / "victim").write_text("kept")
    link.symlink_to(tmp_path / "victim")
    folder.mkdir()
    os.mkfifo(pipe)
    told = {link: "is a symbolic link; name the file itself", folder: "is a folder; name", pipe: "is no regular file"}
    for path, words in told.items():
        status, _, err = run("--from", audit, path)
        assert (status, err.count("\n")) == (1, 1)
        assert f"{path} {words}" in err
        assert "- for standard output" in err
    assert (link.is_symlink(), (tmp_path / "victim").read_text()) == (True, "kept")


def test_a_place_that_takes_no_page_is_named(run: Run, audit: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "host.html"
    assert (
        f"{nowhere} cannot be written: there is no folder {nowhere.parent}; name another"
        in run("--from", audit, nowhere)[2]
    )
    within = audit / "host.html"
    assert run("--from", audit, "")[1:] == (
        "",
        "irqaffinity: the empty FILE names nothing; name a file, or - for standard output\n",
    )
    assert f"{within} cannot be written: Not a directory" in run("--from", audit, within)[2]
    assert "File name too long" in run("--from", audit, tmp_path / ("x" * 256))[2]
    assert run("--from", audit, tmp_path / ("x" * 255))[0] == 0


def test_a_page_that_is_not_written_to_its_end_leaves_the_old_one(
    run: Run, audit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "host.html"
    page.write_text("the old page")

    def refuse(_from: str, _to: str) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", refuse)
    assert f"{page} cannot be written: No space left on device" in run("--from", audit, page)[2]
    assert page.read_text() == "the old page"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.json", "host.html"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seconds=-1", "x"], "'-1' is no number of seconds between 0 and 60"),
        (["--seconds=nan", "x"], "'nan' is no number of seconds between 0 and 60"),
        (["--seconds=61", "x"], "'61' is no number of seconds between 0 and 60"),
        (["--from=a", "--seconds=1", "x"], "not allowed with argument"),
        ([], "FILE"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["report", *arguments])
    assert caught.value.code == 64
    assert re.search(re.escape(told), capsys.readouterr().err)
