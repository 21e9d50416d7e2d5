"""Configuration: from a file, an environment or what runs on this host to one frozen `Settings`.

    load      a file (ours, LiteLLM's, an agent's) and the environment
    discover  no file: engines that answer on this host
    check     what to show people about the result

Loading reads files and nothing else; only `discover` opens sockets, and it sends no content.
Nothing is re-exported here: a worker needs `schema` and must not pay for parsers it never uses.
"""
