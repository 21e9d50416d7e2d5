"""Alembic's folder: what changed in the ledger database, step by step."""
