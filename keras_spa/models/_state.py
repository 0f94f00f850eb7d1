"""Copying what a model has learnt into another of the same layers."""

import tempfile


def copy_state(source, target):
    """Gives `target` the variables of `source`, and what layers derive from them.

    `set_weights` is not enough: a `Normalization` keeps numbers that it derives from
    its variables, and a lookup layer its vocabulary.
    """
    pairs = zip(source._flatten_layers(), target._flatten_layers(), strict=True)
    for one, other in pairs:
        if hasattr(one, "save_assets") and hasattr(one, "load_assets"):
            with tempfile.TemporaryDirectory() as folder:
                one.save_assets(folder)
                other.load_assets(folder)
        store = {}
        one.save_own_variables(store)
        other.load_own_variables(store)
