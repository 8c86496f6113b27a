"""The server's own socket: answers go out at once."""

from __future__ import annotations

import socket

from bot.listening import listen
from tests.platforms.serving import free_port


def test_what_is_accepted_sends_small_pieces_at_once() -> None:
    port = free_port()
    with listen("127.0.0.1", port) as listening:
        listening.listen()
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert listening.proto == socket.IPPROTO_TCP
