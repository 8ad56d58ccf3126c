# SPDX-License-Identifier: Apache-2.0
"""The lines of nova.conf tell which broker to listen to, and no error repeats a password."""

import ssl
from pathlib import Path

import pytest

from irqaffinity.conf.broker import load_broker
from irqaffinity.conf.load import ConfigError, load
from irqaffinity.listen.broker import Broker, BrokerHost


def read(folder: Path, text: str) -> Broker | None:
    file = folder / "broker.conf"
    file.write_text(text)
    return load_broker([str(file)], None, load([str(file)]).notifications)


def test_several_nodes_reserved_characters_and_a_virtual_host(tmp_path: Path) -> None:
    broker = read(tmp_path, "[DEFAULT]\ntransport_url = rabbit://no%40va:p%2F%3A%40ss@one:5671,nova:x@[::1]/v%2Fh\n")
    assert broker is not None
    assert broker.hosts == (BrokerHost("one", 5671, "no@va", "p/:@ss"), BrokerHost("::1", 5672, "nova", "x"))
    assert (broker.virtual_host, broker.exchange, broker.tls) == ("v/h", "nova", None)
    topics = ("versioned_notifications", "notifications")
    assert broker.routing_keys == tuple(f"{topic}.{priority}" for topic in topics for priority in ("info", "error"))
    assert str(broker) == "amqp://one:5671,[::1]:5672/v/h"
    assert "p/:@ss" not in repr(broker)


def test_the_broker_of_notifications_goes_before_that_of_rpc(tmp_path: Path) -> None:
    broker = read(
        tmp_path,
        "[DEFAULT]\ntransport_url = rabbit://a:b@rpc/\n"
        "[oslo_messaging_notifications]\ntransport_url = rabbit://a:b@notes/\ntopics = legacy\n"
        "[notifications]\nnotification_format = both\nversioned_notifications_topics = one,two\nexchange = cloud\n",
    )
    assert broker is not None
    assert [host.name for host in broker.hosts] == ["notes"]
    assert broker.rpc is not None
    assert [host.name for host in broker.rpc.hosts] == ["rpc"]
    assert broker.exchange == "cloud"
    assert broker.routing_keys == ("one.info", "one.error", "two.info", "two.error", "legacy.info", "legacy.error")


@pytest.mark.parametrize(
    ("wanted", "unwanted"),
    [
        ("both", ()),
        ("versioned", ("legacy.info", "legacy.error")),
        ("unversioned", ("one.info", "one.error")),
    ],
)
def test_what_the_other_format_alone_has_is_not_wanted(tmp_path: Path, wanted: str, unwanted: tuple[str, ...]) -> None:
    topics = "[oslo_messaging_notifications]\ntopics = legacy,shared\n"
    of_ours = f"[notifications]\nnotification_format = {wanted}\nversioned_notifications_topics = one,shared\n"
    broker = read(tmp_path, f"[DEFAULT]\ntransport_url = rabbit://a:b@h/\n{topics}{of_ours}")
    assert broker is not None
    assert broker.unwanted_keys == unwanted


@pytest.mark.parametrize("rpc", ["rabbit://a:b@notes/v", "", "amqp+proton://a:cret@rpc/", "rabbit://a:cr/et@h/"])
def test_a_broker_of_rpc_that_is_the_same_or_cannot_be_used_is_none(tmp_path: Path, rpc: str) -> None:
    notes = "[oslo_messaging_notifications]\ntransport_url = rabbit://a:b@notes/v\n"
    broker = read(tmp_path, f"[DEFAULT]\ntransport_url = {rpc}\n{notes}")
    assert broker is not None
    assert ([host.name for host in broker.hosts], broker.rpc) == (["notes"], None)


def test_another_account_or_virtual_host_makes_another_broker(tmp_path: Path) -> None:
    notes = "[oslo_messaging_notifications]\ntransport_url = rabbit://a:b@one/v\n"
    for url in ("rabbit://c:d@one/v", "rabbit://a:b@one/w"):
        broker = read(tmp_path, f"[DEFAULT]\ntransport_url = {url}\n{notes}")
        assert broker is not None
        assert broker.rpc is not None
        assert (
            f"rabbit://{broker.rpc.hosts[0].user}:{broker.rpc.hosts[0].password}@one/{broker.rpc.virtual_host}" == url
        )


def test_tls_login_and_heartbeat_are_those_of_nova(tmp_path: Path) -> None:
    broker = read(
        tmp_path,
        "[DEFAULT]\ntransport_url = rabbit://a:b@h/\n[oslo_messaging_rabbit]\nssl = true\nssl_ca_file = /ca\n"
        "ssl_cert_file = /cert\nssl_key_file = /key\nrabbit_login_method = EXTERNAL\nheartbeat_timeout_threshold = 7\n"
        "amqp_durable_queues = true\nrabbit_quorum_queue = true\n",
    )
    assert broker is not None
    assert broker.tls == {
        "cert_reqs": ssl.CERT_REQUIRED,
        "ca_certs": "/ca",
        "certfile": "/cert",
        "keyfile": "/key",
    }
    assert (broker.login_method, broker.heartbeat) == ("EXTERNAL", 7)
    assert str(broker).startswith("amqps://h:5672")


