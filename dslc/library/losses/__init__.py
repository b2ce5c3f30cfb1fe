"""Losses: weighted means over examples, and penalties on weights."""
