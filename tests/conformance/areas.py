"""All cases: importing the areas is what registers them, so whoever needs `CASES` filled takes it here."""

from tests.conformance import (
    a_chat,
    b_streams,
    c_errors,
    d_anthropic,
    e_responses,
    f_backends,
    g_lists,
    h_privacy,
    w_clients,
)
from tests.conformance.registry import AREAS, BEYOND, CASES, Case

MODULES = (
    a_chat,
    b_streams,
    c_errors,
    d_anthropic,
    e_responses,
    f_backends,
    g_lists,
    h_privacy,
    w_clients,
)

__all__ = ["AREAS", "BEYOND", "CASES", "MODULES", "Case"]
