"""Functions: words that are called on tensors."""
