"""Checking ``data``: sources, fields and splits."""
