# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity check` on a healthy node of each deployment, as its RabbitMQ is there, and where something is wrong."""

import json
import shlex
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import kombu
import pytest

from irqaffinity.agent.machine import read_machine_id
from irqaffinity.cli.main import main
from irqaffinity.listen import broker_limits, management
from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.broker_check import Local, check_broker
from irqaffinity.listen.names import HOSTS_EXCHANGE, queue_name, relayed_queue_name
from tests.fakes.domains import make_libvirt, nova_metadata
from tests.fakes.scene import GUEST, VF0, Scene
from tests.functional.agent import wait_for
from tests.functional.nova import Nova, legacy, versioned
from tests.functional.rabbitmq import PASSWORD, SECRET_QUOTED, RabbitMQ, free_ports

SHORT, FULL = "cmp-1", "cmp-1.rack2.example.org"
LIMITS = {"x-expires": 1800000, "x-message-ttl": 300000, "x-max-length": 10000, "x-overflow": "drop-head"}
QUORUM = {"x-queue-type": "quorum"}
SHIPPED = json.loads((Path(__file__).parents[2] / "etc/rabbitmq/irqaffinity.json").read_text())["policies"][0]
HA = {"ha-mode": "all", "ha-sync-mode": "automatic"}
POLICIES = {
    "openstack-helm": ("ha_ttl_nova", r"^(?!(amq\.|reply_)).*", 0, HA | {"message-ttl": 70000}),
    "openstack-ansible": ("HA", r"^(?!(amq\.)|(.*_fanout_)|(reply_)).*", 0, {"ha-mode": "all"}),
    "charmed": ("HA", r"^(?!amq\.).*", 0, HA),
    "shipped": (SHIPPED["name"], SHIPPED["pattern"], SHIPPED["priority"], SHIPPED["definition"]),
    "stronger": ("HA", r"^(?!amq\.).*", 1, HA),
}
TOPICS = ("versioned_notifications", "notifications")
TAGS = ("administrator", "management", "user", "")


@dataclass(frozen=True)
class Shape:
    """What a deployment makes of Nova and RabbitMQ. `tag` is what management knows the account of transport_url by."""

    host: str = SHORT
    nova_host: str = SHORT
    tag: str = ""
    policies: Sequence[str] = ()
    formats: Sequence[str] = ("unversioned",)
    rpc: dict[str, Any] = field(default_factory=dict)
    has_reader: bool = False
    has_management: bool = True
    has_tls: bool = False


SHAPES = {
    "/": Shape(tag="administrator", has_reader=True),  # Kolla-Ansible with its telemetry
    "kolla-quorum": Shape(tag="administrator", formats=["versioned"], rpc=QUORUM, has_reader=True),
    "/nova": Shape(FULL, FULL, policies=["openstack-ansible"], has_reader=True),  # OpenStack-Ansible
    "nova": Shape(tag="user", policies=["openstack-helm"]),  # OpenStack-Helm
    "nova-management": Shape(tag="management", policies=["openstack-helm"], formats=["unversioned", "versioned"]),
    "starlingx": Shape(policies=["openstack-helm"], has_management=False),
    "openstack": Shape(FULL, FULL, policies=["charmed"], has_reader=True, has_management=False),  # Charmed OpenStack
    "rhoso": Shape(
        FULL, FULL, "administrator", ["shipped"], formats=["versioned"], rpc=QUORUM, has_tls=True
    ),
}  # fmt: skip
TROUBLES = {
    "short": Shape(nova_host=FULL),
    "full": Shape(FULL, SHORT),
    "capitals": Shape("CMP-1", SHORT),
    "unlimited": Shape(tag="management", policies=["charmed"], formats=["versioned"]),
    "displaced": Shape(tag="management", policies=["shipped", "stronger"], formats=["versioned"]),
    "lowered": Shape(tag="management", policies=["openstack-helm"], formats=["versioned"]),
    "unread": Shape(tag="", formats=["versioned"]),
    "silent": Shape(tag="management", formats=[]),
}


