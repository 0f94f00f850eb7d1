"""The library behind the recipes: configuration, jobs, runs, checkpoints, devices."""

from keras_spa_cli.environment import set_environment

set_environment(log_level="2")  # before Keras is imported
