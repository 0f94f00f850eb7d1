"""The figures by name: what the command line checks, without drawing anything."""

TOYS = ("1b-d", "3")  # need no runs
# Of all folders together.
OVERVIEWS = ("after-training", "predictors", "plain-loss", "training-length")
FIGURES = ("1a", "1b-d", "2", "3", "4", "exponents", *OVERVIEWS)