@pytest.mark.parametrize("text", ["", "[DEFAULT]\ntransport_url = rabbit://\n"])
def test_without_a_url_there_is_no_broker(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) is None


@pytest.mark.parametrize(
    "url",
    [
        "rabbit://nova:p/ss@h:5672/",
        "rabbit://nova:se:cret@h:port/",
        "kafka://nova:secret@h/",
        "secret",
        "rabbit://nova:secret@/v",
        "rabbit://[secret",
        "rabbit://nova:12/cret@h:5672/v",
        "rabbit://nova:12?cret@h:5672/v",
        "rabbit://nova:12#cret@h:5672/v",
        "rabbit://nova:12,cret@h:5672/v",
        "rabbit://nova:cret@one,nova:12,cret@two/v",
        "rabbit://nova:se@cret%zz@h=x/v",
        "rabbit://nova:secret@h:0/v",
        "rabbit://nova:secret@one,nova:secret@h:65536/v",
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_repeating_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[DEFAULT]\ntransport_url = {url}\n")
    message = str(caught.value)
    assert f"{tmp_path}/broker.conf:2: [DEFAULT] transport_url: " in message
    assert "rabbit://" in message
    assert not any(word in message for word in ("p/ss", "cret", "ss@"))


def test_nodes_without_a_user_may_follow_those_that_have_one_or_be_alone(tmp_path: Path) -> None:
    for nodes, users in (("u:p@one,two", ["u", "guest"]), ("[::1]:5671,one", ["guest", "guest"])):
        broker = read(tmp_path, f"[DEFAULT]\ntransport_url = rabbit://{nodes}/v%40x\n")
        assert broker is not None
        assert ([host.user for host in broker.hosts], broker.virtual_host) == (users, "v@x")


@pytest.mark.parametrize(
    "line", ["ssl_ca_file = rabbit://nova:cret@h/", "ssl_cert_file = /a\n  nova:cret", "ssl_key_file = /a=cret"]
)
def test_what_is_no_path_of_a_file_of_tls_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    text = f"[DEFAULT]\ntransport_url = rabbit://a:b@h/\n[oslo_messaging_rabbit]\nssl = true\n{line}\n"
    with pytest.raises(ConfigError, match=rf":5: \[oslo_messaging_rabbit\] {line.partition(' ')[0]}: it is") as refusal:
        read(tmp_path, text)
    assert "cret" not in str(refusal.value)


@pytest.mark.parametrize("topics", ["rabbit://nova:cret@h/", "good,nova cret"])
def test_what_is_no_topic_is_refused_and_not_repeated(tmp_path: Path, topics: str) -> None:
    text = "[DEFAULT]\ntransport_url = rabbit://a:b@h/\n[notifications]\nnotification_format = both\n"
    with pytest.raises(ConfigError, match=r":6: \[oslo_messaging_notifications\] topics: one of them is") as refusal:
        read(tmp_path, f"{text}[oslo_messaging_notifications]\ntopics = {topics}\n")
    assert "cret" not in str(refusal.value)


def test_a_bad_value_names_its_group(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"heartbeat_timeout_threshold"):
        read(
            tmp_path,
            "[DEFAULT]\ntransport_url = rabbit://a:b@h/\n"
            "[oslo_messaging_rabbit]\nheartbeat_timeout_threshold = often\n",
        )


def test_without_any_topic_nothing_would_be_heard(tmp_path: Path) -> None:
    text = (
        "[DEFAULT]\ntransport_url = rabbit://a:b@h/\n[notifications]\nnotification_format = unversioned\n"
        "[oslo_messaging_notifications]\ntopics =\n"
    )
    with pytest.raises(ConfigError, match=r"\[oslo_messaging_notifications\] topics: it is empty"):
        read(tmp_path, text)


@pytest.mark.parametrize("line", ["rabbit_login_method = RABBIT-CR-DEMO", "heartbeat_timeout_threshold = -5"])
def test_what_the_library_would_fail_with_later_is_refused_at_once(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=line.partition(" ")[0]):
        read(tmp_path, f"[DEFAULT]\ntransport_url = rabbit://a:b@h/\n[oslo_messaging_rabbit]\n{line}\n")


@pytest.mark.parametrize("method", ["RABBIT-CR-DEMO", "x", ""])
def test_a_way_to_log_in_is_one_that_kombu_has(tmp_path: Path, method: str) -> None:
    text = f"[DEFAULT]\ntransport_url = rabbit://h/\n[oslo_messaging_rabbit]\nrabbit_login_method = {method}\n"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert str(caught.value).endswith(
        "[oslo_messaging_rabbit] rabbit_login_method: it is not one of AMQPLAIN, PLAIN, EXTERNAL"
    )
