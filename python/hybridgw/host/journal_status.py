"""How large the journal is, and whether requests are refused for it: one small file and one mark in the run
folder, written by the housekeeper. Pages read the file; workers only look whether the mark is there."""

from pathlib import Path

import msgspec

from hybridgw.host.runtime import RuntimeInfo
from hybridgw.ledger.durable import write_private

_STATUS = "journal.json"
_FULL = "journal-full"


class JournalStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The journal as it was looked at last."""

    size: int = 0
    """Bytes."""
    held: int = 0
    """Bytes beyond `state.journal_max`, kept because the ledger has not counted them."""
    alarm: bool = False
    """Half of the hard maximum is reached."""
    full: bool = False
    """The hard maximum is reached and requests are refused."""
    dropped: int = 0
    """Segments removed in this run that the ledger had not counted."""


def journal_status(info: RuntimeInfo) -> JournalStatus:
    """The journal as the housekeeper has seen it."""
    try:
        return msgspec.json.decode((Path(info.run_dir) / _STATUS).read_bytes(), type=JournalStatus)
    except (OSError, msgspec.MsgspecError):
        return JournalStatus()


def note_journal(info: RuntimeInfo, status: JournalStatus) -> None:
    """Write the status; set or remove the mark that workers look for."""
    mark = Path(info.run_dir) / _FULL
    if status.full:
        mark.touch(mode=0o600)
    else:
        mark.unlink(missing_ok=True)
    write_private(Path(info.run_dir) / _STATUS, msgspec.json.encode(status))


def full_mark(info: RuntimeInfo) -> tuple[str, str]:
    """Folder and name of the mark: whoever waits for it can have events of it."""
    return info.run_dir, _FULL


def is_full(info: RuntimeInfo) -> bool:
    """Whether requests are to be refused because the journal has no room for them."""
    return (Path(info.run_dir) / _FULL).exists()
