"""RFC 9562 section 5.7: UUIDv7 with a bucket, and moments."""

import pytest
from hypothesis import given, strategies

from grantlog.core.identifiers import BUCKETS, Micros, after, born_at, bucket_of, mint_stream_id, seconds

MOMENT = Micros(1_760_000_000_123_456)


def test_moments_are_whole_seconds_rounded_down() -> None:
    assert seconds(MOMENT) == 1_760_000_000
    assert after(MOMENT, 60) == 1_760_000_060_123_456


@given(
    strategies.integers(min_value=0, max_value=(1 << 48) * 1000 - 1),
    strategies.integers(min_value=0, max_value=BUCKETS - 1),
    strategies.binary(min_size=9, max_size=16),
)
def test_a_stream_id_is_a_version_7_uuid_that_carries_birth_and_bucket(born: int, bucket: int, noise: bytes) -> None:
    stream = mint_stream_id(Micros(born), bucket, noise)
    assert stream.version == 7
    assert stream.variant == "specified in RFC 4122"
    assert bucket_of(stream) == bucket
    assert born_at(stream) == born // 1000 * 1000


def test_ids_sort_by_birth_whatever_their_bucket() -> None:
    early = mint_stream_id(MOMENT, BUCKETS - 1, b"\xff" * 9)
    late = mint_stream_id(Micros(MOMENT + 1000), 0, b"\x00" * 9)
    assert early < late


def test_every_byte_of_noise_counts() -> None:
    quiet = bytes(9)
    noises = {quiet, *(quiet[:at] + b"\x01" + quiet[at + 1 :] for at in range(9))}
    assert len({mint_stream_id(MOMENT, 5, noise) for noise in noises}) == 10


@pytest.mark.parametrize("bucket", [-1, BUCKETS])
def test_a_bucket_has_ten_bits(bucket: int) -> None:
    with pytest.raises(ValueError, match="10 bits"):
        mint_stream_id(MOMENT, bucket, bytes(9))
