# SPDX-License-Identifier: Apache-2.0
"""The arguments of a connection to a node of the broker."""

import pytest

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.connection import connect

NODE = BrokerHost("a", 5672, "nova", "secret")


@pytest.mark.parametrize(
    ("tls", "ssl"),
    [
        (None, False),
        ({}, True),
        ({"certfile": "c"}, {"certfile": "c"}),
        ({"ca_certs": "ca"}, {"ca_certs": "ca", "server_hostname": "a"}),
    ],
)
def test_the_name_of_a_node_is_checked_where_its_authority_is_known(tls: dict[str, str] | None, ssl: object) -> None:
    broker = Broker((NODE,), "/nova", "nova", (), tls=tls, login_method="PLAIN", heartbeat=30)
    connection = connect(broker, NODE, "a name", print)
    assert connection.ssl == ssl
    assert (connection.hostname, connection.port, connection.virtual_host) == ("a", 5672, "/nova")
    assert (connection.userid, connection.password, connection.login_method) == ("nova", "secret", "PLAIN")
    assert connection.heartbeat == 30
    assert connection.transport_options == {
        "client_properties": {"connection_name": "a name"},
        "frame_handler": print,
        "read_timeout": 10,
        "write_timeout": 10,
    }
