"""The registry's socket: what it accepts answers at once."""

from __future__ import annotations

import asyncio
import socket

from gongyu_hub.gateway.server import take_port


def test_answers_do_not_wait_for_the_acknowledgement_of_what_went_before() -> None:
    """A reader of 400 schemas is 16 s late otherwise: 40 ms each."""

    async def accepted_socket() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = take_port("127.0.0.1", 0, kept=False)
        async with await asyncio.start_server(accept, sock=listener):
            _, client = await asyncio.open_connection(*listener.getsockname())
            try:
                return await asyncio.wait_for(accepted, 10)
            finally:
                client.close()

    assert asyncio.run(accepted_socket()) != 0
