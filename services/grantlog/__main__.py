"""``python -m grantlog`` and the console script ``grantlog``."""


def main() -> None:
    """Runs the command line."""
    raise SystemExit("not wired yet")


if __name__ == "__main__":
    main()
