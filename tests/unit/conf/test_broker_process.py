# SPDX-License-Identifier: Apache-2.0
"""Another process reads the lines of nova.conf that tell of the broker: the same answer, told to nobody else."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from irqaffinity.cli.main import main
from irqaffinity.conf import broker_process, child
from irqaffinity.conf.broker import load_broker
from irqaffinity.conf.broker_process import ask_broker
from irqaffinity.conf.load import ConfigError, load

URL = "[DEFAULT]\ntransport_url = rabbit://nova:s3cret@one:5671,nova:x@[::1]/v%2Fh\n"
TLS = (
    "[oslo_messaging_rabbit]\nssl = true\nssl_ca_file = /ca\nssl_cert_file = /cert\nssl_key_file = /key\n"
    "rabbit_login_method = EXTERNAL\nheartbeat_timeout_threshold = 7\n"
)


NOTES = "[oslo_messaging_notifications]\ntransport_url = rabbit://nova:s3cret@notes/\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration that names a broker."""
    made = tmp_path / "broker.conf"
    made.write_text(URL)
    return made


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a shell script started in place of the interpreter."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


@pytest.mark.parametrize(
    "more", ["", TLS, "[oslo_messaging_rabbit]\nssl = true\n", "[notifications]\nexchange = x\n", NOTES]
)
def test_the_answer_is_what_the_library_reads(file: Path, more: str) -> None:
    file.write_text(URL + more)
    wanted = load([str(file)]).notifications
    broker = ask_broker([str(file)], None, wanted)
    assert broker == load_broker([str(file)], None, wanted)
    assert broker is not None
    assert broker.hosts[0].password == "s3cret"
    assert (broker.rpc is None) == (more != NOTES)


def test_folders_nova_conf_and_the_environment_count_as_well(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = file.parent / "more"
    folder.mkdir()
    (folder / "10.conf").write_text("[oslo_messaging_rabbit]\nssl = true\n[notifications]\nexchange = cloud\n")
    monkeypatch.setenv("OS_OSLO_MESSAGING_RABBIT__HEARTBEAT_TIMEOUT_THRESHOLD", "9")
    wanted = load(["/dev/null"], [str(folder)], None, [str(file)]).notifications
    broker = ask_broker(["/dev/null"], [str(folder)], wanted, [str(file)])
    assert broker == load_broker(["/dev/null"], [str(folder)], wanted, [str(file)])
    assert broker is not None
    assert (broker.hosts[0].name, broker.tls, broker.exchange, broker.heartbeat) == ("one", {}, "cloud", 9)


def test_without_a_url_there_is_no_broker(file: Path) -> None:
    file.write_text("[oslo_messaging_rabbit]\nssl = true\n")
    assert ask_broker([str(file)], None, load([str(file)]).notifications) is None


@pytest.mark.parametrize(
    "text",
    [
        "[DEFAULT]\ntransport_url = rabbit://nova:p/ss@h:5672/\n",
        "[DEFAULT]\ntransport_url = $s3cret\n",
        f"{URL}[oslo_messaging_rabbit]\nheartbeat_timeout_threshold = often\n",
        f"{URL}[oslo_messaging_rabbit]\nrabbit_login_method = none\n",
    ],
)
def test_a_mistake_is_told_as_the_library_tells_it(file: Path, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    file.write_text(text)
    wanted = load(["/dev/null"]).notifications
    with pytest.raises(ConfigError) as in_process:
        load_broker([str(file)], None, wanted)
    with pytest.raises(ConfigError) as asked:
        ask_broker([str(file)], None, wanted)
    assert str(asked.value) == str(in_process.value)
    assert capfd.readouterr() == ("", "")


def test_a_password_is_on_no_command_line_in_no_environment_and_in_no_output(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seen = file.parent / "seen"
    stand_in(file.parent, f'env > {seen}\necho "$@" >> {seen}\nexec {shlex.quote(sys.executable)} "$@"', monkeypatch)
    assert ask_broker([str(file)], None, load([str(file)]).notifications) is not None
    assert "broker_process" in seen.read_text()
    assert "s3cret" not in seen.read_text()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", "was ended with status 3; look at what it wrote"),
        ("kill -9 $$", "was ended by signal 9; look at what it wrote, or at the kernel's log"),
        ("echo nonsense", "gave no answer that can be read; see what else"),
        ("echo null", "gave no answer that can be read"),
        ("echo '{}'", "gave no answer that can be read"),
        ('echo \'{"broker": {"hosts": [{}]}}\'', "gave no answer that can be read"),
        ("exec sleep 3600", "has not answered for 0 s; see whether the host is busy"),
    ],
)
def test_a_process_that_fails_is_named_with_the_next_step(
    file: Path, script: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_process, "DEADLINE", 0.0)
    monkeypatch.setattr(child, "TICK", 0.0 if "sleep" in script else 600.0)
    stand_in(file.parent, script, monkeypatch)
    with pytest.raises(ConfigError) as caught:
        ask_broker([str(file)], None, load([str(file)]).notifications)
    assert str(caught.value).startswith("the process that reads transport_url ")
    assert message in str(caught.value)


def test_an_interpreter_that_cannot_be_started_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ConfigError, match="/nowhere/python, cannot be started: No such file"):
        ask_broker([str(file)], None, load([str(file)]).notifications)


