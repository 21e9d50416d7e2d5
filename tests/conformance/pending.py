"""Cases that cannot run yet, with what each waits for. Enabling one is removing its line.

    HYBRIDGW_PENDING=run python -m pytest -rs tests/conformance

runs them all the same and says which of them pass by now.
"""

from typing import Final

_MERGE = "waits for code that is not merged yet"

PENDING: Final = {
    "A03": _MERGE,
    "A04": _MERGE,
    "A07": _MERGE,
    "A12": _MERGE,
    "B06": "a usage chunk that a backend sends too early is not moved to the end; the SDK's helper loses it",
    "B07": _MERGE,
    "B08": _MERGE,
    "B09": _MERGE,
    "B11": "`missing_done` is not among the repairs of every backend yet",
    "C09": _MERGE,
    "D01": _MERGE,
    "D02": _MERGE,
    "D03": _MERGE,
    "D04": _MERGE,
    "D05": _MERGE,
    "D06": _MERGE,
    "D07": _MERGE,
    "D08": _MERGE,
    "D09": _MERGE,
    "D10": _MERGE,
    "D11": _MERGE,
    "D12": _MERGE,
    "D13": _MERGE,
    "D14": _MERGE,
    "D15": _MERGE,
    "D16": _MERGE,
    "D17": _MERGE,
    "D18": _MERGE,
    "F08": "requests do not queue in the gateway yet",
    "F12": "load signals of engines are not read yet",
    "F13": _MERGE,
    "F14": _MERGE,
    "F15": _MERGE,
    "F16": _MERGE,
    "F17": _MERGE,
    "F18": "the journal records no reported cost yet",
    "G06": "keys beside the master key do not exist yet",
    "H03": _MERGE,
    "W07": _MERGE,
}
