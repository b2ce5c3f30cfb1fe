"""Data, the train step, the session, the loop and checkpoints."""