@pytest.mark.parametrize(
    ("library", "message"),
    [
        ("raise ImportError('No module named kombu')", "No module named kombu; install irqaffinity"),
        ("raise RuntimeError('s3cret')", "RuntimeError in {}, line 1; install irqaffinity"),
    ],
)
def test_a_library_that_fails_is_told_without_repeating_a_password(
    file: Path, library: str, message: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = file.parent / "oslo_messaging.py"
    broken.write_text(library)
    monkeypatch.syspath_prepend(str(file.parent))
    with pytest.raises(ConfigError) as caught:
        ask_broker([str(file)], None, load([str(file)]).notifications)
    assert message.format(broken) in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_the_asking_process_never_imports_the_library(file: Path) -> None:
    code = (
        "import sys\nfrom irqaffinity.conf.broker_process import ask_broker\nfrom irqaffinity.conf.load import load\n"
        f"broker = ask_broker([{str(file)!r}], None, load([{str(file)!r}]).notifications)\n"
        "print(broker, sorted({'oslo_messaging', 'oslo_service', 'kombu'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("amqp://one:5671,[::1]:5672/v/h []\n", "")


@pytest.mark.parametrize(
    ("text", "environment", "is_asked"),
    [
        ("[DEFAULT]\nhost = h\n[notifications]\nexchange = x\n", {}, False),
        ("", {"OS_DEFAULT__HOST": "h", "OS_CLOUD": "c", "PATH_OSLO_MESSAGING_RABBIT__SSL": "x"}, False),
        (URL, {}, True),
        ("[oslo_messaging_notifications]\ntransport_url =\n", {}, True),
        ("[Oslo_Messaging_Rabbit]\nssl = true\n", {}, True),
        ("", {"OS_DEFAULT__TRANSPORT_URL": "x"}, True),
        ("", {"OS_OSLO_MESSAGING_NOTIFICATIONS__TRANSPORT_URL": "x"}, True),
        ("[DEFAULT]\nconfig_source =\n", {}, True),
    ],
)
def test_nobody_is_asked_where_nothing_of_a_broker_is_set(
    tmp_path: Path,
    text: str,
    environment: dict[str, str],
    is_asked: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No process can be started: the interpreter is not there."""
    file = tmp_path / "own.conf"
    file.write_text(text)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    arguments = [f"--config-file={file}", "--libvirt-uri=test:///default", f"--state={tmp_path / 'state'}"]
    main([*arguments, "check"])
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("broker ")]
    assert ["cannot be started" in line for line in lines] == [is_asked]
    assert ["no transport_url is set" in line for line in lines] == [not is_asked]


@pytest.mark.parametrize("name", ["notification_transport_url", "rabbit_use_ssl"])
def test_old_names_in_nova_conf_tell_of_a_broker(tmp_path: Path, name: str) -> None:
    file = tmp_path / "nova.conf"
    file.write_text(f"[DEFAULT]\n{name} = x\n")
    assert load(["/dev/null"], None, None, [str(file)]).messaging
    file.write_text("[DEFAULT]\nhost = h\n[pci]\n")
    assert not load(["/dev/null"], None, None, [str(file)]).messaging
