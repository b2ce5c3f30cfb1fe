"""Fitted steps: what a field's expression takes from the training split."""
