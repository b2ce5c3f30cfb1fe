"""Files that are whole or known not to be: checkpoints, tensors, manifests, logs."""
