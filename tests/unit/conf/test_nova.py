# SPDX-License-Identifier: Apache-2.0
"""nova.conf as a source: the broker, the host and the devices are taken from it, and nothing else."""

import re
from pathlib import Path

import pytest

from irqaffinity.conf.broker import load_broker
from irqaffinity.conf.load import ConfigError, Settings, load
from irqaffinity.listen.broker import Broker

NOVA = """\
[DEFAULT]
host = cmp-nova
debug = true
log_file = /var/log/nova/nova.log
transport_url = rabbit://nova:secret@rpc:5671/v
state_path = /var/lib/nova
hots = nobody reads this
[pci]
device_spec = {"vendor_id": "8086", "product_id": "10ed", "physical_network": "physnet1"}
device_spec = {"address": "*:0a:00.*"}
alias = {"name": "x"}
[oslo_messaging_rabbit]
ssl = true
ssl_ca_file = /etc/ca.pem
heartbeat_timeout_threshold = 9
nobodys = nobody reads this
[oslo_messaging_notifications]
driver = messagingv2
topics = one,two
[notifications]
notification_format = unversioned
versioned_notifications_topics = other
enabled = nonsense
[libvirt]
uri = nowhere
connection_uri = nowhere
[placement]
auth_url = http://x
numa = nonsense
[metrics]
enabled = true
[audit]
interval = nonsense
[placemen]
"""


class Files:
    """Our own file and nova.conf, empty both."""

    def __init__(self, folder: Path) -> None:
        self.own, self.nova = folder / "irqaffinity.conf", folder / "nova.conf"
        self.own.touch()
        self.nova.touch()

    def load(self) -> Settings:
        return load([str(self.own)], None, None, [str(self.nova)])

    def broker(self) -> Broker | None:
        return load_broker([str(self.own)], None, self.load().notifications, [str(self.nova)])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_the_broker_the_host_and_the_devices_are_taken_and_nothing_else(files: Files) -> None:
    without = load([str(files.own)])
    files.nova.write_text(NOVA)
    found = files.load()
    assert found.host == "cmp-nova"
    assert [spec.product for spec in found.policy.device_specs] == ["10ed", None]
    assert found.policy.device_specs[0].tags == {"physical_network": "physnet1"}
    assert (found.unknown, found.notes, found.nova_files) == ((), (), (str(files.nova),))
    assert (found.debug, found.libvirt_uri, found.audit_interval) == (False, "qemu:///system", 60)
    assert (found.notifications, found.metrics) == (without.notifications, without.metrics)
    assert found.policy.numa is without.policy.numa
    broker = files.broker()
    assert broker is not None
    assert (str(broker), broker.heartbeat) == ("amqps://rpc:5671/v", 9)
    assert broker.tls is not None
    assert broker.tls["ca_certs"] == "/etc/ca.pem"
    assert broker.routing_keys[::2] == ("versioned_notifications.info", "one.info", "two.info")


def test_without_the_option_nothing_of_nova_conf_is_read(files: Files) -> None:
    files.nova.write_text(NOVA)
    found = load([str(files.own)])
    assert (found.policy.device_specs, found.nova_files) == ((), ())
    assert load_broker([str(files.own)], None, found.notifications) is None


