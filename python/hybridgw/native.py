"""The only import of the native extension.

Everything else of the package imports the names below from here, so that the boundary between the
languages is one file, and a missing or stale build says so once and plainly.
"""

try:
    from hybridgw._router_core import (
        JOURNAL_FIELDS,
        NESTED,
        SCAN_RULES,
        ComplexityScorer,
        DecideError,
        Decision,
        Journal,
        Permit,
        Principal,
        Relay,
        Router,
        Scanner,
        StateFile,
        build_info,
        catalogue,
        complexity_train,
        journal_segment,
        prompt_hash,
        read_batch,
        read_journal,
        warm_tokens,
    )
except ImportError as error:  # pragma: no cover - only without a build
    raise ImportError(f"the native part of hybridgw is not built ({error}); run: make build") from error

__all__ = [
    "JOURNAL_FIELDS",
    "NESTED",
    "SCAN_RULES",
    "ComplexityScorer",
    "DecideError",
    "Decision",
    "Journal",
    "Permit",
    "Principal",
    "Relay",
    "Router",
    "Scanner",
    "StateFile",
    "build_info",
    "catalogue",
    "complexity_train",
    "journal_segment",
    "prompt_hash",
    "read_batch",
    "read_journal",
    "warm_tokens",
]
