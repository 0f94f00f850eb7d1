"""The library behind the recipes: configuration, jobs, runs, checkpoints, devices."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before Keras is imported
