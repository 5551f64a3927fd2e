"""The command line. ``grantlog --help`` imports no command: a command's module is imported when it is called."""

import importlib
from dataclasses import dataclass

import click

from grantlog.cli.output import fail
from grantlog.flows.operators import CommandRefusedError
from grantlog.ports import UnavailableError
from grantlog.settings import SettingsError

EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h
EXIT_UNAVAILABLE = 75  # EX_TEMPFAIL


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where it stands, and its line in the help."""

    where: str
    help: str


COMMANDS: dict[str, Entry] = {
    "dev": Entry("grantlog.cli.dev:dev", "Run everything on this machine, with a demo in it."),
    "tour": Entry("grantlog.cli.tour:tour", "Walk through a demo that runs."),
    "serve": Entry("grantlog.cli.serve:serve", "Answer HTTP."),
    "tail": Entry("grantlog.cli.tail:tail", "Follow the log: projection, query tables, dispatch."),
    "worker": Entry("grantlog.cli.worker:worker", "Run background tasks."),
    "beat": Entry("grantlog.cli.worker:beat", "Fire periodic tasks."),
    "migrate": Entry("grantlog.cli.migrate:migrate", "Bring the databases to this version's schema."),
    "rebuild": Entry("grantlog.cli.rebuild:rebuild", "Build the projection anew while serving."),
    "audit": Entry("grantlog.cli.audit:audit", "Prove that the projection equals the log."),
    "recover": Entry("grantlog.cli.recover:recover", "Give the log a new id after a restore or a lost tail."),
    "keys": Entry("grantlog.cli.keys:keys", "Signing keys and key wrapping."),
    "clients": Entry("grantlog.cli.clients:clients", "Registered clients."),
    "lint": Entry("grantlog.cli.lint:lint", "Look for dangerous settings and clients."),
    "users": Entry("grantlog.cli.users:users", "User accounts."),
    "tokens": Entry("grantlog.cli.tokens:tokens", "Look into a token, or revoke it."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """The commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Imports a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, attribute = entry.where.split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), entry.where
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """Lists the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command; what went wrong for a known reason is a sentence, not a traceback."""
        try:
            return super().invoke(ctx)
        except SettingsError as wrong:
            fail(str(wrong), EXIT_CONFIGURATION)
        except CommandRefusedError as refused:
            fail(str(refused))
        except UnavailableError as gone:
            fail(f"{gone}; try again in {gone.retry_after} s", EXIT_UNAVAILABLE)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="grantlog")
def grantlog() -> None:
    """Grantlog: an OAuth 2.1 / OpenID Connect authorization server whose source of truth is an append-only log.

    Settings come from GRANTLOG_* in the environment.
    """
