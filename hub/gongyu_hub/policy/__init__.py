"""What is in force: the text of row predicates, the records of `hub.policy`, and epochs compiled for the stages."""
