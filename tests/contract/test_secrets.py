"""The port Secrets, and the root key list under it."""

import pickle
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlog.adapters.crypto.boxes import is_newest, unwrap, wrap
from grantlog.adapters.crypto.root_keys import RootKeyError, RootKeys, derive, parse_root_keys, read_root_keys
from grantlog.adapters.crypto.secrets import RootSecrets
from grantlog.adapters.memory.secrets import MemorySecrets
from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.token_text import Handle, Kind, read, write
from grantlog.ports import Secrets

OLD, NEW, OTHER = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
INDEX = b"i" * 32
SECRET = b"s" * 32
BEFORE = RootSecrets(RootKeys([OLD]), INDEX)
DURING = RootSecrets(RootKeys([NEW, OLD]), INDEX)
AFTER = RootSecrets(RootKeys([NEW]), INDEX)
TEXT_OF_OLD = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.fixture
def secrets() -> Secrets:
    return MemorySecrets()


def test_random_bytes_have_their_length_and_are_never_the_same(secrets: Secrets) -> None:
    assert len({secrets.random(32) for _ in range(100)}) == 100
    assert {len(secrets.random(size)) for size in (0, 1, 16, 32)} == {0, 1, 16, 32}


def test_what_was_sealed_opens_for_the_secret(secrets: Secrets) -> None:
    assert secrets.unseal(SECRET, b"stream 7", secrets.seal(SECRET, b"stream 7", b"an answer")) == b"an answer"


def test_an_empty_answer_can_be_sealed(secrets: Secrets) -> None:
    assert secrets.unseal(SECRET, b"", secrets.seal(SECRET, b"", b"")) == b""


def test_a_seal_opens_neither_for_another_secret_nor_in_another_context(secrets: Secrets) -> None:
    box = secrets.seal(SECRET, b"stream 7", b"an answer")
    assert secrets.unseal(b"t" * 32, b"stream 7", box) is None
    assert secrets.unseal(SECRET, b"stream 8", box) is None


def test_secret_and_context_do_not_run_into_each_other(secrets: Secrets) -> None:
    box = secrets.seal(b"ab", b"c", b"an answer")
    assert secrets.unseal(b"a", b"bc", box) is None


def test_a_seal_with_any_bit_changed_does_not_open(secrets: Secrets) -> None:
    box = secrets.seal(SECRET, b"context", b"answer")
    for place in range(len(box)):
        for bit in range(8):
            changed = bytearray(box)
            changed[place] ^= 1 << bit
            assert secrets.unseal(SECRET, b"context", bytes(changed)) is None, (place, bit)


def test_a_seal_cut_short_or_made_longer_does_not_open(secrets: Secrets) -> None:
    box = secrets.seal(SECRET, b"context", b"answer")
    for size in range(len(box)):
        assert secrets.unseal(SECRET, b"context", box[:size]) is None
    assert secrets.unseal(SECRET, b"context", box + b"\x00") is None


@given(st.binary(max_size=200))
def test_unsealing_junk_gives_nothing_and_never_raises(box: bytes) -> None:
    assert BEFORE.unseal(SECRET, b"context", box) is None


def test_the_same_answer_sealed_twice_gives_different_boxes(secrets: Secrets) -> None:
    assert secrets.seal(SECRET, b"c", b"answer") != secrets.seal(SECRET, b"c", b"answer")


def test_another_root_key_opens_nothing() -> None:
    box = BEFORE.seal(SECRET, b"c", b"answer")
    assert RootSecrets(RootKeys([OTHER]), INDEX).unseal(SECRET, b"c", box) is None


def test_seals_of_the_old_root_key_open_while_it_is_in_the_list_and_not_after() -> None:
    box = BEFORE.seal(SECRET, b"c", b"answer")
    assert DURING.unseal(SECRET, b"c", box) == b"answer"
    assert AFTER.unseal(SECRET, b"c", box) is None


def test_the_newest_root_key_seals() -> None:
    assert AFTER.unseal(SECRET, b"c", DURING.seal(SECRET, b"c", b"answer")) == b"answer"


def test_tokens_of_the_old_root_key_are_genuine_while_it_is_in_the_list() -> None:
    handle = Handle(Kind.REFRESH, StreamId(UUID(int=1)), 1, 2_000_000_000)
    text = write(handle, SECRET, BEFORE.token_mac_keys()[0], "gl")
    assert read(text, Kind.REFRESH, DURING.token_mac_keys(), "gl") is not None
    assert read(text, Kind.REFRESH, AFTER.token_mac_keys(), "gl") is None
    assert DURING.token_mac_keys()[0] == AFTER.token_mac_keys()[0]


def test_keyed_hashes_tell_labels_values_and_keys_apart() -> None:
    hashes = {
        BEFORE.keyed_hash("username", b"alice"),
        BEFORE.keyed_hash("username", b"bob"),
        BEFORE.keyed_hash("address", b"alice"),
        RootSecrets(RootKeys([OLD]), b"j" * 32).keyed_hash("username", b"alice"),
    }
    assert len(hashes) == 4
    assert {len(value) for value in hashes} == {32}


