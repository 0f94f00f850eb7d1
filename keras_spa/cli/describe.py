"""keras-spa describe."""

from typing import Any

import keras_spa as spa
from keras_spa.cli import dataset


def describe(arguments: Any) -> None:
    """Prints the long tail of DATA, and draws it."""
    data = dataset.load(arguments, held_out=0)
    print(spa.data.describe(data, arguments.picture, log=arguments.log))
    if arguments.picture:
        print(f"\nwrote {arguments.picture}")
