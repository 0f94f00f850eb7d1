"""The figures by name: what the command line checks, without drawing anything."""

TOYS = ("1b-d", "3")  # need no runs
OVERVIEWS = (
    "after-training",
    "predictors",
    "plain-loss",
    "training-length",
)  # of all folders together
FIGURES = ("1a", "1b-d", "2", "3", "4", "exponents", *OVERVIEWS)
