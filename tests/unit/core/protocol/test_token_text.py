from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2s
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.token_text import (
    SECRET_BYTES,
    Handle,
    Kind,
    Presented,
    read,
    read_handle,
    write,
    write_handle,
)

KEY = bytes(range(32))
OLD_KEY = bytes(range(32, 64))
PREFIX = "gl"
SECRET = bytes(range(100, 100 + SECRET_BYTES))
STREAM = StreamId(UUID("0199f0a0-0000-7abc-8def-0123456789ab"))
HANDLE = Handle(Kind.ACCESS, STREAM, 7, 1_800_000_000)
TOKEN = write(HANDLE, SECRET, KEY, PREFIX)
JTI = write_handle(Handle(Kind.JWT, STREAM, 7, 1_800_000_000), KEY)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

handles = st.builds(
    Handle,
    st.sampled_from(Kind),
    st.uuids().map(StreamId),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**40 - 1),
)
secrets = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)
keys = st.binary(min_size=32, max_size=32)
prefixes = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)


def crc(body: str) -> str:
    """The checksum, written once more: a bitwise CRC-32 (ISO 3309) in six base62 digits."""
    rest = 0xFFFFFFFF
    for byte in body.encode():
        rest ^= byte
        for _ in range(8):
            rest = (rest >> 1) ^ (0xEDB88320 if rest & 1 else 0)
    rest ^= 0xFFFFFFFF
    digits = ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = BASE62[digit] + digits
    return digits


def with_body(body: str) -> str:
    """A token with this body and the checksum that a forger would compute for it."""
    return f"{PREFIX}_at_{body}{crc(body)}"


@given(handles, secrets, keys, prefixes)
def test_what_is_written_is_read_back(handle: Handle, secret: bytes, key: bytes, prefix: str) -> None:
    text = write(handle, secret, key, prefix)
    assert read(text, handle.kind, [key], prefix) == Presented(handle, secret)


@given(handles, keys)
def test_a_handle_alone_is_read_back(handle: Handle, key: bytes) -> None:
    assert read_handle(write_handle(handle, key), handle.kind, [key]) == handle


def test_the_text_has_a_fixed_shape() -> None:
    assert TOKEN.startswith("gl_at_")
    assert len(TOKEN) == 6 + 84 + 6
    assert set(TOKEN[6:]) <= set(ALPHABET)
    assert len(JTI) == 44


def test_a_scanner_finds_the_checksum_without_any_key() -> None:
    assert with_body(TOKEN[6:-6]) == TOKEN


def test_an_older_key_still_proves_what_it_signed() -> None:
    old = write(HANDLE, SECRET, OLD_KEY, PREFIX)
    assert read(old, Kind.ACCESS, [KEY, OLD_KEY], PREFIX) == Presented(HANDLE, SECRET)
    assert read(old, Kind.ACCESS, [KEY], PREFIX) is None
    assert read(old, Kind.ACCESS, [], PREFIX) is None


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_changing_any_one_character_is_refused(place: int) -> None:
    for character in ALPHABET + ".+/= é":
        if character != TOKEN[place]:
            changed = TOKEN[:place] + character + TOKEN[place + 1 :]
            assert read(changed, Kind.ACCESS, [KEY], PREFIX) is None


@pytest.mark.parametrize("place", range(84))
def test_changing_any_character_of_the_body_is_refused_also_with_its_checksum_put_right(place: int) -> None:
    body = TOKEN[6:-6]
    for character in ALPHABET + "+/=.":
        if character != body[place]:
            forged = with_body(body[:place] + character + body[place + 1 :])
            assert read(forged, Kind.ACCESS, [KEY], PREFIX) is None


@pytest.mark.parametrize("place", range(len(JTI)))
def test_changing_any_character_of_a_handle_is_refused(place: int) -> None:
    for character in ALPHABET + ".+/= é":
        if character != JTI[place]:
            assert read_handle(JTI[:place] + character + JTI[place + 1 :], Kind.JWT, [KEY]) is None


def test_the_same_bytes_have_one_text_only() -> None:
    body = TOKEN[6:-6].replace("-", "+").replace("_", "/")
    assert body != TOKEN[6:-6]
    assert read(with_body(body), Kind.ACCESS, [KEY], PREFIX) is None


def test_a_handle_with_anything_in_its_padding_is_refused() -> None:
    raw = urlsafe_b64decode(JTI)
    assert raw[-2:] == bytes(2)
    assert read_handle(urlsafe_b64encode(raw[:-1] + b"\x01").decode(), Kind.JWT, [KEY]) is None


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.ACCESS])
def test_a_token_is_of_one_kind_only_even_when_its_letters_are_exchanged(kind: Kind) -> None:
    assert read(TOKEN, kind, [KEY], PREFIX) is None
    assert read(TOKEN.replace("_at_", f"_{kind.letters}_"), kind, [KEY], PREFIX) is None


def test_a_handle_is_of_one_kind_only() -> None:
    assert read_handle(JTI, Kind.ACCESS, [KEY]) is None


def test_a_token_of_another_installation_is_refused() -> None:
    assert read(TOKEN, Kind.ACCESS, [KEY], "xy") is None
    assert read(TOKEN, Kind.ACCESS, [KEY], "longer") is None


def test_a_token_of_a_format_that_nobody_knows_is_refused() -> None:
    raw = urlsafe_b64decode(TOKEN[6:-6])
    signed = {}
    for form in (1, 2):
        body = bytes([form]) + raw[1:-4]
        signed[form] = with_body(urlsafe_b64encode(body + blake2s(body, key=KEY, digest_size=4).digest()).decode())
    assert signed[1] == TOKEN
    assert read(signed[2], Kind.ACCESS, [KEY], PREFIX) is None


@given(st.text())
def test_whatever_is_presented_is_read_or_refused(text: str) -> None:
    assert read(text, Kind.ACCESS, [KEY], PREFIX) is None
    assert read_handle(text, Kind.JWT, [KEY]) is None


@given(st.text(min_size=84, max_size=84))
def test_whatever_has_the_right_length_and_checksum_is_read_or_refused(body: str) -> None:
    assert read(f"gl_at_{body}000000", Kind.ACCESS, [KEY], PREFIX) is None


def test_a_body_with_a_right_checksum_that_is_no_base64_is_refused() -> None:
    assert read(with_body("=" * 84), Kind.ACCESS, [KEY], PREFIX) is None


@pytest.mark.parametrize("text", ["", "gl_at_", "\ud800" * 96, "gl_at_" + "\ud800" * 90], ids=len)
def test_what_no_encoding_has_a_byte_for_is_refused(text: str) -> None:
    assert read(text, Kind.ACCESS, [KEY], PREFIX) is None
    assert read_handle(text[:44], Kind.JWT, [KEY]) is None
