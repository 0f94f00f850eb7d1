"""One training step, in the way of each backend."""
