"""Exit codes of every command; a documented promise to scripts and service managers."""

OK = 0
#: The program itself failed, or refuses to go on because going on could be wrong.
FATAL = 1
#: Wrong usage or configuration: mend the command line, a file or a profile.
USAGE = 2
#: Kafka or the schema registry cannot be reached or refuses these credentials.
KAFKA = 3
#: A database (the hub's, a sink's, a local state) cannot be used.
DATABASE = 4
#: The work is done, but some data was rejected or found inconsistent.
REJECTED = 5
#: Ended by Ctrl-C; as shells report it, 128 + 2.
INTERRUPTED = 130
#: Whoever read the output left before its end (`| head -1`); as shells report a program that SIGPIPE ends, 128 + 13.
READER_LEFT = 141
#: Ended by SIGTERM before the end, 128 + 15.
TERMINATED = 143
