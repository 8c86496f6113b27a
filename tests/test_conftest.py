"""The ground that the other tests stand on."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

import psycopg
import pytest
from pytest_socket import SocketConnectBlockedError


def test_the_network_is_closed() -> None:
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 80))


def test_this_machine_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_the_shell_and_its_zone_are_not_seen() -> None:
    assert not [name for name in os.environ if name.startswith("BOT_")]
    offset = datetime(2025, 1, 1, tzinfo=UTC).astimezone().utcoffset()
    assert offset is not None
    assert offset.total_seconds() == -3.5 * 3600


@pytest.mark.postgres
@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_database_of_its_own(postgres_url: str, turn: int) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE mark (turn int)")
        connection.execute("INSERT INTO mark VALUES (%s)", (turn,))
        assert connection.execute("SELECT turn FROM mark").fetchall() == [(turn,)]
        version = connection.execute("SHOW server_version_num").fetchone()
    assert version is not None
    assert int(version[0]) >= 160000
