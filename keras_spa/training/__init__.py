"""Training that survives: checkpoints in mid-epoch, and what ends a job early.

Its modules are imported by name: `signals` does without Keras.
"""
