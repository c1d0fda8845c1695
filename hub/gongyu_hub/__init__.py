"""The hub: owner topics in, each subscriber's granted records and fields out, exactly once.

The path of a record, one module a stage; `ls` reads in this order:

    consume   messages of owner topics                       -> Batch
    decode    checks, finds fields as byte offsets (pure)    -> Decoded | rejections
    diff      compares with the last images                  -> Transitions | unchanged | stale
    entitle   table of decisions, grant by grant (pure)      -> Decisions
    fan_out   the permitted bytes of each view (pure)        -> Deliveries
    publish   deliveries, dead letters, state                -> Kafka, inside the transaction
    settle    offsets, commit, then stores and epochs advance

No stage imports another: `worker` wires them. `values` holds the types in the right-hand column.
"""
