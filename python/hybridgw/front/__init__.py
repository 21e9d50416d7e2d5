"""The side of the clients: who accepts their connections and speaks HTTP with them.

    seam         what the rest of the gateway knows of a client: one request and its answer
    asgi         the seam over ASGI, so that any ASGI server can stand in front, and ASGI over the seam
    head, chunks, render   HTTP/1.1 without I/O: request heads, chunked bodies, response heads
    client       one request on a connection of ours, and its answer
    connection   one connection: requests after one another, whatever the pieces they come in
    crowd        all connections of a worker: which of them wait, for how long they may, who makes room
    acceptor     new connections, balanced over the workers
    lean         the server made of these; `granian` is the other one

Two servers live behind the seam, as two clients live behind `transport.seam`. `lean` speaks plain
HTTP/1.1 on the worker's own loop, because handing each request to another thread and back costs more
processor time than all the rest of it. `granian` is there by choice, and for what `lean` does not speak.

Nothing here knows what a request means.
"""
