from typing import NamedTuple

from keras_spa.alignment import Alignment


class AlignmentChoice(NamedTuple):
    """What `align` does to a classifier, and what that brought on held-out images.

    Args:
        alignment: An `Alignment`, or None: weights stay.
        logit_adjustment: τ of the logit adjustment; 0 for none.
        accuracy: Held-out accuracy with both, the mean over classes, in [0, 1].
        untouched: The same of the model as it was.

    Example:

    >>> import keras_spa as spa
    >>> slerp = spa.SpASLERP(0.25, 1.0)
    >>> choice = spa.AlignmentChoice(slerp, 0.5, accuracy=0.4, untouched=0.3)
    >>> choice.logit_adjustment
    0.5

    Reference: ours.
    """

    alignment: Alignment | None
    logit_adjustment: float
    accuracy: float
    untouched: float
