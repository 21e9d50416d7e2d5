"""Conformance: what is promised to clients and backends, case by case, byte by byte.

Each case has an id, a title and a function that talks to a real gateway in front of scripted
upstreams, with a raw socket or with the official client libraries. `test_cases.py` runs them,
`docs/compatibility.json` keeps how they ended, `docs/compatibility.md` is rendered from it.
"""
