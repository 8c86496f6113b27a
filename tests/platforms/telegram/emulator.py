"""Runs the emulator `telemelya`, as it was published, in its own environment: with a Redis and an S3 that are not real.

Called by path with that environment's Python: emulator.py PORT REDIS_PORT. It imports nothing of ours.
"""

from __future__ import annotations

import os
import sys
import threading


def main() -> None:
    """Serve until ended."""
    port, redis_port = int(sys.argv[1]), int(sys.argv[2])
    os.environ["REDIS_URL"] = f"redis://127.0.0.1:{redis_port}/0"
    from fakeredis import TcpFakeServer  # type: ignore[import-not-found, unused-ignore]  # not in our environment

    redis = TcpFakeServer(("127.0.0.1", redis_port))
    threading.Thread(target=redis.serve_forever, daemon=True).start()
    import uvicorn
    from telemelya.server.media import MediaManager  # type: ignore[import-not-found, unused-ignore]

    async def upload(_self: object, *place: str, **_more: object) -> str:
        """Keep no bytes: the S3 that is not real never says "continue", and the emulator would wait for it."""
        return "/".join(str(part) for part in place[:3])

    MediaManager.upload = upload
    uvicorn.run("telemelya.server.app:app", host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
