# SPDX-License-Identifier: Apache-2.0
"""What `irqaffinity check` prints of a broker that means no good, and of one whose name is none."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.cli.main import main
from tests.fakes.broker import PASSWORD, USER, close, hostile, speak
from tests.fakes.domains import make_libvirt
from tests.fakes.scene import Scene

TEXT = b"bye\x1b[2J\nqueue          ok      forged " + PASSWORD.encode()
QUOTED = "s3cr%40t%3Ap%25$$"


def check(scene: Scene, node: str, capsys: pytest.CaptureFixture[str], lines: str = "") -> tuple[int, list[str]]:
    """Return the exit status, and the lines on the broker, of which there may be no other kind at the end."""
    file = Path(scene.folder / "broker.conf")
    url = f"transport_url = rabbit://{USER}:{QUOTED}@{node}/\n" if node else ""
    file.write_text(f"[DEFAULT]\n{url}{lines}")
    host = [f"--proc={scene.host.proc}", f"--sys={scene.host.sys}", f"--state={scene.folder / 'state'}"]
    libvirt = f"--libvirt-uri={make_libvirt(scene.folder / 'libvirt', scene.domains)}"
    status = main([f"--config-file={file}", *host, libvirt, "check"])
    out, err = capsys.readouterr()
    assert (err, PASSWORD in out, out.count("\x1b")) == ("", False, 0)
    printed = out.splitlines()
    return status, printed[next(n for n, line in enumerate(printed) if line.startswith("broker ")) :]


def test_without_a_broker_it_is_no_failure_unless_somebody_wants_one(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    for lines, word in (("", "ok"), ("[notifications]\nenabled = true\n", "FAILED")):
        _status, printed = check(scene, "", capsys, lines)
        assert printed[0].startswith(f"broker         {word:<7} no transport_url is set: ")


def test_a_broker_that_the_agent_has_left_is_no_failure(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status = running("not needed")
    monkeypatch.setattr("irqaffinity.cli.check.read_status", lambda _path: status)
    found = check(scene, "127.0.0.1:1", capsys)[1][0]
    assert found == "broker         ok      not needed since 2026-11-20T12:00:00Z: no guest needs it"
    for lines in ("", "[notifications]\nenabled = true\n"):
        status = running("not needed" if lines else "not connected")
        assert "ConnectionRefusedError" in check(scene, "127.0.0.1:1", capsys, lines)[1][0]
    for connections in ({}, {"broker": 7}, 7):
        status = running("not needed") | {"connections": connections}
        assert "ConnectionRefusedError" in check(scene, "127.0.0.1:1", capsys)[1][0]


def running(state: str) -> dict[str, Any]:
    """Return the status of an agent that runs."""
    link = {"state": state, "peer": "a", "since": "2026-11-20T12:00:00Z", "trouble": "no guest needs it"}
    return {"pid": os.getpid(), "heartbeat": 0.0, "connections": {"broker": link}}


@pytest.mark.parametrize("text", [TEXT, b"\xff\xfe" + TEXT])
def test_what_a_broker_says_is_one_clean_line(scene: Scene, capsys: pytest.CaptureFixture[str], text: bytes) -> None:
    def treat(peer: socket.socket) -> None:
        speak(peer, "tune")
        peer.sendall(close(text))
        while peer.recv(65536):
            pass

    with hostile(treat) as broker:
        status, (line,) = check(scene, f"127.0.0.1:{broker.port}", capsys)
    assert status == 1
    assert line.startswith("broker         FAILED  127.0.0.1:")
    assert r"bye\x1b[2J\x0aqueue          ok      forged ***; " in line


@pytest.mark.parametrize("node", ["a..b:5672", "x" * 64 + ".example.org:5672", ".example.org:5672"])
def test_a_name_that_no_host_has_is_one_line(scene: Scene, capsys: pytest.CaptureFixture[str], node: str) -> None:
    status, lines = check(scene, node, capsys)
    assert status == 1
    assert lines == [f"broker         FAILED  {node}: the node's name cannot be one of a host: mend transport_url"]


def test_a_file_of_tls_that_cannot_be_read_is_named(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lines = f"[oslo_messaging_rabbit]\nssl = true\nssl_ca_file = {scene.folder}/none.pem\n"
        status, (line,) = check(scene, f"127.0.0.1:{listener.getsockname()[1]}", capsys, lines)
    assert status == 1
    assert f"ssl_ca_file: {scene.folder}/none.pem cannot be read" in line
