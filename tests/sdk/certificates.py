"""A key and a certificate that signs itself, made anew for each test run: no private key is kept anywhere.

ECDSA on P-256 (FIPS 186-5) and X.509 (RFC 5280) in their shortest form, for tests on loopback only: it takes
no care against being watched. OpenSSL itself checks the result, in every test that connects.
"""

import base64
import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, TypeAlias

Point: TypeAlias = tuple[int, int]

_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def write_certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """The files of a certificate for this IPv4 address, good for a day, and of its key."""
    secret = 1 + secrets.randbelow(_N - 1)
    x, y = _times(secret, _G)
    public = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    certificate, key = folder / "loopback.pem", folder / "loopback.key"
    key.touch(mode=0o600)
    key.write_text(_pem("EC PRIVATE KEY", _private_key(secret, public)))
    certificate.write_text(_pem("CERTIFICATE", _certificate(secret, public, IPv4Address(address))))
    return certificate, key


def _add(a: Point | None, b: Point | None) -> Point | None:
    """The sum of two points; None is the point at infinity."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % _P == 0:
        return None
    if a == b:
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, _P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, _P)
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _times(factor: int, point: Point) -> Point:
    """ValueError: the factor is a multiple of the group's order."""
    total: Point | None = None
    summand: Point | None = point
    while factor:
        if factor & 1:
            total = _add(total, summand)
        summand = _add(summand, summand)
        factor >>= 1
    if total is None:
        raise ValueError("the factor must be no multiple of the group's order")
    return total


def _sign(secret: int, message: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    once = 1 + secrets.randbelow(_N - 1)
    r = _times(once, _G)[0] % _N
    s = pow(once, -1, _N) * (digest + r * secret) % _N
    return _sequence(_integer(r), _integer(s))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, *parts)


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes, unused: int = 0) -> bytes:
    return _der(0x03, bytes((unused,)), content)


def _oid(encoded: str) -> bytes:
    return _der(0x06, bytes.fromhex(encoded))


_EC_PUBLIC_KEY: Final = _oid("2a8648ce3d0201")
_PRIME256V1: Final = _oid("2a8648ce3d030107")
_ECDSA_WITH_SHA256: Final = _sequence(_oid("2a8648ce3d040302"))
_COMMON_NAME: Final = _oid("550403")
_TRUE: Final = _der(0x01, b"\xff")


def _private_key(secret: int, public: bytes) -> bytes:
    """RFC 5915."""
    key = _der(0x04, secret.to_bytes(32, "big"))
    return _sequence(_integer(1), key, _der(0xA0, _PRIME256V1), _der(0xA1, _bits(public)))


def _certificate(secret: int, public: bytes, address: IPv4Address) -> bytes:
    name = _sequence(_der(0x31, _sequence(_COMMON_NAME, _der(0x0C, b"pointsman tests, loopback only"))))
    now = datetime.now(UTC)
    signed = _sequence(
        _der(0xA0, _integer(2)),
        _integer(1 + secrets.randbits(120)),
        _ECDSA_WITH_SHA256,
        name,
        _sequence(_moment(now - timedelta(hours=1)), _moment(now + timedelta(days=1))),
        name,
        _sequence(_sequence(_EC_PUBLIC_KEY, _PRIME256V1), _bits(public)),
        _der(0xA3, _sequence(*_extensions(public, address))),
    )
    return _sequence(signed, _ECDSA_WITH_SHA256, _bits(_sign(secret, signed)))


def _extensions(public: bytes, address: IPv4Address) -> tuple[bytes, ...]:
    """All that a strict reader (Python 3.13's default) wants of an authority."""
    identifier = hashlib.sha1(public, usedforsecurity=False).digest()
    return (
        _extension("551d0e", _der(0x04, identifier)),  # subject key identifier
        _extension("551d23", _sequence(_der(0x80, identifier))),  # authority key identifier
        _extension("551d13", _sequence(_TRUE), critical=True),  # basic constraints: an authority
        _extension("551d0f", _bits(b"\x84", unused=2), critical=True),  # usage: signatures, certificates
        _extension("551d11", _sequence(_der(0x87, address.packed))),  # subject alternative name
    )


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return _sequence(_oid(oid), _TRUE if critical else b"", _der(0x04, value))


def _moment(moment: datetime) -> bytes:
    return _der(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def _pem(label: str, der: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"
