"""A training run: its loop, its folder, and what a finished one is asked."""
