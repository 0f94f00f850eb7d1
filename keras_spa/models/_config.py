from collections.abc import Iterable, Mapping
from typing import Any

import keras


def deserialize_parts(
    config: Mapping[str, Any],
    names: Iterable[str],
    custom_objects: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The configuration with the parts of these names made into objects."""
    config = dict(config)
    for name in names:
        if isinstance(config.get(name), dict):
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects
            )
    return config