def test_keyed_hashes_outlive_the_root_key() -> None:
    """A username must be found again after the root key list was replaced."""
    assert BEFORE.keyed_hash("username", b"alice") == AFTER.keyed_hash("username", b"alice")


def test_nothing_derived_is_a_root_key_or_equal_to_anything_else_derived() -> None:
    derived = [derive(OLD, label, context) for label in ("token mac", "seal", "wrap") for context in (b"", b"x")]
    assert len({OLD, *derived}) == 7


def test_derivation_is_pinned() -> None:
    """Stored boxes, MACs and hashes hang on these bytes: they may never change."""
    assert derive(OLD, "token mac").hex() == "c2dff6734aa1d7fc9d7a8758f291c3bd00042cdd34a85d422a2704825480db1f"
    assert (
        BEFORE.keyed_hash("username", b"alice").hex()
        == "9d8e5b3a293a4fc1c34d43dc16c06becb186053a45508def63f39970b2e183eb"
    )
    box = bytes.fromhex("011e8073c7b07077aa24f7690d6c75da6f40220bc588e4a722bb62a560625b63d563401ab6cc49")
    assert BEFORE.unseal(SECRET, b"context", box) == b"answer"


def test_a_wrapped_key_opens_for_its_purpose_and_name_only() -> None:
    root = RootKeys([OLD])
    box = wrap(root, "signing", b"kid", b"private")
    assert unwrap(root, "signing", b"kid", box) == b"private"
    assert unwrap(root, "signing", b"dik", box) is None
    assert unwrap(root, "data", b"kid", box) is None
    assert unwrap(RootKeys([OTHER]), "signing", b"kid", box) is None


def test_a_box_tells_whether_it_is_under_the_newest_root_key() -> None:
    box = wrap(RootKeys([OLD]), "signing", b"kid", b"private")
    assert is_newest(RootKeys([OLD, NEW]), box)
    assert not is_newest(RootKeys([NEW, OLD]), box)


@pytest.mark.parametrize("text", [TEXT_OF_OLD, TEXT_OF_OLD + "=", f" {TEXT_OF_OLD}\n"])
def test_a_root_key_is_32_bytes_of_base64url(text: str) -> None:
    assert list(parse_root_keys(text)) == [OLD]


def test_a_list_is_newest_first_between_commas_or_lines() -> None:
    other = TEXT_OF_OLD[::-1].replace("8", "A", 1)
    for text in (f"{other},{TEXT_OF_OLD}", f"{other}, {TEXT_OF_OLD}", f"{other}\n{TEXT_OF_OLD}\n"):
        assert list(parse_root_keys(text))[1] == OLD
        assert parse_root_keys(text).newest != OLD


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        (" , ", "empty"),
        ("AAAA", "not 32 bytes"),
        (TEXT_OF_OLD + "AAA", "not 32 bytes"),
        ("!" * 43, "not base64url"),
        (TEXT_OF_OLD[:20] + "\u00e9" + TEXT_OF_OLD[21:], "not base64url"),
        (f"{TEXT_OF_OLD},{TEXT_OF_OLD}", "twice"),
    ],
)
def test_a_malformed_list_is_refused_without_being_quoted(text: str, complaint: str) -> None:
    with pytest.raises(RootKeyError, match=complaint) as refused:
        parse_root_keys(text)
    for word in text.replace(",", " ").split():
        assert word not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_the_list_comes_from_the_value_or_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(TEXT_OF_OLD + "\n")
    assert list(read_root_keys(TEXT_OF_OLD, None)) == list(read_root_keys(None, file)) == [OLD]


def test_a_list_from_both_or_neither_is_refused(tmp_path: Path) -> None:
    for value, file in ((TEXT_OF_OLD, tmp_path), (None, None)):
        with pytest.raises(RootKeyError, match="exactly one"):
            read_root_keys(value, file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    garbled = tmp_path / "keys"
    garbled.write_bytes(b"\xff\xfe")
    for file in (tmp_path / "absent", tmp_path, garbled):
        with pytest.raises(RootKeyError, match="cannot be read"):
            read_root_keys(None, file)


@pytest.mark.parametrize(
    "holder", [RootKeys([OLD, NEW]), BEFORE, DURING, MemorySecrets()], ids=lambda held: type(held).__name__
)
def test_nothing_keyed_shows_its_keys(holder: object) -> None:
    keys = [OLD, NEW, INDEX, derive(OLD, "token mac"), derive(NEW, "token mac")]
    for shown in (repr(holder), str(holder), f"{holder}"):
        for key in keys:
            assert key.hex() not in shown
            assert repr(key)[2:-1] not in shown
    with pytest.raises(TypeError):
        pickle.dumps(holder)
