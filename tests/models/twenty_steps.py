"""Script: train twenty steps from given weights, `INPUT.npz OUTPUT.npz`.

Run with different KERAS_BACKEND, it must give the same output.
"""

import functools
import sys

import keras
import numpy as np

import keras_spa as spa

BCL = functools.partial(spa.models.BCL, hidden_units=8, embedding_units=3)
ALIGNMENTS = {
    "none": lambda: None,
    "spa_reg": lambda: spa.SpAReg(0.5),
    "spa_slerp": lambda: spa.SpASLERP(spa.CosineRamp(0.2, 15)),
    "spa_slerp_seldom": lambda: spa.SpASLERP(0.1, every=3),
    "spa_proj": lambda: spa.SpAProj(0.4),
    "all": lambda: [spa.SpAReg(0.3), spa.SpASLERP(0.05, norm="equal"), spa.SpAProj()],
    "paper": lambda: [
        spa.SpAReg.paper(0.3),
        spa.SpASLERP.paper(0.05),
        spa.SpAProj.paper(),
    ],
    "bcl": lambda: [spa.SpASLERP(0.05), spa.SpAProj()],
}


def make_model(alignment):
    backbone = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(6, 3, strides=2, padding="same"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(7, "tanh"),
        ]
    )
    make = BCL if alignment == "bcl" else spa.SpAModel
    model = make(backbone, keras.layers.Dense(4), ALIGNMENTS[alignment]())
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, weight_decay=1e-3),
        spa.losses.BalancedSoftmax([8, 4, 2, 1]),
    )
    return model


def train(alignment, arrays):
    """Final variables and logs, by name."""
    model = make_model(alignment)
    name = "bcl/w" if alignment == "bcl" else "w"
    given = [arrays.get(f"{name}{i}", w) for i, w in enumerate(model.get_weights())]
    model.set_weights(given)  # without the covariance, which some keep
    x, y = arrays["x"], arrays["y"]
    history = model.fit(
        (x, x + 0.1, 0.9 * x) if alignment == "bcl" else x,
        y,
        batch_size=16,
        epochs=2 if alignment == "bcl" else 5,  # whose temperature enlarges rounding
        shuffle=False,
        verbose=0,
    ).history
    result = {f"{alignment}/w{i}": w for i, w in enumerate(model.get_weights())}
    return result | {f"{alignment}/{k}": np.array(v) for k, v in history.items()}


if __name__ == "__main__":
    with np.load(sys.argv[1]) as archive:
        given = dict(archive)
    results = {}
    for name in ALIGNMENTS:
        results |= train(name, given)
    np.savez(sys.argv[2], **results)
