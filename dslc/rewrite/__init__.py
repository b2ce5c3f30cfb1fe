"""Passes that make finished graphs smaller or faster without changing what they compute."""
