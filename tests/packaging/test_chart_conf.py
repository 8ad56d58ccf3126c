# SPDX-License-Identifier: Apache-2.0
"""The irqaffinity.conf of the chart, as oslo.config and the program itself read it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.conf.broker import load_broker
from irqaffinity.conf.load import ConfigError, Settings, load
from irqaffinity.listen.broker import Broker
from irqaffinity.plan.policy import Distribution, HostDriver, HostDrivers, Numa, Profile
from tests.packaging.chart import Chart
from tests.packaging.chart_values import BROKER, EXTRAS, MATRIX, METRICS, NOTHING, OPENSTACK_HELM, PASSWORD, TLS

_PROGRAM = Path(sys.executable).with_name("irqaffinity")
_VALIDATOR = Path(sys.executable).with_name("oslo-config-validator")
_WITH_FILE = {name: values for name, values in MATRIX.items() if values is not NOTHING}


class Read:
    """What the program makes of the file that the chart gives it."""

    def __init__(self, text: str, folder: Path) -> None:
        self.file = folder / "irqaffinity.conf"
        self.file.write_text(text)
        (folder / "none").mkdir(exist_ok=True)
        self._folders = [str(folder / "none")]

    @property
    def settings(self) -> Settings:
        return load([str(self.file)], self._folders)

    @property
    def broker(self) -> Broker:
        broker = load_broker([str(self.file)], self._folders, self.settings.notifications)
        assert broker is not None
        return broker


@pytest.mark.parametrize("values", _WITH_FILE.values(), ids=list(_WITH_FILE))
def test_every_option_is_one_of_the_program(chart: Chart, tmp_path: Path, values: dict[str, Any]) -> None:
    """Of each file: that of all agents, those of nodes with other options, and that of the relay."""
    rendered = chart.render(values)
    files = {rendered.file_of(spec) for spec in rendered.specs()}
    assert files
    for text in files:
        read = Read(text, tmp_path)
        namespaces = [f"--namespace=irqaffinity{name}" for name in ("", ".broker", ".log")]
        done = subprocess.run(
            [_VALIDATOR, *namespaces, "--input-file", read.file], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "not found" not in done.stdout + done.stderr
        assert read.settings.unknown == ()


def test_values_become_settings(chart: Chart, tmp_path: Path) -> None:
    settings = Read(chart.render(OPENSTACK_HELM).configuration, tmp_path).settings
    assert settings.debug
    assert settings.policy.numa is Numa.STRICT
    assert str(settings.policy.dedicated_cpus) == "2-15"
    assert settings.policy.flavor_masks == {"nfv.large": "1-4,^3,6"}
    assert settings.policy.host_driver == HostDrivers(HostDriver.EMULATOR, HostDriver.VCPU)
    assert settings.policy.profiles == (Profile({"physical_network": "physnet1"}, Distribution.SPREAD),)
    assert settings.notifications.versioned_topics == ("one", "two")
    assert [spec.product for spec in settings.policy.device_specs] == ["10ed", None]
    assert Read(chart.render(METRICS).configuration, tmp_path).settings.metrics.port == 9999


def test_each_device_spec_is_a_line_of_its_own(chart: Chart, tmp_path: Path) -> None:
    """A map becomes JSON, in which a $ of a regular expression is one; text stays as it is, on several lines too."""
    first, second, third, fourth = Read(chart.render(EXTRAS).configuration, tmp_path).settings.policy.device_specs
    assert first.tags == {"physical_network": "a&$b"}
    assert second.address is not None
    assert "[0-2]$" in str(second.address)
    assert (third.product, fourth.netdev) == ("154c", "ens5f0")


def test_a_broker_of_several_nodes_gets_the_password_as_it_was_given(chart: Chart, tmp_path: Path) -> None:
    broker = Read(chart.render(TLS).configuration, tmp_path).broker
    assert [(node.name, node.port) for node in broker.hosts] == [
        ("mq-1.example.org", 5671),
        ("mq-2.example.org", 5673),
        ("2001:db8::1", 5671),
    ]
    assert {(node.user, node.password) for node in broker.hosts} == {("irq@affinity", PASSWORD)}
    assert broker.virtual_host == "nova"
    assert broker.tls is not None
    assert (broker.tls["ca_certs"], broker.tls["keyfile"]) == (
        "/etc/rabbitmq/certs/ca.crt",
        "/etc/rabbitmq/certs/tls.key",
    )
    assert Read(chart.render(BROKER).configuration, tmp_path).broker.tls is None


def test_the_broker_of_openstack_helm_is_found_by_its_pods_or_its_service(chart: Chart, tmp_path: Path) -> None:
    broker = Read(chart.render(OPENSTACK_HELM).configuration, tmp_path).broker
    service = "rabbitmq.infra.svc.cluster.example"
    assert [node.name for node in broker.hosts] == [f"rabbitmq-rabbitmq-{number}.{service}" for number in range(3)]
    assert broker.heartbeat == 10000000
    login = {"auth": {"irqaffinity": {"password": "secret"}}}
    for given, name in (
        ({"statefulset": None}, "rabbitmq.openstack.svc.cluster.local"),
        ({"hosts": {"default": "192.0.2.7"}}, "192.0.2.7"),
        ({"host_fqdn_override": {"default": {"host": "mq.example.org"}}}, "mq.example.org"),
    ):
        endpoints = {"endpoints": {"oslo_messaging": login | given}}
        assert [node.name for node in Read(chart.render(endpoints).configuration, tmp_path).broker.hosts] == [name]


def test_what_conf_says_goes_before_what_is_filled_in(chart: Chart, tmp_path: Path) -> None:
    conf = {
        "DEFAULT": {"transport_url": "rabbit://me@other/"},
        "libvirt": {"uri": "test:///default"},
        "oslo_messaging_rabbit": {"ssl": False},
    }
    read = Read(chart.render(TLS | {"conf": {"irqaffinity": conf}}).configuration, tmp_path)
    assert read.settings.libvirt_uri == "test:///default"
    assert ([node.name for node in read.broker.hosts], read.broker.tls) == (["other"], None)


def test_a_line_break_in_a_value_begins_no_option(chart: Chart, tmp_path: Path) -> None:
    conf = {"notifications": {"exchange": "nova\n[host]\nproc = /elsewhere"}}
    with pytest.raises(ConfigError, match=r"\[notifications\] exchange: it is not the name of an exchange"):
        Read(chart.render({"conf": {"irqaffinity": conf}}).configuration, tmp_path).settings  # noqa: B018


def test_what_is_another_value_in_each_pod_comes_from_the_environment(
    chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables are those of the manifests; the file of the same chart has other values for them, or none."""
    names = [name for name in chart.render(METRICS).environment() if name.startswith("OS_")]
    existing = {"endpoints": {"oslo_messaging": {"existing_secret": {"name": "broker"}}}}
    names += [name for name in chart.render(existing).environment() if "TRANSPORT" in name]
    for name, value in zip(names, ("cmp-7", "192.0.2.9", "rabbit://a:b%24@one,c:d@two/nova"), strict=True):
        monkeypatch.setitem(os.environ, name, value)
    read = Read(chart.render(METRICS).configuration, tmp_path)
    assert (read.settings.host, read.settings.metrics.bind) == ("cmp-7", "192.0.2.9")
    assert [(node.name, node.password) for node in read.broker.hosts] == [("one", "b$"), ("two", "d")]


