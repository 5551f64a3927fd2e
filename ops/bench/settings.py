"""How every process of the benchmark is set up: as in production, but for the addresses."""

import base64
import os

from grantlog.settings import Resource, Settings

API = "https://api.example.com/"
SCOPES = ("api:read", "api:write")
ISSUER = "http://127.0.0.1:8000"
"""What the answers say. Nobody listens there, and nobody asks."""

_ROOT_KEY = base64.urlsafe_b64encode(os.urandom(32)).decode()


def settings_for(database_url: str, redis_url: str, port: int, metrics_port: int = 0) -> Settings:
    """The settings of one process."""
    return Settings(
        issuer=ISSUER,
        dev=True,
        database_url=database_url,  # type: ignore[arg-type]  # pydantic wraps it
        redis_url=redis_url,  # type: ignore[arg-type]
        root_keys=_ROOT_KEY,  # type: ignore[arg-type]
        resources=(Resource(uri=API, scopes=SCOPES),),
        port=port,
        metrics_port=metrics_port,
        # No token may expire, no failure be forgiven, while something is measured.
        access_token_lifetime=3600,
        log_level="warning",
    )


def environment_for(settings: Settings, name: str) -> dict[str, str]:
    """The same settings as ``grantlog serve`` and ``grantlog tail`` read them."""
    resources = "[" + ",".join(resource.model_dump_json() for resource in settings.resources) + "]"
    assert settings.root_keys is not None
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "GRANTLOG_ISSUER": settings.issuer,
        "GRANTLOG_DEV": "true",
        "GRANTLOG_DATABASE_URL": settings.database_url.get_secret_value(),
        "GRANTLOG_REDIS_URL": settings.redis_url.get_secret_value(),
        "GRANTLOG_ROOT_KEYS": settings.root_keys.get_secret_value(),
        "GRANTLOG_RESOURCES": resources,
        "GRANTLOG_PORT": str(settings.port),
        "GRANTLOG_METRICS_PORT": str(settings.metrics_port),
        "GRANTLOG_ACCESS_TOKEN_LIFETIME": str(settings.access_token_lifetime),
        "GRANTLOG_LOG_LEVEL": settings.log_level,
        "GRANTLOG_WORKER_NAME": name,
    }
