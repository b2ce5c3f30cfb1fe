"""What people look at: layers laid out, stages of the compiler as text, curves of a run."""
