"""The `pointsman` command: a table of commands, each loaded only when it is called."""

import importlib
from typing import Final

import click

# name: (where it lives, its line in the help)
COMMANDS: Final = {
    "serve": ("processes:serve", "Run the platform: web, worker and stream under one supervisor."),
    "web": ("processes:web", "Run only the web server."),
    "worker": ("processes:worker", "Run only the worker (events to the lake, reports)."),
    "stream": ("processes:stream", "Run only the stream server (notices to SDKs)."),
    "migrate": ("processes:migrate", "Create or update the database's tables."),
    "sign-in-link": ("runtime.accounts.cli:sign_in_link", "Print a link that signs one person in, once."),
    "password": ("runtime.accounts.cli:password", "Set a person's password."),
    "token": ("runtime.accounts.cli:token", "Create and revoke tokens for the admin API."),
    "flags": ("flags.cli.flags:flags", "List, show, toggle and revert flags; create SDK keys."),
    "segments": (
        "flags.cli.segments:segments",
        "List, show, fill and delete segments.",
    ),
    "units": ("flags.cli.units:units", "Look up, explain, export and forget units."),
    "changes": ("flags.cli.changes:changes", "Look at change requests and take them a step further."),
    "export": ("flags.code.cli:export", "Print a project as YAML."),
    "plan": ("flags.code.cli:plan", "Show what a project's YAML would change."),
    "apply": ("flags.code.cli:apply", "Bring a project to what its YAML says."),
    "promote": ("flags.code.cli:promote", "Copy how flags serve from one environment to another."),
    "bundle": ("flags.cli.bundles:bundle", "Write an environment's ruleset as a signed file for the edge."),
    "bundle-keygen": ("flags.cli.bundles:keygen", "Make the key pair that signs bundles."),
    "relay": ("relay.cli:relay", "Serve one environment inside a private network from a copy on disk."),
    "import": ("flags.cli.imports:import_flags", "Import another vendor's flags, moving nobody."),
    "audit": ("runtime.audit_cli:commands", "Verify and export the audit log."),
    "refs": ("flags.cli.refs:refs", "Find flag keys in code."),
    "analyze": ("experiments.cli:analyze", "Analyse a file with one row per unit; no server needed."),
    "demo": ("examples.digits.command:demo", "Run the whole story on two real models."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only to run that command or show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  (the table above is ours)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def guards() -> tuple[object, ...]:
    """Who may object to a change of a flag, from the command line too."""
    from experiments.guards import ExperimentGuard

    return (ExperimentGuard(),)


def waiting() -> object:
    """What brings acknowledged exposures before a sticky flag changes."""
    from experiments.events.waiting import WaitingExposures

    return WaitingExposures()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="pointsman")
@click.pass_context
def main(context: click.Context) -> None:
    """Flag-driven experimentation for ML model variants.

    Settings come from the environment: DATABASE_URL, REDIS_URL, POINTSMAN_DATA, POINTSMAN_HOST,
    POINTSMAN_PORT, POINTSMAN_STREAM_PORT, POINTSMAN_WEB_WORKERS, POINTSMAN_WEB_THREADS,
    POINTSMAN_BODY_TIMEOUT_S, POINTSMAN_KEPT_UNITS, POINTSMAN_GROWTHBOOK; all of them are told in
    docs/reference/configuration.md.
    """
    context.meta["flags.guards"] = guards
    context.meta["flags.waiting"] = waiting


if __name__ == "__main__":
    main()
