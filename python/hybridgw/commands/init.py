"""`hybridgw init`: looks around, asks a few questions and writes a commented hybridgw.yaml.

Every question has a default that is safe: what was found on this machine is used, clouds are not,
and a key is set. `--yes` takes the defaults. An existing file is never overwritten.
"""

import os
import secrets
from pathlib import Path

import click

from hybridgw.config.addresses import parse_network
from hybridgw.config.discover import DEFAULT_CLOUD_MODELS, discover
from hybridgw.config.errors import ConfigError
from hybridgw.config.load import environment
from hybridgw.config.providers import CLOUD_KEYS
from hybridgw.config.starter import Answers, CloudModel, EngineModel, starter
from hybridgw.host.neighbours import neighbours


def run(file: str, *, yes: bool) -> int:
    """Write the file; 2 with the reason when it cannot be written."""
    path = Path(file)
    if path.exists():
        click.echo(f"{path}: exists already; name another file", err=True)
        return 2
    try:
        engines = _engines()
    except ConfigError as error:
        click.echo(str(error), err=True)
        return 2
    answers, key = _ask(engines, yes)
    try:
        # Made new and for this user only: a file that appeared meanwhile is not touched.
        with open(path, "x", opener=_private) as out:
            out.write(starter(answers, str(path)))
    except OSError as error:
        click.echo(f"{path}: {error.strerror}", err=True)
        return 2
    click.echo(f"\nwritten: {path}")
    if key:
        click.echo(
            f"the key is shown once; keep it where you keep secrets:\n  export HYBRIDGW_MASTER_KEY={key}"
        )
    click.echo(f"then:\n  hybridgw check {path}\n  hybridgw serve --config {path}")
    return 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _engines() -> tuple[EngineModel, ...]:
    """The models of the engines that answer on this machine."""
    found = discover(environment(), 0.5)
    return tuple(
        EngineModel(
            provider=one.provider,
            model=one.model,
            url=one.base_url,
            mode=one.mode,
            external=one.boundary == "external",
        )
        for one in found.deployments
        if one.unusable is None
    )


def _ask(engines: tuple[EngineModel, ...], yes: bool) -> tuple[Answers, str | None]:
    """The answers, and a new master key if one is wanted."""

    def agree(question: str, default: bool) -> bool:
        if yes:
            return default
        return click.confirm(question, default=default)

    if engines:
        click.echo("found on this machine:")
        for engine in engines:
            click.echo(f"  {engine.model} ({engine.provider} at {engine.url})")
    else:
        click.echo("no engine answers on this machine (Ollama, llama-server, vLLM, LM Studio)")
    near = [one for one in engines if not one.external]
    far = [one for one in engines if one.external]
    chosen = tuple(near) if near and agree("Use these models?", True) else ()
    if far and agree(f"Use the {len(far)} that the engine passes on to a cloud, too?", False):
        chosen += tuple(far)
    environ = environment()
    clouds: list[CloudModel] = []
    for variable, vendor in CLOUD_KEYS:
        if environ.get(variable, "").strip() and agree(f"{variable} is set: use {vendor}?", False):
            clouds += [
                CloudModel(provider=vendor, model=model, variable=variable)
                for model in DEFAULT_CLOUD_MODELS[vendor]
            ]
    device = tuple(
        one.network
        for one in neighbours()
        if agree(f"{one.network}: {one.what}. Does it count as this machine?", False)
    )
    organization = () if yes else _networks()
    key = agree("Must clients send a key?", True)
    everybody = key and agree("Listen on every address, so that other machines can call?", False)
    return (
        Answers(
            engines=chosen,
            clouds=tuple(clouds),
            key=key,
            host="0.0.0.0" if everybody else "127.0.0.1",
            device_networks=device,
            organization_networks=organization,
        ),
        f"sk-{secrets.token_urlsafe(24)}" if key else None,
    )


def _networks() -> tuple[str, ...]:
    """Networks of the organization, asked again until each can be read."""
    while True:
        text = click.prompt(
            "Networks of your organization, separated by commas (empty: none)", default="", show_default=False
        )
        words = [word.strip() for word in text.split(",") if word.strip()]
        try:
            return tuple(str(parse_network(word)) for word in words)
        except ValueError as error:
            click.echo(f"{error}; write for example 10.0.0.0/8", err=True)
