"""The environment in which commands, recipes and benchmarks import Keras."""

import os


def set_environment(log_level: str) -> None:
    """Sets what the user has not: how much TensorFlow says as it starts, and oneDNN.

    By itself TensorFlow takes oneDNN only where the processor has instructions for
    neural networks, such as AVX512-VNNI; without it small networks train at half the
    speed.

    Args:
        log_level: "2" leaves errors, "3" those that end the process.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", log_level)
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
