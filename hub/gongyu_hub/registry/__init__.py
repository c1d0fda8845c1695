"""The control plane's core: policy file, schemas, credentials, grants; what they are on Kafka.

`policy_file` and `policy_check` read and judge the policy; `schemas` keeps Avro schemas under ids that are never reused;
`provision` and `users` make topics, users and rights; `decisions` freezes epochs in the database; `policy_topic` writes them to
`hub.policy`; `control` runs these steps in the one order that survives a crash anywhere.
"""
