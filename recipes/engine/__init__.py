"""The library behind the recipes: configuration, jobs, runs, checkpoints, devices."""

import os

# Before Keras is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# By itself TensorFlow takes oneDNN only where the processor has instructions for
# neural networks, such as AVX512-VNNI.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
