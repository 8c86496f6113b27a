"""The second step: codes of an authenticator app that work once, and recovery codes for the day when the phone is lost.

The secret stands in the database sealed with a key that is derived from the installation's secret: whoever has the rows alone
cannot make codes.

Source: DESIGN §7, FAULTS E2.
"""

from __future__ import annotations

import base64
import io
import os
import re
import secrets
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from console.auth import Signer

if TYPE_CHECKING:
    from console.app import Console

CODES = 10
STEP_SECONDS = 30
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_NONCE = 12
_FIGURES = re.compile(r"[0-9]{6}")


@lru_cache(maxsize=4)
def _key(secret: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt=b"tuantuan", info=b"second step").derive(secret)


def sealed(signer: Signer, whose: int | str, secret: str) -> str:
    """Seal a TOTP secret for a person's row, or for a form of his session; anywhere else it does not open."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    body = AESGCM(_key(signer.key)).encrypt(nonce, secret.encode(), str(whose).encode())
    return base64.urlsafe_b64encode(nonce + body).decode()


def opened(signer: Signer, whose: int | str, text: str) -> str:
    """Open it; empty if it was sealed by another installation or for something else."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        raw = base64.urlsafe_b64decode(text)
        return AESGCM(_key(signer.key)).decrypt(raw[:_NONCE], raw[_NONCE:], str(whose).encode()).decode()
    except (InvalidTag, ValueError):
        return ""


def new_secret() -> str:
    """Return a fresh TOTP secret, base32."""
    import pyotp

    return pyotp.random_base32()


def phones_now(console: Console) -> datetime:
    """Return what the clock of somebody's phone shows; the simulator's may be moved by weeks."""
    return (console.wall or console.clock).now()


def step_of(secret: str, code: str, now: datetime) -> int:
    """Return the step that a code is of, the present one or a neighbour; 0 if it is wrong."""
    import pyotp

    figures = "".join(code.split())
    if not secret or not _FIGURES.fullmatch(figures):
        return 0
    totp = pyotp.TOTP(secret)
    here = int(now.timestamp()) // STEP_SECONDS
    for step in (here, here - 1, here + 1):
        if secrets.compare_digest(totp.generate_otp(step), figures):
            return step
    return 0


def address(secret: str, name: str, issuer: str) -> str:
    """Return what an authenticator app reads from the picture."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def picture(text: str) -> str:
    """Draw a text as a QR code: SVG behind ``data:``, so that it needs neither a file nor a style."""
    import qrcode
    from qrcode.image.svg import SvgPathFillImage

    out = io.BytesIO()
    qrcode.make(text, image_factory=SvgPathFillImage, border=2).save(out)
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


def new_codes() -> list[str]:
    """Return fresh recovery codes, ten signs each (49 bits)."""
    drawn = ["".join(secrets.choice(_ALPHABET) for _ in range(10)) for _ in range(CODES)]
    return [f"{one[:5]}-{one[5:]}" for one in drawn]


def code_hash(signer: Signer, person_id: int, code: str) -> str:
    """Return what stands in the row for a recovery code."""
    bare = "".join(sign for sign in code.casefold() if sign.isalnum())
    return signer.mac("recovery", f"{person_id}:{bare}")
