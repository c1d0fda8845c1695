"""Where `gongyu-hub` begins, also as `python -m gongyu_hub`: the command is loaded once Ctrl-C ends it quietly."""

from gongyu_schemas.command import run_command


def main() -> None:
    run_command("gongyu_hub.cli")


if __name__ == "__main__":
    main()
