"""Figure 1b-d: three classes in the plane, three geometries, and what they cost."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Wedge

from keras_spa import theory
from reporting.styles import CLASS_COLORS, CLASS_MARKERS

TURN, DISPLACED = 20, 40  # degrees
SIGMA, CLOUD = 0.25, 60
EDGE = 1.75  # of the square that is shown


def turn(rows: np.ndarray, degrees: float | list[float]) -> np.ndarray:
    """Rows (K, 2), turned against the clock by an angle or an angle each."""
    angle = np.broadcast_to(np.radians(degrees), len(rows))
    c, s = np.cos(angle), np.sin(angle)
    x, y = rows.T
    return np.stack([c * x - s * y, s * x + c * y], axis=1)


def means() -> np.ndarray:
    """An ETF of three classes whose first class is on top."""
    etf = theory.simplex_etf(3, 2).astype("float64")
    first = np.degrees(np.arctan2(etf[0, 1], etf[0, 0]))
    return turn(etf, 90 - first)


def geometries() -> dict[str, np.ndarray]:
    """`{title: weights (3, 2)}` of the three panels."""
    return {
        "b  aligned": means(),
        f"c  all weights turned by {TURN}°": turn(means(), TURN),
        f"d  one weight turned by {DISPLACED}°": turn(means(), [0, 0, DISPLACED]),
    }


def draw() -> tuple[Figure, str]:
    """The figure and its caption."""
    panels = geometries()
    figure = Figure(figsize=(7, 2.95), layout="constrained")
    for axes, (title, weights) in zip(
        figure.subplots(1, len(panels)), panels.items(), strict=True
    ):
        _draw_panel(axes, title, weights)
    at_turn = theory.rotated_etf_exponent(3, np.radians(TURN), plane=True)
    caption = (
        "Misalignment alone costs error exponent. Three classes in the plane, means "
        f"(markers) a simplex ETF, features scattered with σ = {SIGMA} (crosses: "
        "misclassified). Arrows: classifier weights; shaded: the regions they decide. "
        "A circle reaches from a mean to the nearest boundary, its radius r giving the "
        "class's exponent r²/2; the smallest is the system's, E. b: aligned, "
        f"E = K/(4(K−1)) = {theory.rotated_etf_exponent(3, 0.0):.3f}, the optimum. c: "
        "weights and means are each a simplex ETF, turned against each other, E = "
        f"sin²(60° − {TURN}°)/2 = {at_turn:.3f}. d: one class's weight is turned "
        "alone; by twice the angle it costs as much, for each boundary turns by half "
        "of it. "
        "Error: `theory.error_probability`, mean over classes. Made by formula, seed 0."
    )
    return figure, caption


def _draw_panel(axes: Axes, title: str, weights: np.ndarray) -> None:
    centres = means()
    exponents = np.asarray(theory.error_exponent(weights, centres, per_class=True))
    efficiency = theory.exponent_efficiency(weights, centres)
    error = theory.error_probability(weights, centres, SIGMA).mean
    noise = np.random.RandomState(0).standard_normal((3, CLOUD, 2))
    for c, color in enumerate(CLASS_COLORS[:3]):
        for start, stop in regions(weights)[c]:
            axes.add_patch(Wedge((0, 0), 4, start, stop, color=color, alpha=0.16, lw=0))
        features = centres[c] + SIGMA * noise[c]
        right = np.argmax(features @ weights.T, axis=1) == c
        for chosen, marker, size in ((right, ".", 9), (~right, "x", 16)):
            x, y = features[chosen].T
            axes.scatter(x, y, s=size, marker=marker, color=color, lw=0.9)
        radius = np.sqrt(2 * exponents[c])
        circle = Circle(centres[c], radius, fill=False, color="black", lw=0.9, ls="--")
        axes.add_patch(circle)
        axes.annotate(
            "",
            weights[c] * 0.8,
            (0, 0),
            arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2.2},
        )
        axes.plot(
            *centres[c],
            CLASS_MARKERS[c],
            color=color,
            markeredgecolor="black",
            markersize=8,
        )
    axes.set(xlim=(-EDGE, EDGE), ylim=(-EDGE + 0.2, EDGE + 0.2), aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.set_title(title, loc="left")
    axes.set_xlabel(
        f"E = {exponents.min():.3f} ({100 * efficiency:.0f} % of the optimum)\n"
        f"error {100 * error:.1f} % at σ = {SIGMA}"
    )


def regions(weights: np.ndarray) -> list[list[tuple[float, float]]]:
    """For each class, the (start, stop) angles in degrees of where it has most score.

    Boundaries of a classifier without biases are rays: on them two classes share the
    highest score.
    """
    K = len(weights)
    rays = []
    for i in range(K):
        for j in range(i):
            x, y = weights[i] - weights[j]
            for ray in np.array([[-y, x], [y, -x]]) / np.hypot(x, y):
                scores = weights @ ray
                if scores[i] > scores.max() - 1e-9:
                    rays.append(np.degrees(np.arctan2(ray[1], ray[0])))
    rays = sorted(rays)
    sectors: list[list[tuple[float, float]]] = [[] for _ in range(K)]
    for start, stop in zip(rays, [*rays[1:], rays[0] + 360], strict=True):
        middle = np.radians((start + stop) / 2)
        best = np.argmax(weights @ [np.cos(middle), np.sin(middle)])
        sectors[best].append((start, stop))
    return sectors
