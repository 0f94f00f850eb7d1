"""The figures of `recipes/figures.py`, a module each; `catalogue` knows them all."""
