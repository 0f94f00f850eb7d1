"""Everything that the package offers by name."""

import inspect

import keras_spa as spa


def public():
    """Everything listed in the `__all__` of the package and its subpackages."""
    for module in [spa, *(getattr(spa, name) for name in spa.__all__)]:
        if inspect.ismodule(module):
            for name in getattr(module, "__all__", []):
                thing = getattr(module, name)
                if not inspect.ismodule(thing):
                    yield name, thing


PUBLIC = dict(public())
