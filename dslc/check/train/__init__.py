"""Checking ``train``: objectives, groups, settings and what ships."""
