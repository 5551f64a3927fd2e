import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlog.core.protocol.client_secret import SECRET_BYTES, write_client_secret, write_registration_token
from grantlog.core.protocol.token_text import checksum


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_secret_is_43_characters_between_prefix_and_checksum(secret: bytes) -> None:
    text = write_client_secret(secret, "gl")
    assert re.fullmatch(r"gl_cs_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}", text)
    assert text[-6:] == checksum(text[6:-6])


def test_two_secrets_have_two_texts() -> None:
    assert write_client_secret(bytes(32), "gl") != write_client_secret(bytes(31) + b"\x01", "gl")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_secret_of_another_size_is_a_mistake_of_ours(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        write_client_secret(bytes(size), "gl")


def test_a_registration_access_token_is_told_from_a_secret() -> None:
    assert write_registration_token(bytes(32), "gl").startswith("gl_rg_")
