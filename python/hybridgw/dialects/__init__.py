"""Inbound: the wire protocols that clients speak.

A dialect knows how its clients read an error, a broken stream and a silence. It does no I/O and
does not choose statuses; it renders what it is given.
"""

from hybridgw.dialects.base import Dialect, Fault
from hybridgw.dialects.openai import OPENAI

__all__ = ["OPENAI", "Dialect", "Fault"]
