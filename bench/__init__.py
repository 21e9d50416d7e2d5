"""Measurements: micro, load, compare, faults. Everything writes JSON; pages are rendered from it."""
