"""``python -m grantlog`` and the console script ``grantlog``."""

from grantlog.cli import grantlog


def main() -> None:
    """Runs the command line."""
    grantlog(prog_name="grantlog")


if __name__ == "__main__":
    main()
