"""Graphs in older operator sets: each operator in the form that it had then, or said in others."""
