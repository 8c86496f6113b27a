"""Takes the pictures of the README with Chromium, of a fresh installation that this starts and stops.

    make screenshots
    make screenshots ARGS="simulator=/sim phone=/sim@390x844"

A picture is `name=/path`, with `!text` for a button to press there first and `@WIDTHxHEIGHT` for another size than a desktop's;
it lands in docs/pictures/name.png.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURES = Path(os.environ.get("TUANTUAN_PICTURES") or ROOT / "docs" / "pictures")
USUAL = (
    "start=/",
    "simulator=/sim",
    "simulator-phone=/sim@390x844",
    "console=/!以运营身份看",
    "leader=/!以团长身份看@390x844",
    "resident=/!以居民身份看@390x844",
)
# Chromium as root needs no sandbox; the rest keeps it from asking for anything outside this machine.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READY_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Picture:
    """What to look at; width and height in CSS pixels, taken at twice that."""

    name: str
    path: str
    press: str = ""
    width: int = 1360
    height: int = 850


def read(argument: str) -> Picture:
    """Read `name=/path!text@WIDTHxHEIGHT`.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"([\w-]+)=(/[^@!]*)(?:!([^@]+))?(?:@(\d+)x(\d+))?", argument)
    if found is None:
        raise ValueError(f"{argument!r}: a picture is name=/path, name=/path@390x844 or name=/path!button@390x844")
    name, path, press, width, height = found.groups()
    picture = Picture(name, path, press or "")
    return replace(picture, width=int(width), height=int(height)) if width else picture


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Run the server on an empty folder and a free port of this machine; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve", "--channels", "web,sim", "--data", folder],
            cwd=ROOT,
            env={**os.environ, "BOT_WEB__PORT": str(port)},
        )
        try:
            _wait(f"{address}/readyz", server)
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.2)
    raise SystemExit("the server did not become ready")


def take(pictures: list[Picture], chromium: str) -> None:
    """Take them, one fresh browser profile for all."""
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(parents=True, exist_ok=True)
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for picture in pictures:
            page = browser.new_page(
                viewport={"width": picture.width, "height": picture.height}, device_scale_factor=2, locale="zh-CN"
            )
            page.goto(address + picture.path, wait_until="load")
            if picture.press:
                page.get_by_role("button", name=picture.press).click()
                page.wait_for_load_state("load")
            page.wait_for_timeout(1500)  # live parts draw themselves after the load
            target = PICTURES / f"{picture.name}.png"
            page.screenshot(path=target)
            page.close()
            print(target)
        browser.close()


def main(arguments: list[str]) -> int:
    """Take the pictures that are named, or the usual ones."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("no Chromium here (apt-get install chromium, or set CHROMIUM)", file=sys.stderr)
        return 2
    try:
        pictures = [read(argument) for argument in arguments or USUAL]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    take(pictures, chromium)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
