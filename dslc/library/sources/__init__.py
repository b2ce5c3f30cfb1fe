"""Sources: where examples come from."""
