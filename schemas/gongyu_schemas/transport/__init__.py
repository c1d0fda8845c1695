"""How all sides talk to Kafka: profiles, clients, the transactional producer. The one part of this layer with I/O."""
