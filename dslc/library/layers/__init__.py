"""Layers: words that tensors flow into."""
