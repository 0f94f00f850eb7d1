"""The figures of `recipes/figures.py`, a module each."""