@pytest.fixture(scope="module")
def clouds(broker: RabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> RabbitMQ:
    """The virtual hosts, users and policies of all shapes."""
    shapes = SHAPES | TROUBLES
    users = [f"nova-{tag}" for tag in TAGS]
    made = {
        "vhosts": [{"name": vhost} for vhost in shapes],
        "users": [{"name": f"nova-{tag}", "password": PASSWORD, "tags": tag} for tag in TAGS],
        "permissions": [
            {"user": user, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"}
            for vhost in shapes for user in users
        ],
        "policies": [
            dict(zip(("name", "pattern", "priority", "definition"), POLICIES[name], strict=True))
            | {"vhost": vhost, "apply-to": "all"}
            for vhost, shape in shapes.items() for name in shape.policies
        ],
    }  # fmt: skip
    file = tmp_path_factory.mktemp("clouds") / "definitions.json"
    file.write_text(json.dumps(made))
    broker.control("import_definitions", str(file))
    return broker


class Cloud:
    """One deployment on the broker, and a node of it with a guest."""

    def __init__(self, broker: RabbitMQ, vhost: str, shape: Shape, scene: Scene) -> None:
        self.broker = broker
        self.vhost = vhost
        self.shape = shape
        self.scene = scene
        self.queue = queue_name(shape.host, read_machine_id())
        port = broker.tls_port if shape.has_tls else broker.port
        self.url = f"rabbit://nova-{shape.tag}:{SECRET_QUOTED}@127.0.0.1:{port}/{quote(vhost, safe='')}"
        self.lines = ""
        if shape.has_tls:
            self.lines = f"[oslo_messaging_rabbit]\nssl = true\nssl_ca_file = {broker.folder}/ca.pem\n"

    def connect(self) -> Any:
        """Return a connection, not opened yet."""
        account = {"userid": f"nova-{self.shape.tag}", "password": PASSWORD, "virtual_host": self.vhost}
        return kombu.Connection(hostname="127.0.0.1", port=self.broker.port, connect_timeout=10, **account)

    @contextmanager
    def running(self) -> Iterator["Cloud"]:
        """Run nova-compute, an agent's queue, notifiers, and by choice what reads them; leave nothing behind."""
        is_durable = bool(self.shape.rpc)
        self.forget(*(f"{topic}.{priority}" for topic in TOPICS for priority in ("info", "error")))
        with self.connect() as connection:
            channel = connection.default_channel
            channel.exchange_declare("nova", "topic", durable=is_durable, auto_delete=False)
            rpc = f"compute.{self.shape.nova_host}"
            channel.queue_declare(rpc, durable=is_durable, auto_delete=False, arguments=self.shape.rpc)
            channel.basic_consume(rpc)
            channel.queue_declare(self.queue, durable=True, auto_delete=False, arguments=LIMITS)
            sent = self.publish()
            for queue in sent if self.shape.has_reader else ():
                channel.basic_consume(queue)
            try:
                yield self
            finally:
                self.forget(rpc, self.queue, *sent)

    def forget(self, *queues: str) -> None:
        """Delete queues and the exchange; on a connection that reads none of them, and so is not told."""
        with self.connect() as connection:
            for queue in queues:
                connection.default_channel.queue_delete(queue)
            connection.default_channel.exchange_delete("nova")

    def publish(self) -> list[str]:
        """Have Nova send a notification in each of its formats, and return the queues that it declares for them."""
        url = self.url.replace(str(self.broker.tls_port), str(self.broker.port))
        nova, queues = Nova(self.scene.folder, url, durable=bool(self.shape.rpc)), []
        if "versioned" in self.shape.formats:
            nova.publish("instance.create.end", f"nova-compute:{self.shape.nova_host}", versioned(GUEST, SHORT))
            queues.append("versioned_notifications.info")
        if "unversioned" in self.shape.formats:
            nova.publish("compute.instance.create.end", f"compute.{SHORT}", legacy(GUEST, SHORT), legacy=True)
            queues.append("notifications.info")
        nova.close()
        return queues

    def check(self, capsys: pytest.CaptureFixture[str], url: str | None = None) -> tuple[int, list[str]]:
        """Return the exit status and the lines."""
        file = self.scene.folder / "node.conf"
        url = url or f"[DEFAULT]\ntransport_url = {self.url}\n"
        own = f"[DEFAULT]\nhost = {self.shape.host}\n[status]\npath = {self.scene.folder}/status.json\n"
        file.write_text(f"{url.replace('$', '$$')}{own}{self.lines}")
        host = [f"--proc={self.scene.host.proc}", f"--sys={self.scene.host.sys}", f"--state={self.scene.folder}/state"]
        libvirt = f"--libvirt-uri={make_libvirt(self.scene.folder / 'libvirt', self.scene.domains)}"
        status = main([f"--config-file={file}", *host, libvirt, "check"])
        out, err = capsys.readouterr()
        assert err == ""
        assert not {PASSWORD, SECRET_QUOTED} & set(out.split()), out
        assert PASSWORD not in out
        return status, out.splitlines()

    def line(self, lines: Sequence[str], subject: str) -> str:
        """Return the one line on a subject."""
        (found,) = [line for line in lines if line.startswith(f"{subject} ")]
        return found

    def set_policy(self, line: str) -> None:
        """Run the command that a line ends in, as a shell takes it."""
        program, *words = shlex.split(line[line.index("rabbitmqctl") :])
        assert program == "rabbitmqctl"
        self.broker.control(*words)


@pytest.fixture
def cloud(
    request: pytest.FixtureRequest, clouds: RabbitMQ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    """The deployment that the test names, on a host that calls itself both short and full."""
    vhost: str = request.param
    shape = (SHAPES | TROUBLES)[vhost]
    monkeypatch.setattr(socket, "gethostname", lambda: SHORT)
    monkeypatch.setattr(socket, "getfqdn", lambda _name="": FULL)
    closed = free_ports(1)[0]
    monkeypatch.setattr(management, "PORT", clouds.management_port if shape.has_management else closed)
    monkeypatch.setattr(management, "TLS_PORT", clouds.management_tls_port)
    scene = Scene(tmp_path)
    scene.add_guest(VF0, metadata=nova_metadata("nfv"))
    with Cloud(clouds, vhost, shape, scene).running() as running:
        yield running


@pytest.mark.parametrize("cloud", SHAPES, indirect=True)
def test_a_healthy_node_of_each_deployment_passes(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = cloud.check(capsys)
    assert status == 0, "\n".join(lines)
    shape = cloud.shape
    assert f"Nova calls this host {shape.nova_host}, as [DEFAULT] host does" in cloud.line(lines, "nova-compute")
    policy = cloud.line(lines, "policy")
    if not shape.has_management:
        assert "Connection refused; see them with: rabbitmqctl list_policies -p" in policy
    elif shape.tag in ("user", ""):
        assert "it refuses this account, which lacks the tag management; see them with: rabbitmqctl" in policy
    else:
        assert ("kept 70 s, at most 10000 messages" if "openstack-helm" in shape.policies else "kept 300 s") in policy
    assert ("legacy notifications alone" in "\n".join(lines)) == (list(shape.formats) == ["unversioned"])
    if "shipped" in shape.policies:
        assert "by the policy versioned-notifications (priority 0): kept 3600 s, at most" in cloud.line(lines, "nova")


@pytest.mark.parametrize(("cloud", "used"), [("short", FULL), ("full", SHORT), ("capitals", SHORT)], indirect=["cloud"])
def test_another_name_than_novas_is_found_and_named(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], used: str
) -> None:
    status, lines = cloud.check(capsys)
    found = cloud.line(lines, "nova-compute")
    assert (status, "FAILED" in found) == (1, True)
    assert f"Nova calls this host {used}, and [DEFAULT] host is {cloud.shape.host}: set host = {used} in" in found


@pytest.mark.parametrize("cloud", ["short"], indirect=True)
def test_a_queue_that_a_former_name_left_behind_is_not_mistaken(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    with cloud.connect() as connection:
        connection.default_channel.queue_declare(f"compute.{SHORT}", auto_delete=False)
        assert "FAILED" in cloud.line(cloud.check(capsys)[1], "nova-compute")
        connection.default_channel.queue_delete(f"compute.{FULL}")
        connection.default_channel.queue_declare(f"compute.{FULL}", auto_delete=False)
        assert "ok      compute.cmp-1 is there, but nobody" in cloud.line(cloud.check(capsys)[1], "nova-compute")
        connection.default_channel.queue_delete(f"compute.{FULL}")
        assert "ok      compute.cmp-1 is there, but nobody" in cloud.line(cloud.check(capsys)[1], "nova-compute")
        connection.default_channel.queue_delete(f"compute.{SHORT}")
        connection.default_channel.queue_declare(f"compute.{SHORT}", exclusive=True)
        assert f"Nova calls this host {SHORT}, as" in cloud.line(cloud.check(capsys)[1], "nova-compute")


@pytest.mark.parametrize("cloud", ["short"], indirect=True)
def test_nova_is_looked_for_on_the_broker_of_its_rpc(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    notifications = f"[oslo_messaging_notifications]\ntransport_url = {cloud.url.replace('/short', '/silent')}\n"
    silent = Cloud(cloud.broker, "silent", TROUBLES["silent"], cloud.scene)
    with silent.running():
        none = cloud.line(silent.check(capsys, notifications)[1], "nova-compute")
        _, lines = silent.check(capsys, f"[DEFAULT]\ntransport_url = {cloud.url}\n{notifications}")
        assert f"Nova calls this host {FULL}, and" in cloud.line(lines, "nova-compute")
        dead = f"[DEFAULT]\ntransport_url = rabbit://a:b@127.0.0.1:{free_ports(1)[0]}/\n{notifications}"
        away = cloud.line(silent.check(capsys, dead)[1], "nova-compute")
    assert f"Nova calls this host {SHORT}, as" in none
    assert "ok      not looked for on the broker of Nova's RPC: 127.0.0.1:" in away


@pytest.mark.parametrize("cloud", ["silent"], indirect=True)
def test_under_no_name_at_all_is_no_failure(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    with cloud.connect() as connection:
        connection.default_channel.queue_delete(f"compute.{SHORT}")
    found = cloud.line(cloud.check(capsys)[1], "nova-compute")
    assert f"ok      no queue compute.{SHORT} in the virtual host silent of 127.0.0.1:" in found


@pytest.mark.parametrize("cloud", ["silent"], indirect=True)
def test_a_nova_that_sends_nothing_fails_where_a_domain_has_no_specs(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines = cloud.check(capsys)
    found = cloud.line(lines, "nova")
    assert (status, "FAILED" in found) == (1, True)
    assert "sent nothing to versioned_notifications.info or notifications.info yet: set driver" in found
    cloud.scene.domains.clear()
    cloud.scene.add_guest(VF0, metadata=nova_metadata("nfv", {}))
    status, lines = cloud.check(capsys)
    assert (status, "yet: nothing is missing: the domains of all guests" in cloud.line(lines, "nova")) == (0, True)
    cloud.scene.domains.clear()
    status, lines = cloud.check(capsys)
    assert (status, "yet: no guest of Nova's is here, and Nova 32.0" in cloud.line(lines, "nova")) == (0, True)
    cloud.lines = "[notifications]\nenabled = true\n"
    status, lines = cloud.check(capsys)
    assert (status, "yet: set driver" in cloud.line(lines, "nova")) == (1, True)


@pytest.mark.parametrize("cloud", ["silent"], indirect=True)
def test_legacy_notifications_of_another_service_are_not_taken_for_novas(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with cloud.connect() as connection:
        connection.default_channel.exchange_declare("cinder", "topic", durable=False, auto_delete=False)
        connection.default_channel.queue_declare("notifications.info", durable=False, auto_delete=False)
        connection.default_channel.queue_bind("notifications.info", "cinder", "notifications.info")
    assert "or notifications.info yet: set driver" in cloud.line(cloud.check(capsys)[1], "nova")
    monkeypatch.setattr(management, "PORT", free_ports(1)[0])
    status, lines = cloud.check(capsys)
    assert (status, "Nova, or another service of the virtual host, sends legacy" in "\n".join(lines)) == (0, True)
    cloud.forget("notifications.info")


@pytest.mark.parametrize("cloud", ["unlimited", "displaced"], indirect=True)
def test_the_line_that_is_printed_limits_novas_queue_and_keeps_what_was_there(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines = cloud.check(capsys)
    found = cloud.line(lines, "nova")
    assert (status, "FAILED  1 message in Nova's own queue versioned_notifications.info, which" in found) == (1, True)
    hidden = "no policy limits; not in force: versioned-notifications, for HA (priority 1) goes first. Read it"
    assert (hidden in found) == ("shipped" in cloud.shape.policies)
    cloud.set_policy(found)
    status, lines = cloud.check(capsys)
    assert status == 0, "\n".join(lines)

    policies = cloud.broker.control("list_policies", "-p", cloud.vhost).splitlines()
    (policy,) = [line for line in policies if "versioned-notifications" in line]
    assert json.loads(policy.split("\t")[4]) == POLICIES["charmed"][3] | SHIPPED["definition"]
    shown = cloud.broker.control("list_queues", "-p", cloud.vhost, "name", "policy").splitlines()
    assert "versioned_notifications.info\tversioned-notifications" in shown


@pytest.mark.parametrize("cloud", ["lowered"], indirect=True)
def test_the_line_that_is_printed_gives_the_agents_queue_its_time_back(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    found = cloud.line(cloud.check(capsys)[1], "policy")
    assert (
        f"messages in {cloud.queue}: kept 70 s, at most 10000 messages, for the policy ha_ttl_nova (priority 0)"
        in found
    )
    cloud.set_policy(found)
    wait_for("the policy", lambda: "kept 300 s, at most 10000 messages" in cloud.line(cloud.check(capsys)[1], "policy"))


@pytest.mark.parametrize("cloud", ["unread"], indirect=True)
def test_without_management_the_number_of_messages_tells(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, lines = cloud.check(capsys)
    assert (
        status,
        "see that a policy limits it: rabbitmqctl list_policies -p unread;" in cloud.line(lines, "nova"),
    ) == (
        0,
        True,
    )
    monkeypatch.setattr(broker_limits, "MOST_UNREAD", 0)
    status, lines = cloud.check(capsys)
    assert (status, "nobody reads and no policy limits: set the policy" in cloud.line(lines, "nova")) == (1, True)


@pytest.mark.parametrize("cloud", ["silent"], indirect=True)
def test_a_node_behind_a_relay_asks_for_the_relays_exchange_alone(cloud: Cloud) -> None:
    node = BrokerHost("127.0.0.1", cloud.broker.port, "nova-management", PASSWORD)
    keys = ("versioned_notifications.info",)
    local = Local((SHORT,), read_machine_id(), has_agent=True, from_relay=True)
    with cloud.connect() as connection:
        missing = list(check_broker(Broker((node,), "silent", "nova", keys), local))
        connection.default_channel.exchange_declare(HOSTS_EXCHANGE, "direct", durable=True, auto_delete=False)
        queue = relayed_queue_name(SHORT, read_machine_id())
        connection.default_channel.queue_declare(queue, durable=True, auto_delete=False, arguments=LIMITS)
        found = list(check_broker(Broker((node,), "silent", "none", keys), local))
        exclusive = list(check_broker(Broker((node,), "silent", "none", keys), replace(local, is_exclusive=True)))
        connection.default_channel.queue_delete(queue)
    assert "start irqaffinity relay, or mend" in missing[-1].text
    assert [(finding.subject, finding.is_ok) for finding in found] == [
        (subject, True) for subject in ("broker", "exchange", "queue", "policy", "nova-compute")
    ]
    assert [finding.subject for finding in exclusive] == ["broker", "exchange", "queue", "nova-compute"]


@pytest.mark.parametrize("cloud", ["silent"], indirect=True)
@pytest.mark.parametrize("has_agent", [True, False])
def test_an_agents_queue_is_missed_where_an_agent_runs(cloud: Cloud, has_agent: bool) -> None:
    node = BrokerHost("127.0.0.1", cloud.broker.port, "nova-management", PASSWORD)
    local = Local(("other",), read_machine_id(), has_agent=has_agent)
    findings = list(check_broker(Broker((node,), "silent", "nova", ("notifications.info",)), local))
    assert [finding.is_ok for finding in findings if finding.subject == "queue"] == [not has_agent]