def test_our_own_files_and_the_environment_win(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.nova.write_text(NOVA)
    files.own.write_text(
        "[DEFAULT]\nhost = mine\n[pci]\ndevice_spec = {}\n[oslo_messaging_rabbit]\nheartbeat_timeout_threshold = 5\n"
    )
    assert files.load().host == "mine"
    assert [spec.product for spec in files.load().policy.device_specs] == [None]
    broker = files.broker()
    assert broker is not None
    assert (broker.heartbeat, broker.hosts[0].name, broker.tls is None) == (5, "rpc", False)
    monkeypatch.setenv("OS_DEFAULT__HOST", "environment")
    assert files.load().host == "environment"


@pytest.mark.parametrize("group", ["DEFAULT", "oslo_messaging_notifications"])
@pytest.mark.parametrize("nova_group", ["DEFAULT", "oslo_messaging_notifications"])
def test_where_our_own_file_names_a_broker_novas_is_not_meant(files: Files, group: str, nova_group: str) -> None:
    files.nova.write_text(f"[{nova_group}]\ntransport_url = rabbit://a:b@nova/\n")
    files.own.write_text(f"[{group}]\ntransport_url = rabbit://a:b@ours/\n")
    broker = files.broker()
    assert broker is not None
    assert [host.name for host in broker.hosts] == ["ours"]


def test_old_names_are_taken_in_the_order_in_which_nova_takes_them_and_told(files: Files) -> None:
    files.nova.write_text(
        '[pci]\ndevice_spec = {"vendor_id": "1"}\npassthrough_whitelist = {"vendor_id": "2"}\n'
        '[DEFAULT]\npci_passthrough_whitelist = [{"vendor_id": "3"}, {"vendor_id": "4"}]\n'
    )
    found = files.load()
    assert [spec.vendor for spec in found.policy.device_specs] == ["0003", "0004", "0002", "0001"]
    assert found.notes == (
        f"{files.nova}:5: [DEFAULT] pci_passthrough_whitelist is an old name, and read as [pci] device_spec",
        f"{files.nova}:3: [pci] passthrough_whitelist is an old name, and read as [pci] device_spec",
    )


def test_tls_under_the_name_that_an_older_nova_knows_is_tls(files: Files) -> None:
    files.nova.write_text(
        "[DEFAULT]\ntransport_url = rabbit://a:b@h/\nnotification_topics = old\n"
        "[oslo_messaging_rabbit]\nrabbit_use_ssl = true\nkombu_ssl_ca_certs = /ca\n"
    )
    files.own.write_text("[notifications]\nnotification_format = unversioned\n")
    broker = files.broker()
    assert broker is not None
    assert broker.tls is not None
    assert broker.tls["ca_certs"] == "/ca"
    assert broker.routing_keys == ("old.info", "old.error")


def test_several_files_are_read_in_turn(files: Files, tmp_path: Path) -> None:
    files.nova.write_text('[DEFAULT]\nhost = one\n[pci]\ndevice_spec = {"vendor_id": "1"}\n')
    more = tmp_path / "nova-more.conf"
    more.write_text('[DEFAULT]\nhost = two\n[pci]\ndevice_spec = {"vendor_id": "2"}\n')
    found = load([str(files.own)], None, None, [str(files.nova), str(more)])
    assert (found.host, [spec.vendor for spec in found.policy.device_specs]) == ("two", ["0001", "0002"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[pci]\ndevice_spec = {x", "2: [pci] device_spec: it is not JSON"),
        ('[pci]\npasstrough_whitelist = {}\npassthrough_whitelist = {"vendor_id": 5}', "[pci] passthrough_whitelist: "),
        ("[DEFAULT]\nhost =", "2: [DEFAULT] host: it is not a host name"),
        ("[DEFAULT]\nhost = $my_ip", "[DEFAULT] host: "),
        ('[pci]\ndevice_spec = {"physical_network": "$net"}', "2: [pci] device_spec: a $ in it begins the name of an "),
        ("nonsense", "1: the line has neither = nor a colon"),
    ],
)
def test_a_mistake_in_what_is_taken_names_nova_conf(files: Files, text: str, told: str) -> None:
    files.nova.write_text(f"{text}\n")
    with pytest.raises(ConfigError, match=f"^{re.escape(str(files.nova))}:.*{re.escape(told)}"):
        files.load()


def test_a_nova_conf_that_cannot_be_read_is_refused(files: Files, tmp_path: Path) -> None:
    for path in (tmp_path / "none.conf", tmp_path):
        with pytest.raises(ConfigError, match=re.escape(f"{path} cannot be read")):
            load([str(files.own)], None, None, [str(path)])


def test_a_slip_in_novas_restriction_is_refused_and_one_of_its_broker_is_told(files: Files) -> None:
    files.nova.write_text("[pci]\nalias = {}\ndevicespec = {}\n")
    with pytest.raises(ConfigError, match=r"nova\.conf:3: \[pci\] devicespec is no option: device_spec is"):
        files.load()
    files.nova.write_text("[oslo_messaging_rabbit]\nsll = true\nother = 1\n")
    assert [name.rpartition("] ")[2] for name in files.load().unknown] == ["sll"]


def test_what_nova_conf_says_by_another_option_of_its_own_is_put_in(files: Files) -> None:
    files.nova.write_text(
        "[DEFAULT]\nmy_ip = 192.0.2.7\nhost = cmp-${tail}\ntail = $my_ip\ntransport_url = rabbit://u:p$$x@$my_ip/\n"
    )
    assert files.load().host == "cmp-192.0.2.7"
    broker = files.broker()
    assert broker is not None
    assert (broker.hosts[0].name, broker.hosts[0].password) == ("192.0.2.7", "p$x")


def test_a_dollar_in_a_device_spec_is_what_it_is_for_nova_and_in_our_own_file(files: Files) -> None:
    text = '[pci]\ndevice_spec = {"physical_network": "p$$1", "trusted": "$$true$", "other": "$5"}\n'
    wanted = {"physical_network": "p$1", "trusted": "$true$", "other": "$5"}
    for own, nova in ((text, ""), ("", text)):
        files.own.write_text(own)
        files.nova.write_text(nova)
        assert [spec.tags for spec in files.load().policy.device_specs] == [wanted]


@pytest.mark.parametrize(
    "text",
    ["host = $host", "debug = $debug", "transport_url = $transport_url", "transport_url = rabbit://u:pa$hunter2@h/"],
)
@pytest.mark.parametrize("in_nova", [False, True])
def test_a_value_that_leads_nowhere_is_told_without_its_text(files: Files, text: str, in_nova: bool) -> None:
    if in_nova and text.startswith("debug"):
        return
    (files.nova if in_nova else files.own).write_text(f"[DEFAULT]\n{text}\n")
    with pytest.raises(ConfigError, match=rf"\[DEFAULT\] {text.partition(' ')[0]}: ") as refusal:
        files.broker()
    assert "hunter2" not in str(refusal.value)
    assert ".conf" in str(refusal.value)
