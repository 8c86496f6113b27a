"""A fresh installation, started as `make run` starts it and stopped again, for browser tests and for the gallery."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Chromium as root needs no sandbox; the rest keeps it from asking for anything outside this machine.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SIZES = {"desktop": (1440, 900), "phone": (390, 844), "narrow": (320, 640)}
READY_WITHIN = 240.0
"""Seconds: three weeks of a sample community are played before that, on a machine that may have other things to do."""


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Run the server on an empty folder and a free port of this machine; yields its address once the sample is there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve", "--channels", "web,sim", "--data", folder],
            cwd=ROOT,
            env={**os.environ, "BOT_WEB__PORT": str(port)},
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait(address, server)
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/sim/api/state", timeout=10) as answer:
            if not json.load(answer)["clock"]["preparing"]:
                return
        time.sleep(0.3)
    raise RuntimeError(f"the server did not become ready (exit code {server.poll()})")
