"""The listening socket: bound once by the supervisor, inherited by everything that serves.

One socket for all workers, and not one each with SO_REUSEPORT, for three reasons. An occupied port
is an error with SO_REUSEPORT absent, and a silent split of the traffic between two servers with it.
Connections that wait to be accepted belong to the socket, not to a worker: a worker that is killed
loses none of them, nor does a restart of the whole server below the supervisor. And the worker that has
the fewest connections can take the next one (`front.acceptor`), which the kernel's hash over separate
sockets does not know.

The end of it is a matter of ownership too: at a drain every process closes its copy, the workers as
they stop accepting, and with the last copy the kernel refuses new clients at once, which can then
go elsewhere. Nobody calls `shutdown` on it: granian's accept loop does not survive that.
"""

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from hybridgw.host import process

BACKLOG = 2048
"""Connections that may wait; the kernel's own limit (net.core.somaxconn) applies as well."""

_LISTEN_STATE = "0A"


class CannotListen(Exception):
    """The address cannot be listened on; the message says why and, where known, who has it."""


def bind(host: str, port: int) -> socket.socket:
    """A listening, inheritable, non-blocking socket; raises `CannotListen`. Port 0 takes a free one."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise CannotListen(f"{host!r} is no address of this machine: {error}") from error
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        # Only so that connections in TIME_WAIT do not block a restart; a living listener still does.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it: a streamed token must not wait for a larger packet.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        # From here on connections wait instead of being refused while the workers start.
        sock.listen(BACKLOG)
        sock.setblocking(False)
        sock.set_inheritable(True)
    except OSError as error:
        sock.close()
        raise CannotListen(_explain(host, port, error)) from error
    return sock


def _explain(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        owner = port_owner(port)
        by = f" by {owner}" if owner else ""
        return f"port {port} on {host} is already in use{by}; choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs privileges that this user does not have; choose one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def port_owner(port: int) -> str | None:
    """`name (pid n)` of a process listening on a TCP port, as far as this user may see."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN_STATE and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return None
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        if not inodes.isdisjoint(_open_files(pid)):
            return f"{process.name(pid) or 'a process'} (pid {pid})"
    return None


def _open_files(pid: int) -> Iterator[str]:
    """What a process has open; what is closed meanwhile does not hide the rest."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
        for fd in os.listdir(folder):
            with contextlib.suppress(OSError):
                yield os.readlink(f"{folder}/{fd}")


def waiting(sock: socket.socket) -> int:
    """Connections that completed their handshake and that nobody has accepted yet."""
    # struct tcp_info: eight bytes, then 32-bit words; of a listener, the fifth is its accept queue.
    raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    return int(struct.unpack_from("=I", raw, 24)[0])
