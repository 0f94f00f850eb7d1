import keras


def with_parts(config, names, custom_objects=None):
    """The configuration with the parts of these names made into objects."""
    config = dict(config)
    for name in names:
        if isinstance(config.get(name), dict):
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects
            )
    return config
