"""The command line: thin, and quick to start.

Each command imports what it needs when it runs, so that `serve` reaches its first answer without
loading tables and renderers, and `--help` loads nothing. Output for people goes to the terminal as
tables, `--json` gives the same facts to programs. Exit status: 0 done, 1 failed, 2 unusable input.
"""

import sys
from pathlib import Path
from typing import Any

import click

import hybridgw

ROUTES = (
    "chat", "completions", "embeddings", "responses", "messages",
    "ollama_chat", "ollama_generate", "ollama_embed",
)  # fmt: skip
"""Those of `core.Route`, which is not loaded for a list of words."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(hybridgw.__version__, prog_name="hybridgw")
def main() -> None:
    """One endpoint in front of local models, a private cluster and frontier clouds."""


@main.command()
@click.option(
    "--config", "-c", type=click.Path(), help="Configuration file; without one engines are discovered."
)
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port; 0 takes any free one.")
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes.")
@click.option(
    "--allow-cloud", is_flag=True, help="Use cloud keys from the environment without a configuration."
)
def serve(
    config: str | None, host: str | None, port: int | None, workers: int | None, allow_cloud: bool
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    from hybridgw.host.supervisor import serve as run

    sys.exit(run(config, host=host, port=port, workers=workers, allow_cloud=allow_cloud))


@main.command()
@click.argument("file", type=click.Path(), default="hybridgw.yaml")
@click.option("--yes", "-y", is_flag=True, help="Take the default answer to every question.")
def init(file: str, yes: bool) -> None:
    """Look around, ask a few questions and write a commented FILE.

    Engines on this machine are used, clouds only if you say so; an existing FILE is never touched.
    """
    from hybridgw.commands.init import run

    sys.exit(run(file, yes=yes))


@main.command()
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.option("--resolve/--no-resolve", default=True, help="Look host names up.")
def check(file: str, as_json: bool, resolve: bool) -> None:
    """Say what FILE means.

    Per deployment its tier, boundary and address, then what does not work and what has no effect.
    """
    from hybridgw.commands.check import run

    sys.exit(run(file, as_json=as_json, resolve=resolve))


@main.command()
@click.argument("file", type=click.Path())
@click.argument("request_file", metavar="REQUEST.json", type=click.Path())
@click.option("--route", type=click.Choice(ROUTES), default="chat", show_default=True)
@click.option("--hint", multiple=True, metavar="NAME=VALUE", help="A routing hint, e.g. tier=local.")
def explain(file: str, request_file: str, route: str, hint: tuple[str, ...]) -> None:
    """Print the decision for a request, as JSON.

    With its reasons, under FILE; "-" reads the request from standard input. Sends nothing.
    """
    from hybridgw.commands.explain import run

    sys.exit(run(file, request_file, route=route, hints=hint))


@main.command()
@click.option("--url", default="http://127.0.0.1:4000", show_default=True, help="The gateway to ask.")
@click.option(
    "--timeout", type=click.FloatRange(0.001, 3600), default=2.0, show_default=True, help="Seconds."
)
def health(url: str, timeout: float) -> None:
    """Ask a running gateway if it is ready.

    Exit status 1 if no traffic should go there: made for container health checks.
    """
    from hybridgw.commands.health import run

    sys.exit(run(url, timeout))


@main.command()
@click.option("--state-dir", type=click.Path(path_type=Path), help="State folder of the gateway.")
@click.option(
    "--last", "-n", type=click.IntRange(1), default=20, show_default=True, help="How many attempts."
)
@click.option("--json", "as_json", is_flag=True, help="All attempts, one JSON object per line.")
@click.option("--follow", "-f", is_flag=True, help="Wait for more.")
def journal(state_dir: Path | None, last: int, as_json: bool, follow: bool) -> None:
    """Show what was attempted and what it used."""
    from hybridgw.commands.journal import run

    sys.exit(run(state_dir, last=last, as_json=as_json, follow=follow))


def _database(command: Any) -> Any:
    """The options that say which database."""
    for option in (
        click.option("--state-dir", type=click.Path(path_type=Path), help="State folder of the gateway."),
        click.option("--config", "-c", type=click.Path(), help="Its configuration, for ledger.database_url."),
    ):
        command = option(command)
    return command


@main.group()
def db() -> None:
    """Look after the ledger database."""


@db.command("status")
@_database
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def db_status(config: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Show what it holds and how far the ledger is."""
    from hybridgw.commands import db as commands

    sys.exit(commands.run(config, state_dir, lambda place: commands.status(place, as_json)))


@db.command("upgrade")
@_database
def db_upgrade(config: str | None, state_dir: Path | None) -> None:
    """Bring it to this version; a gateway that starts does it by itself."""
    from hybridgw.commands import db as commands

    sys.exit(commands.run(config, state_dir, commands.upgrade))


@db.command("backup")
@_database
@click.argument("file", type=click.Path(path_type=Path))
def db_backup(config: str | None, state_dir: Path | None, file: Path) -> None:
    """Copy it to a new FILE, while everything runs."""
    from hybridgw.commands import db as commands

    sys.exit(commands.run(config, state_dir, lambda place: commands.backup(place, file)))


@db.command("restore")
@_database
@click.argument("file", type=click.Path(path_type=Path))
def db_restore(config: str | None, state_dir: Path | None, file: Path) -> None:
    """Put a backup in its place; the gateway must be stopped."""
    from hybridgw.commands import db as commands

    sys.exit(commands.run(config, state_dir, lambda place: commands.restore(place, file)))


@main.command()
@click.argument("outcomes", metavar="OUTCOMES.jsonl[.gz]", type=click.Path())
@click.option("--out", "-o", required=True, type=click.Path(), help="File to write.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the held-out split.")
@click.option("--group", help="Member that names a subject: proof is then also given on unseen subjects.")
def learn(outcomes: str, out: str, seed: int, group: str | None) -> None:
    """Learn where a stronger model gains, from OUTCOMES of a weak and a strong one."""
    from hybridgw.commands.learn import run

    sys.exit(run(outcomes, out, seed=seed, group=group))


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--config", "-c", type=click.Path(), help="Configuration whose privacy section counts.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.option("--hash", "hashes", is_flag=True, help="Only print what names each in privacy.trusted_prompts.")
def scan(files: tuple[str, ...], config: str | None, as_json: bool, hashes: bool) -> None:
    """Show what would be found in FILES and how far a request with that text could travel."""
    from hybridgw.commands.scan import run

    sys.exit(run(files, config=config, as_json=as_json, hashes=hashes))


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Run only the demo upstreams."""
    from hybridgw.demo.__main__ import main as run

    sys.exit(run(list(arguments)))


if __name__ == "__main__":
    main()
