"""What those who publish tasks and those who run them agree on: where the broker is, queues, names, and how often."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

QUEUE = "grantlog"
"""Tasks that follow from events."""
PERIODIC_QUEUE = "grantlog.periodic"
"""Tasks that beat fires; apart, so that a backlog of one never delays the other."""
PREFIX = "grantlog."
"""Every task's name begins with it."""

VISIBILITY_TIMEOUT = 600
"""Seconds after which Redis hands on a task whose worker vanished. Far above TIME_LIMIT, so no task runs twice at once."""
TIME_LIMIT = 60
SOFT_TIME_LIMIT = 50


def task_name(handler: str) -> str:
    """The name under which a handler's task is published."""
    return PREFIX + handler


def broker_address(url: str) -> str:
    """The broker's URL as kombu reads it: a unix socket of Redis has a scheme of its own there."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    query = f"?{parts.query}" if parts.query else ""
    # kombu reads user and password from the part before the path, as in a network URL.
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return f"redis+socket://{login}{parts.path}{query}"


def common_settings(url: str) -> Mapping[str, Any]:
    """Celery settings that a publisher and a worker share."""
    address = broker_address(url)
    amqp = urlsplit(address).scheme in {"amqp", "amqps", "pyamqp"}
    # A dead broker must show as an error within seconds, never as a hang: whoever publishes keeps its cursor and retries.
    transport: dict[str, Any] = (
        # Without confirms AMQP loses a message silently when the broker dies.
        {"confirm_publish": True, "confirm_timeout": 5.0}
        if amqp
        else {
            "visibility_timeout": VISIBILITY_TIMEOUT,
            # Looked for every 10 seconds instead of every 100.
            "unacked_restore_throttle": 1,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "health_check_interval": 10,
        }
    )
    return {
        "broker_url": address,
        "broker_connection_timeout": 5,
        "broker_transport_options": transport,
        "task_default_queue": QUEUE,
        "task_default_queue_type": "quorum" if amqp else "classic",
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "enable_utc": True,
        "timezone": "UTC",
    }
