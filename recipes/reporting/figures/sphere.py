"""Figure 3: paths of weights and class means on the sphere, with SpA-Reg and without.

The features of all images are free unit vectors in three dimensions (the layer-peeled
or unconstrained-features model): what remains of a network that can learn anything.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import keras_spa as spa
from keras_spa import theory
from keras_spa.metrics import exact_class_means
from reporting.styles import CLASS_COLORS, CLASS_MARKERS

Path = tuple[np.ndarray, np.ndarray]  # weights and class means, (steps + 1, K, 3) each

COUNTS = (100, 21, 5, 1)
STEPS, RATE, WEIGHT_DECAY, STRENGTH, SEED = 400, 0.3, 2e-3, 0.1, 0
# Where the means of the last step are turned to, as seen from above: class 0 behind.
SEEN = np.array(
    [
        [0.0, 0.0, -1.0],
        *(
            [np.sin(a) * 8**0.5 / 3, np.cos(a) * 8**0.5 / 3, 1 / 3]
            for a in np.radians([0, 120, 240])
        ),
    ]
)


def train(alignment: spa.Alignment | None, steps: int = STEPS) -> Path:
    """Weights and class means before each step and at the end: two (steps + 1, K, 3).

    Full-batch SGD with momentum 0.9 on cross-entropy, the same start each time.
    """
    random = np.random.RandomState(SEED)
    labels = np.repeat(np.arange(len(COUNTS)), COUNTS).astype("int32")
    images = np.arange(len(labels), dtype="int32")
    inputs = keras.Input((), dtype="int32")
    free = keras.layers.Embedding(len(labels), 3)
    backbone = keras.Model(inputs, keras.layers.UnitNormalization()(free(inputs)))
    classifier = keras.layers.Dense(
        len(COUNTS),
        use_bias=False,
        kernel_regularizer=keras.regularizers.L2(WEIGHT_DECAY),
    )
    model = spa.SpAModel(backbone, classifier, alignment, momentum=0.0)
    free.embeddings.assign(0.3 * random.standard_normal((len(labels), 3)))
    classifier.kernel.assign(random.standard_normal((3, len(COUNTS))))
    model.compile(
        keras.optimizers.SGD(RATE, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    def now() -> Path:
        features = directions(ops.convert_to_numpy(free.embeddings))
        _, means = exact_class_means([(features, labels)], len(COUNTS))
        return ops.convert_to_numpy(classifier.kernel).T.copy(), means

    path = [now()]
    for _ in range(steps):
        model.train_on_batch(images, labels)
        path.append(now())
    weights, means = map(np.array, zip(*path, strict=True))
    return weights, means


def angles(weights: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Degrees (steps, K) between weights and centred class means."""
    cosines = (directions(weights) * directions(centred(means))).sum(axis=-1)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def directions(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def centred(means: np.ndarray) -> np.ndarray:
    """Class means without their mean."""
    return means - means.mean(axis=-2, keepdims=True)


def draw() -> tuple[Figure, str]:
    """The figure and its caption."""
    runs = {
        "cross-entropy": train(None),
        "with SpA-Reg": train(spa.SpAReg.paper(STRENGTH)),
    }
    figure = Figure(figsize=(7, 2.9), layout="constrained")
    *spheres, right = figure.subplots(1, 3, width_ratios=(1, 1, 1))
    shares = []
    for axes, letter, (name, run) in zip(spheres, "ab", runs.items(), strict=True):
        efficiency = theory.exponent_efficiency(run[0][-1], run[1][-1])
        rarest = angles(*run)[-1, -1]
        _draw_sphere(axes, *run)
        axes.set_title(f"{letter}  {name}", loc="left")
        axes.set_xlabel(
            f"rarest class: {rarest:.0f}° apart\n"
            f"exponent efficiency {100 * efficiency:.0f} %"
        )
        shares.append(f"{100 * efficiency:.0f} % ({name})")
    _draw_angles(right, runs)
    caption = (
        "Under a long tail, cross-entropy leaves weights beside their class means. "
        f"{len(COUNTS)} classes of {', '.join(map(str, COUNTS))} images whose features "
        f"are free unit vectors in three dimensions; {STEPS} steps of full-batch SGD "
        f"(rate {RATE}, momentum 0.9, weight decay {WEIGHT_DECAY}), the same start in "
        f"both. Paths, from dot to marker, of the weights' directions (lines, filled "
        "markers) and of the centred class means' (dotted, open markers), a bar across "
        "what is between them at the end; pale: on the far side of the sphere. The "
        "paths are turned as a whole so that both panels end alike; class 0, the most "
        f"frequent, is behind. SpA-Reg with strength {STRENGTH}. Share of the optimal "
        f"exponent at the end: {', '.join(shares)}. The settings were chosen to show "
        "the effect; a SpA-Reg of ten times the strength aligns sooner, but holds the "
        f"means together for longer. Trained when the figure is drawn, seed {SEED}."
    )
    return figure, caption


def _draw_sphere(axes: Axes, weights: np.ndarray, means: np.ndarray) -> None:
    # The orthogonal map that brings the last means nearest to where they are wanted.
    u, _, v = np.linalg.svd(directions(centred(means[-1])).T @ SEEN)
    weights, means = directions(weights) @ u @ v, directions(centred(means)) @ u @ v
    _draw_globe(axes)
    for c, color in enumerate(CLASS_COLORS):
        _draw_path(axes, weights[:, c], color=color, lw=1.5)
        _draw_path(axes, means[:, c], color=color, lw=1.5, ls=":")
        for x, y, z in (weights[0, c], means[0, c]):
            axes.plot(x, y, ".", color=color, markersize=7, alpha=1 if z > 0 else 0.35)
        ends = np.array([weights[-1, c], means[-1, c]])
        _draw_path(axes, _arc(*ends), color="black", lw=2)
        for end, face in zip(ends, (color, "white"), strict=True):
            axes.plot(
                *end[:2],
                CLASS_MARKERS[c],
                markersize=6.5,
                color="black",
                markerfacecolor=face,
                alpha=1 if end[2] > 0 else 0.35,
                zorder=4,
            )
    axes.set(xlim=(-1.03, 1.03), ylim=(-1.03, 1.03), aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _draw_globe(axes: Axes) -> None:
    around = np.linspace(0, 2 * np.pi, 181)
    axes.plot(np.cos(around), np.sin(around), color="gray", lw=0.8)
    tilt = np.radians(25)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]]
    )
    for height in np.sin(np.radians([-60, -30, 0, 30, 60])):
        width = np.sqrt(1 - height**2)
        circle = [width * np.sin(around), height + 0 * around, width * np.cos(around)]
        _draw_path(axes, np.transpose(circle) @ turn.T, 0.0, color="silver", lw=0.5)
    for longitude in np.radians(range(0, 180, 30)):
        circle = [
            np.cos(around) * np.sin(longitude),
            np.sin(around),
            np.cos(around) * np.cos(longitude),
        ]
        _draw_path(axes, np.transpose(circle) @ turn.T, 0.0, color="silver", lw=0.5)


