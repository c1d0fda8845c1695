"""The broker's configuration: one node that is broker and controller, on loopback, with users and access rights.

Two listeners. CLIENTS: SCRAM-SHA-512, for everyone including the broker itself. CONTROLLER: the node's own inner
connection, PLAIN with the broker's random password. Super users are `admin` and `broker`.
Decision: the controller listener asks for a password as well, instead of trusting loopback (User:ANONYMOUS), because
every user of the machine can connect to loopback and an unauthenticated super user could grant itself any data.
"""

from __future__ import annotations

from gongyu_hub.local_kafka.node import Node
from gongyu_hub.local_kafka.ports import LOOPBACK
from gongyu_schemas.names import ADMIN_USER

BROKER_USER = "broker"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

_FIXED = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "log.dirs": "data",
    "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "inter.broker.listener.name": "CLIENTS",
    "controller.listener.names": "CONTROLLER",
    "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:{ADMIN_USER};User:{BROKER_USER}",
    # A connection whose user was removed or changed ends within this time; removing a right works at once.
    "connections.max.reauth.ms": "30000",
    "auto.create.topics.enable": "false",
    # One node: one replica of everything, and few partitions of the internal topics.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # A lost client's transaction blocks readers until it times out: look for such often, allow no long ones.
    "transaction.max.timeout.ms": "120000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # The only broker, late with its heartbeats on a busy machine, would lose the lead of every partition to nobody.
    "broker.session.timeout.ms": "60000",
    "broker.heartbeat.interval.ms": "500",
    # Groups form at once, and may notice a lost member soon.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # The first write into each partition's sparse index file is a slow page fault, serially in transaction markers:
    # with one entry per MiB instead of per 4 KiB, short topics never reach it.
    "log.index.interval.bytes": "1048576",
    # The default (128 MiB) is a quarter of the heap; 16 MiB index 600,000 keys per pass.
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
}


def server_properties(node: Node, controller_port: int) -> str:
    """Text of `server.properties`; holds the broker's password. Paths in it are relative to the broker's directory."""
    clients = f"CLIENTS://{LOOPBACK}:{node.port}"
    own = {
        "listeners": f"{clients},{_controller_listener(controller_port)}",
        "advertised.listeners": clients,
        "listener.name.clients.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required {_broker(node)};",
    }
    return _text(_FIXED | own | _controller(node, controller_port))


def controller_properties(node: Node, controller_port: int) -> str:
    """The same node as a controller alone, which takes the broker for ended after half a second."""
    own = {
        "process.roles": "controller",
        "broker.session.timeout.ms": "500",
        "broker.heartbeat.interval.ms": "100",
        "listeners": _controller_listener(controller_port),
    }
    return _text(_FIXED | own | _controller(node, controller_port))


def _controller_listener(port: int) -> str:
    return f"CONTROLLER://{LOOPBACK}:{port}"


def _controller(node: Node, port: int) -> dict[str, str]:
    users = f'user_{BROKER_USER}="{node.broker_password}"'
    return {
        "controller.quorum.voters": f"1@{LOOPBACK}:{port}",
        "listener.name.controller.plain.sasl.jaas.config": f"{_PLAIN} required {_broker(node)} {users};",
    }


def _broker(node: Node) -> str:
    return f'username="{BROKER_USER}" password="{node.broker_password}"'


def _text(settings: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def format_arguments(node: Node) -> str:
    """Arguments that make Kafka's StorageTool initialise the data directory and its first two users, one a line."""
    users = ((ADMIN_USER, node.admin_password), (BROKER_USER, node.broker_password))
    scram = [part for name, password in users for part in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")]
    return "\n".join(["format", "--cluster-id", node.cluster_id, "--config", "server.properties", *scram]) + "\n"
