"""What an operator runs beside the hub's processes: `up`, `status`, `explain`, `dead-letters`, `partitions`.

All of it reads Kafka as the hub's own user; what changes something asks the control plane as the administrator.
"""
