"""Where `gongyu-owner` begins, also as `python -m gongyu_producers`: the command is loaded once Ctrl-C ends it quietly."""

from gongyu_schemas.command import run_command


def main() -> None:
    run_command("gongyu_producers.cli")


if __name__ == "__main__":
    main()
