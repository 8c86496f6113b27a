"""The product behind a pair of pipes: messages come in on stdin, acknowledgements and answers go out on stdout.

Pipes and not sockets: what was written into one before a kill -9 is still read by the other side.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from bot import logs
from bot.main import Program, open_program
from bot.settings import Settings
from engagement.clocks import SetClock
from engagement.kernel import Incoming, Outcome, Outgoing, Receipt
from tests.chaos.ledger_model import CHANNEL, DAWN


def write(line: dict[str, object]) -> None:
    """Tell the driver, in one write."""
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


class Sender:
    """Hands answers to the driver."""

    async def send(self, message: Outgoing) -> Receipt:
        """Take a message."""
        write({"answer": message.reply_to, "key": message.key, "buttons": [button.key for button in message.buttons]})
        return Receipt(Outcome.SENT, provider_id=f"b{message.reply_to}")


async def work(program: Program, clock: SetClock) -> None:
    """Receive until the driver closes the pipe; then finish what was received."""
    pump = program.pump
    await pump.resume()
    await program.courier.resume()
    write({"ready": True})
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running: set[asyncio.Task[None]] = set()

    async def receive(number: int, incoming: Incoming) -> None:
        fresh = await pump.receive(incoming)
        write({"ack": number, "fresh": fresh})

    async for line in reader:
        number, body = json.loads(line)
        incoming = Incoming.load(body)
        clock.set(max(clock.now(), incoming.received_at))
        task = asyncio.create_task(receive(number, incoming))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    await pump.drain()
    write({"drained": True})


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    logs.set_up(level="WARNING", json=True)
    clock = SetClock(DAWN)
    program = open_program(arguments.data, Settings(), clock=clock, answers=False)
    program.senders[CHANNEL] = Sender()
    try:
        asyncio.run(work(program, clock))
    finally:
        program.close()


if __name__ == "__main__":
    main()
