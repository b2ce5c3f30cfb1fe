"""What ships, made over: other operator sets, raw columns in front, weights beside the model."""
