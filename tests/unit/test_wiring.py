"""What the composition root refuses before anything is opened."""

from base64 import urlsafe_b64encode

import pytest

from grantlog.adapters.crypto.root_keys import DEVELOPMENT, RootKeyError
from grantlog.settings import read_settings
from grantlog.wiring import root_keys_of

HERE = {"GRANTLOG_DATABASE_URL": "postgresql://db/grantlog", "GRANTLOG_REDIS_URL": "redis://cache:6379/0"}
OTHER = urlsafe_b64encode(bytes(range(32))).decode()
DEMO = urlsafe_b64encode(DEVELOPMENT + bytes(32 - len(DEVELOPMENT))).decode()


def test_a_demos_root_key_serves_the_demo_only() -> None:
    demo = {"GRANTLOG_ISSUER": "http://127.0.0.1:8000", "GRANTLOG_DEV": "true", "GRANTLOG_ROOT_KEYS": DEMO}
    assert len(root_keys_of(read_settings(HERE | demo))) == 1


@pytest.mark.parametrize("keys", [DEMO, f"{OTHER},{DEMO}"], ids=["alone", "as an old one"])
def test_production_refuses_a_demos_root_key(keys: str) -> None:
    earnest = {"GRANTLOG_ISSUER": "https://auth.example.com", "GRANTLOG_ROOT_KEYS": keys}
    with pytest.raises(RootKeyError, match="demo"):
        root_keys_of(read_settings(HERE | earnest))
