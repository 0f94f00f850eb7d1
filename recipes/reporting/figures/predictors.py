"""Our figures: the gain after training against measures of the model, and T8's loss."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from engine.names import METHODS
from keras_spa.plots import PALETTE
from reporting.figures.runs import signed
from reporting.predictors import Model
from reporting.statistics import rank_correlation
from reporting.styles import BROWN

LOGARITHMIC = ("epochs", "images", "nc1", "condition")
WIDE = 5  # the largest over the smallest value, from which on a log scale helps
PANELS = {
    "epochs": "epochs of training",
    "images": "training images a class",
    "nc1": "NC1",
    "condition": "κ of the noise",
    "noise cosine": "cosine in the noise's metric",
    "noise exponent": "exponent in the noise's metric",
}
NAMES = ("blue", "vermilion", "green", "purple", "sky", "orange", "black")
MORE = ("darkgray", "indigo", "teal", "deeppink")
HUES = [*(PALETTE[name] for name in NAMES), BROWN, *MORE]
MARKERS = "osD^vP"
COSINES = "Of LDAM-DRW the features are those that its cosines see, of length 1."
GAIN = "gain of spa.align (points)"


def draw(models: Sequence[Model]) -> tuple[Figure, str]:
    """Gains after training against six measures, a point a model, and the caption."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    panels = figure.subplots(2, 3, sharey=True)
    gains = [model.gain for model in models]
    for axes, (name, title) in zip(panels.flat, PANELS.items(), strict=True):
        values = [model.measures[name] for model in models]
        _scatter(axes, models, values, gains)
        _scale(axes, values, name in LOGARITHMIC)
        rank = rank_correlation(values, gains)
        axes.set_title(f"Spearman {signed(rank, 2)}", loc="left")
        axes.set_xlabel(title)
        axes.axhline(0, color="black", lw=0.8)
    for axes in panels[:, 0]:
        axes.set_ylabel(GAIN)
    _legend(figure, models)
    return figure, (
        f"What `spa.align` gained on {len(models)} trained models, with nothing held "
        "out, against what was measured of them on their training images: a point a "
        "model. Seeds of one row are no independent points, and data sets and losses "
        "differ in many things at once: an association, not a law. Models of "
        "cross-entropy gain most because their logits hold the training frequencies, "
        f"which no measure on these axes knows of. {COSINES}"
    )


def draw_plain_loss(models: Sequence[Model]) -> tuple[Figure, str]:
    """What plain class means lose, by theorem T8 and as measured, and the caption."""
    figure = Figure(figsize=(7, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    lost = [model.lost for model in models]
    for axes, name, title in (
        (left, "plain efficiency", "exponent that plain alignment keeps"),
        (right, "plain bound", "what κ alone promises, 4κ/(1+κ)²"),
    ):
        values = [model.measures[name] for model in models]
        _scatter(axes, models, values, lost)
        _scale(axes, values, logarithmic=True)
        rank = rank_correlation(values, lost)
        axes.set_title(f"Spearman {signed(rank, 2)}", loc="left")
        axes.set_xlabel(title)
        axes.axhline(0, color="black", lw=0.8)
    left.set_ylabel("points that plain means lose")
    _legend(figure, models)
    return figure, (
        "What it costs to take noise for isotropic: test accuracy of the classifier "
        "that is optimal in the noise of the features, less that of the one that is "
        "optimal in isotropic noise, on the features of one trained model; against "
        "the share of the optimal error exponent that the latter keeps (left) and the "
        f"bound of theorem T8 (right). A point a model. {COSINES}"
    )


def _scatter(
    axes: Axes, models: Sequence[Model], x: Sequence[float], y: Sequence[float]
) -> None:
    for model, a, b in zip(models, x, y, strict=True):
        axes.plot(a, b, linestyle="none", **_style(models, model))
    axes.grid(alpha=0.25)


def _scale(axes: Axes, values: Sequence[float], logarithmic: bool) -> None:
    """A few round ticks, and room around the markers."""
    axes.margins(0.12)
    smallest, largest = min(values), max(values)
    if logarithmic and largest > WIDE * smallest > 0:
        axes.set_xscale("log")
        subs = (1, 2, 5) if largest < 100 * smallest else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.4g}"))


def _style(models: Sequence[Model], model: Model) -> dict[str, Any]:
    """A color a data set, a marker a method; models aligned in training are full."""
    data = list(dict.fromkeys(model.data for model in models))
    if len(data) > len(HUES):
        raise ValueError(f"{len(data)} data sets have {len(HUES)} colors: add to HUES")
    color = HUES[data.index(model.data)]
    methods = [name for name in METHODS if name in {one.method for one in models}]
    marker = MARKERS[methods.index(model.method) % len(MARKERS)]
    face = color if model.aligned else "none"
    return {"color": color, "marker": marker, "markersize": 5, "markerfacecolor": face}


def _legend(figure: Figure, models: Sequence[Model]) -> None:
    """What `_style` means: data sets on the left, methods on the right."""
    data: dict[str, Line2D] = {}
    methods: dict[str, Line2D] = {}
    for model in models:
        style = {**_style(models, model), "markerfacecolor": "none"}
        gray = {**style, "color": "gray"}
        data.setdefault(model.data, Line2D([], [], **{**style, "marker": "_"}, lw=2))
        methods.setdefault(METHODS[model.method], Line2D([], [], **gray, lw=0))
    if any(model.aligned for model in models):
        full: dict[str, Any] = {"marker": "o", "markersize": 5, "color": "gray"}
        methods["full: aligned in training"] = Line2D([], [], **full, lw=0)
    figure.legend(list(data.values()), list(data), loc="outside lower left")
    figure.legend(list(methods.values()), list(methods), loc="outside lower right")
