"""The ledger database: what was attempted, what it used, what was refused. Its only writer is the ledger
process; nothing on the path of a request imports this package or waits for it."""
