import os
import socket

import pytest

from hybridgw.host import listener


def test_a_listener_is_inheritable_without_delay_and_alone() -> None:
    with listener.bind("127.0.0.1", 0) as sock:
        assert sock.get_inheritable()
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)


@pytest.mark.parametrize("mine", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("others", ["127.0.0.1", "0.0.0.0"])
def test_an_occupied_port_is_named_with_its_owner(mine: str, others: str) -> None:
    with listener.bind(others, 0) as other:
        port = other.getsockname()[1]
        with pytest.raises(listener.CannotListen, match=rf"port {port}.*in use by .*\(pid {os.getpid()}\)"):
            listener.bind(mine, port)


def test_an_owner_whose_files_come_and_go_is_found() -> None:
    """Looking at ourselves opens a file that is closed again before it is looked at."""
    hole = os.open("/dev/null", os.O_RDONLY)
    with listener.bind("127.0.0.1", 0) as other:
        assert hole < other.fileno()
        os.close(hole)
        assert f"(pid {os.getpid()})" in str(listener.port_owner(other.getsockname()[1]))


def test_a_port_that_nobody_listens_on_has_no_owner() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        assert listener.port_owner(sock.getsockname()[1]) is None


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("192.0.2.1", "no address of this machine"),
        ("a" * 70, "no address"),
        ("no.such.invalid", "no address"),
    ],
)
def test_an_address_that_is_not_ours(host: str, text: str) -> None:
    with pytest.raises(listener.CannotListen, match=text):
        listener.bind(host, 0)


def test_waiting_counts_what_nobody_accepted() -> None:
    with listener.bind("127.0.0.1", 0) as sock:
        assert listener.waiting(sock) == 0
        clients = [socket.create_connection(sock.getsockname()) for _ in range(3)]
        assert listener.waiting(sock) == 3
        accepted, _ = sock.accept()
        assert listener.waiting(sock) == 2
        for one in (accepted, *clients):
            one.close()


def test_the_unspecified_v6_address_also_answers_v4_where_there_is_v6() -> None:
    if socket.has_dualstack_ipv6():
        with listener.bind("::", 0) as sock:
            socket.create_connection(("127.0.0.1", sock.getsockname()[1])).close()
    else:
        with pytest.raises(listener.CannotListen):
            listener.bind("::", 0)
