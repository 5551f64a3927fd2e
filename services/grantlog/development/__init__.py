"""Composition root of ``grantlog dev``: embedded servers, a demo, and every role under one supervisor."""
