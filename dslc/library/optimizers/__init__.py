"""Optimizers: how parameters follow from gradients."""