@pytest.mark.parametrize(("given", "word"), [("auto", "auto"), (True, "true"), (False, "false"), ("false", "false")])
def test_a_switch_of_three_takes_words_and_yaml_s_own(chart: Chart, given: object, word: str) -> None:
    conf = {"notifications": {"enabled": given, "queue": "exclusive", "source": "nova", "leave_after": 0}}
    text = chart.render({"conf": {"irqaffinity": conf}}).configuration
    assert f"[notifications]\nenabled = {word}\nleave_after = 0\nqueue = exclusive\nsource = nova\n" in text


LOGGING = {
    "loggers": {"keys": ["root", "irqaffinity"]},
    "handlers": {"keys": ["stderr", "null"]},
    "formatters": {"keys": ["context", "json"]},
    "logger_root": {"level": "WARNING", "handlers": "null"},
    "logger_irqaffinity": {"level": "INFO", "handlers": ["stderr"], "qualname": "irqaffinity"},
    "handler_null": {"class": "logging.NullHandler", "formatter": "context", "args": "()"},
    "handler_stderr": {"class": "StreamHandler", "args": "(sys.stderr,)", "formatter": "json"},
    "formatter_context": {"class": "oslo_log.formatters.ContextFormatter", "datefmt": "%Y-%m-%d %H:%M:%S"},
    "formatter_json": {"class": "oslo_log.formatters.JSONFormatter"},
}
"""As in the values of openstack-helm's charts."""


@pytest.mark.parametrize("options", [{}, {"use_json": True, "default_log_levels": ["kombu=INFO", "irqaffinity=DEBUG"]}])
def test_options_of_the_log_and_a_logging_conf_are_followed_by_the_program(
    chart: Chart, tmp_path: Path, options: dict[str, Any]
) -> None:
    """By the relay, which needs no host, as a process that leaves at once for want of a broker."""
    values: dict[str, Any] = {"conf": {"irqaffinity": {"DEFAULT": {"transport_url": "amqp1://a", **options}}}}
    if not options:
        values["conf"]["logging"] = LOGGING
    rendered = chart.render({**values, "manifests": {"deployment_relay": True}})
    for spec in rendered.specs():
        for name, text in rendered.files_of(spec).items():
            (tmp_path / name).write_text(text.replace("/etc/irqaffinity/", f"{tmp_path}/"))
        command = [_PROGRAM, "--config-file", tmp_path / "irqaffinity.conf", "relay"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert ("logging.conf" in rendered.files_of(spec)) is not bool(options)
        first, last = map(json.loads, (done.stderr.splitlines()[0], done.stderr.splitlines()[-1]))
        assert ": the relay starts on host " in first["message"]
        assert "it does not begin with rabbit://" in last["message"]


def test_pods_are_made_anew_when_the_logging_conf_changes(chart: Chart) -> None:
    before, after = (chart.render({"conf": {"logging": logging}}) for logging in ({}, LOGGING))
    assert before.checksum != after.checksum