def _draw_path(axes: Axes, path: np.ndarray, behind: float = 0.3, **style: Any) -> None:
    """A path on the sphere, seen from above (z), pale where it is `behind`."""
    front = path[:, 2] >= 0
    for side, alpha in ((front, 1.0), (~front, behind)):
        # A step belongs to a side if it starts or ends there: no gap at the rim.
        near = side | np.append(side[1:], False) | np.append(False, side[:-1])
        x, y = np.where(near, path[:, :2].T, np.nan)
        axes.plot(x, y, alpha=alpha, **style)


def _arc(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    share = np.linspace(0, 1, 20)[:, None]
    return directions((1 - share) * start + share * stop)


def _draw_angles(axes: Axes, runs: Mapping[str, Path]) -> None:
    for (name, run), style in zip(runs.items(), ("-", "--"), strict=True):
        apart = angles(*run)
        for c in (len(COUNTS) - 1, 0):
            axes.plot(
                apart[:, c],
                style,
                color=CLASS_COLORS[c],
                label=f"{name}, {COUNTS[c]} image{'s' * (COUNTS[c] > 1)}",
            )
    axes.set_ylim(0)
    axes.set_xlim(0, len(apart) - 1)
    axes.set_xlabel("step")
    axes.set_title("c  angle of weight and mean (°)", loc="left")
    axes.legend(loc="upper right", frameon=False)
    axes.grid(alpha=0.25)
