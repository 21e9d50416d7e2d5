"""Small files that are replaced whole: a reader, and a process that was killed meanwhile, find the old
content or the new one, never a part of either."""

import os
from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """Create or replace a file of mode 0600 in one step. OSError leaves the old content."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
