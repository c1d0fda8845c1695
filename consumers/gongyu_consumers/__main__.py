"""`python -m gongyu_consumers` is `gongyu-subscriber`."""

from gongyu_consumers.cli import main

main()
