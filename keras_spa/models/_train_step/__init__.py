"""One training step, in the way of each backend.

- `host`: what a model owes the step, as a `typing.Protocol`;
- `base`: the parts that all backends share;
- `tensorflow`, `jax`, `torch`: the step itself. `SpAModel` inherits that of its
  backend.
"""
