"""Imported before Keras: keeps TensorFlow's start-up messages off the screen."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
