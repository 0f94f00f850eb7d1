"""Which numbers the device computes with in hardware."""

import keras


def policy(precision: str) -> str:
    """The dtype policy of --precision."""
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16() else "float32"
    return precision if precision == "float32" else f"mixed_{precision}"


def has_bfloat16() -> bool:
    """Whether it is a TPU, or an NVIDIA GPU of compute capability 8.0 or above."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        if device.platform == "tpu":
            return True
        capability = str(getattr(device, "compute_capability", "0"))
        return device.platform in ("gpu", "cuda") and float(capability) >= 8
    if backend == "torch":
        import torch

        return torch.cuda.is_available() and torch.cuda.get_device_capability()[0] >= 8
    import tensorflow as tf

    if tf.config.list_physical_devices("TPU"):
        return True
    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    capabilities = [one.get("compute_capability", (0, 0)) for one in details]
    return bool(gpus) and min(capabilities) >= (8, 0)
