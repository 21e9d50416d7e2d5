"""Helpers shared by the tests of configuration: a file from text, and the fixtures directory."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hybridgw.config.errors import ConfigError
from hybridgw.config.load import load
from hybridgw.config.schema import Settings

Write = Callable[[str], Path]
Read = Callable[..., Settings]
Refused = Callable[..., ConfigError]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a text as a configuration file."""

    def write(text: str) -> Path:
        path = tmp_path / "file.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def read(write: Write) -> Read:
    """Settings of a text."""

    def read(text: str, environ: Mapping[str, str] | None = None) -> Settings:
        return load(write(text), environ or {})

    return read


@pytest.fixture
def refused(write: Write) -> Refused:
    """The error that a text ends in; checks what every error must have."""

    def refused(text: str, environ: Mapping[str, str] | None = None) -> ConfigError:
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            load(path, environ or {})
        error = caught.value
        assert error.where.startswith(str(path)), "an error says which file"
        assert error.message and error.fix, "an error says what is wrong and how to fix it"
        assert (
            str(error)
            == f"{error.where}: {error.key + ': ' if error.key else ''}{error.message}; {error.fix}"
        )
        return error

    return refused
