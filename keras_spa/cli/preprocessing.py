"""What a model's card asks of its images: done, or said, or refused."""

import sys

import keras_spa as spa

PIXELS = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (2 / 255, -1.0)}
NUMBERS = ("pixels", "numbers")  # two names of one thing
SHAPES = ("input_shape", "resize", "crop", "interpolation")  # no change of numbers


def pixels(card: spa.ModelCard | None, given: str | None = None) -> str:
    """What numbers a model takes a pixel for, of `PIXELS`, by `--pixels` or its card.

    Args:
        card: The model's, if it has one. What it asks for of shapes is told if it is
            not done.
        given: `--pixels`, which knows better.

    Raises:
        ValueError: the card asks for other numbers than are done here.
    """
    asked = {} if card is None else dict(card.preprocessing)
    asked.pop("input_shape", None)
    named = {name: asked.pop(name) for name in NUMBERS if name in asked}
    if given is None:
        strange = {n: v for n, v in named.items() if str(v) not in PIXELS}
        strange |= {n: v for n, v in asked.items() if n not in SHAPES}
        if strange:
            raise ValueError(
                f"MODEL asks for {_said(strange)}, by its card, which is not done "
                f"here: --pixels={' or '.join(PIXELS)} says what it gets instead"
            )
        if len({*named.values()}) > 1:
            raise ValueError(
                f"MODEL asks for {_said(named)}, by its card: --pixels says which"
            )
    if asked:
        print(
            f"keras-spa: MODEL asks for {_said(asked)}, by its card: that is not done "
            "here",
            file=sys.stderr,
        )
    return given or next(iter(named.values()), "0..255")


def _said(asked: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in asked.items())
