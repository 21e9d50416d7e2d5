"""The processes of one host: supervisor, server with its workers, housekeeper.

    supervisor            lock, port, state file, signals; restarts its children; serves nothing
    ├── serve_workers     owns the worker processes; respawns them; drains them
    │   └── N workers     requests; see `worker` for what happens before the application sees one
    └── housekeeper       once per host: sweeps, configuration, journal care; harmless while dead

The supervisor stays small because nobody restarts it. Requests need only the workers: any other
process may be killed at any moment and no request notices.
"""
