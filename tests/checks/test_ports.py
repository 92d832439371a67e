"""Who listens where, read from the kernel's tables."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from assesskit.checks import ports
from assesskit.checks.ports import Listener

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 20001        0 11 1 0 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0 0 10 0
   2: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000 20001        0 13 1 0 100 0 0 10 0
"""
TABLE6 = """  sl  local_address remote_address st tx rx tr tm retrnsmt uid timeout inode
   0: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 0:0 00:0 0 20002 0 14 1
   1: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 0:0 00:0 0 20003 0 15 1
"""


def test_listeners_are_read_with_address_port_and_owner(tmp_path: Path) -> None:
    """Only listening sockets count, of both families; a mapped address is the IPv4 one it stands for."""
    (tmp_path / "tcp").write_text(TABLE)
    (tmp_path / "tcp6").write_text(TABLE6)
    assert ports.listeners(tmp_path) == (
        Listener("127.0.0.1", 8080, 20001),
        Listener("0.0.0.0", 80, 0),
        Listener("::1", 8081, 20002),
        Listener("127.0.0.1", 8082, 20003),
    )


def test_what_a_user_touches_is_where_it_listens_and_what_it_is_connected_to(tmp_path: Path) -> None:
    """The other end of a connection counts, and neither our own end nor what other users do."""
    (tmp_path / "tcp").write_text(TABLE)
    assert ports.touched(20001, tmp_path) == {8080, 0xC000}
    assert ports.touched(20009, tmp_path) == frozenset()


def test_a_system_without_tables_tells_nothing(tmp_path: Path) -> None:
    """No table is no listener, and no error."""
    assert ports.listeners(tmp_path) == ()


@pytest.mark.skipif(sys.platform != "linux", reason="proc(5) is Linux's")
def test_our_own_listener_is_ours() -> None:
    """A socket of this process is found with our uid, and accepts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert Listener("127.0.0.1", port, os.getuid()) in ports.listeners()
        assert ports.accepts(port)
    assert not ports.accepts(port)
