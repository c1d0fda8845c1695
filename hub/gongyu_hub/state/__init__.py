"""What the hub knows of each partition: the state topic is its truth, LMDB a cache of it that moves only after a commit."""
