"""Grantlog: an OAuth 2.1 / OpenID Connect authorization server on an append-only log."""

__version__ = "0.1.0"
