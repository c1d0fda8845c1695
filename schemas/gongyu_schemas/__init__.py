"""The contract between owners, the hub and subscribers: what is written on a topic, and how all sides talk to Kafka.

Everything here is pure but `transport/`, the one part that does I/O. Owner side, subscriber side and hub
import this package and never each other.
"""
