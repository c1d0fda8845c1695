"""Embedded Kafka: real Apache Kafka on one machine, with users, passwords and access rights, for trials and for tests.

`jars` brings and checks the jars, `node` remembers port and passwords of one directory, `properties` writes the
broker's configuration, `broker` starts and ends it, `command` is `gongyu-hub kafka`.
"""

from gongyu_hub.local_kafka.broker import LocalKafka

__all__ = ["LocalKafka"]
