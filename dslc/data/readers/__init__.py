"""Readers of data files: csv, npy, npz and idx."""
