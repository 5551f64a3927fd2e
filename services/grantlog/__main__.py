"""``python -m grantlog`` and the console script ``grantlog``."""

from grantlog.cli import grantlog
from grantlog.logs import configure_logging


def main() -> None:
    """Runs the command line. Logs go to standard error from the first line: standard output is for answers."""
    configure_logging("warning", "command")
    grantlog(prog_name="grantlog")


if __name__ == "__main__":
    main()
