"""Metrics: figures over a split, exact in whatever batches it comes."""
