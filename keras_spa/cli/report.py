"""report.html: all about a training, in one file that needs no other."""

import dataclasses
import pathlib
import shlex
from typing import Any

import numpy as np

import keras_spa as spa
from keras_spa.cli import align, html, measures, report_plots
from keras_spa.cli.feed import Feed
from keras_spa.cli.fitting import Trained
from keras_spa.files import write_atomically
from keras_spa_cli.paths import ENDINGS

MOST_ROWS = 60  # of a table that is open from the start


@dataclasses.dataclass(frozen=True)
class Result:
    """A training and what came of it.

    Args:
        arguments: The parsed command line.
        fed: The images.
        trained: The model and its history.
        judged: `{"as trained": {split: Judged}, "aligned": ...}`.
        columns: `{split: {"as trained": measures, "aligned": ...}}`.
        how: What alignment did, or why it did nothing.
        diagnosis: Of the model as trained, on its training images.
        folder: Of the run.
    """

    arguments: Any
    fed: Feed
    trained: Trained
    judged: dict[str, dict[str, measures.Judged]]
    columns: dict[str, dict[str, dict[str, float]]]
    how: str
    diagnosis: spa.CollapseReport
    folder: pathlib.Path

    @property
    def split(self) -> str | None:
        """The split that tells most of new images."""
        return next((s for s in ("test", "validation") if s in self.columns), None)

    @property
    def advice(self) -> str:
        """Which model to use, in a sentence or two."""
        if "aligned" not in self.judged:
            return f"Use {self._files('model')}."
        if not self.columns:
            return "Nothing was held out: which of the two models is better is unknown."
        first = "validation" if "validation" in self.columns else "test"
        both = self.columns[first]
        text = align.comparison(first, both["as trained"], both["aligned"])
        use = self._files("model" if "worse" in text else "aligned")
        text += f" Use {use}."
        if self.split == "validation":
            text += (
                " These images also chose the epoch and what alignment does: on new "
                "ones expect a little less of both models."
            )
        return text

    def _files(self, name: str) -> str:
        """What a model is called in the folder, in both forms if it has two."""
        form = self.arguments.format
        other = f" or {name}{ENDINGS[form] or '/'}" if form else ""
        return f"{name}.keras{other}"


def write(result: Result, path: pathlib.Path) -> None:
    """Writes the page, whole or not at all."""
    data = result.fed.data
    title = f"{data.name}: a long-tailed classifier of {data.num_classes:,} classes"
    parts = [
        f"<p>{html.text(spa.data.describe(data).split(chr(10) * 2)[0])}</p>",
        f"<p><strong>{html.text(result.advice)}</strong></p>",
        *_measures(result),
        *_pictures(result),
        *_confusions(result),
        _classes(result),
        "<h2>Diagnosis</h2>",
        f"<p>Of the model as trained, on its {len(data.train.labels):,} training "
        "images.</p>",
        html.markdown(result.diagnosis.to_markdown()),
        *_settings(result),
    ]
    write_atomically(path, html.page(title, parts))


def _measures(result: Result) -> list[str]:
    parts = ["<h2>Before and after alignment</h2>", f"<p>{html.text(result.how)}</p>"]
    for split, columns in result.columns.items():
        images = len(result.fed.data.splits()[split].labels)
        caption = f"On {images:,} {split} images"
        parts.append(html.table(measures.rows(columns), caption))
    parts.append(
        "<p>Balanced are means over the classes, each counting alike. The calibration "
        "error is how far confidence is from accuracy, on average.</p>"
    )
    return parts


def _pictures(result: Result) -> list[str]:
    data, split = result.fed.data, result.split
    pictures = ["<h2>Pictures</h2>"]
    if split is not None:
        accuracies = {
            title: judged[split].accuracies() for title, judged in result.judged.items()
        }
        picture = report_plots.by_class(data, accuracies)
        few = {name: np.nanmean(values) for name, values in accuracies.items()}
        means = ", ".join(f"{100 * mean:.1f} % {name}" for name, mean in few.items())
        caption = f"Accuracy by class on the {split} images, most frequent class first"
        pictures.append(html.figure(picture, caption, f"{caption}; mean {means}"))
    if result.trained.history.get("loss"):
        epochs = len(result.trained.history["loss"])
        picture = report_plots.history(result.trained.history, result.trained.best)
        caption = f"Training over {epochs} epoch{'s' if epochs != 1 else ''}"
        pictures.append(html.figure(picture, caption, caption))
    caption = "The long tail of the training images"
    folder = result.folder
    picture = report_plots.drawn(folder, lambda path: spa.data.describe(data, path))
    pictures.append(html.figure(picture, caption, caption, "png"))
    caption = "Alignment of the model as trained"
    picture = report_plots.drawn(folder, result.diagnosis.plot)
    alt = f"{caption}: {result.diagnosis.verdict}"
    pictures.append(html.figure(picture, caption, alt, "png"))
    return pictures


def _confusions(result: Result) -> list[str]:
    if result.split is None:
        return []
    title = list(result.judged)[-1]
    judged = result.judged[title][result.split]
    lines = judged.confusions(result.fed.data.class_names)
    heading = f"<h2>Taken for another class most often ({html.text(title)})</h2>"
    return [heading, html.items(lines or ["none"])]


def _classes(result: Result) -> str:
    data = result.fed.data
    header = ["class", "training images"]
    accuracies = []
    if result.split is not None:
        for title, judged in result.judged.items():
            header.append(f"{title} (%)")
            accuracies.append(100 * judged[result.split].accuracies())
    rows = [header]
    for c in np.argsort(-data.class_counts, kind="stable"):
        values = [one[c] for one in accuracies]
        shown = ["–" if np.isnan(value) else f"{value:.1f}" for value in values]
        rows.append([data.class_names[c], f"{data.class_counts[c]:,}", *shown])
    caption = "All classes, most frequent first"
    if accuracies:
        caption += f"; accuracy on the {result.split} images"
    table = html.table(rows, caption)
    return html.details("Classes", table, data.num_classes <= MOST_ROWS)


def _settings(result: Result) -> list[str]:
    flags = vars(result.arguments)
    rows = [["setting", "value"]]
    rows += [[name, str(value)] for name, value in sorted(flags.items())]
    data = shlex.quote(str(result.arguments.data))
    name = "aligned.keras" if "aligned" in result.judged else "model.keras"
    model = shlex.quote(str(result.folder / name))
    again = f"keras-spa evaluate {model} {data}"
    if result.fed.data.validation_source == "training":
        share = result.arguments.held_out
        share = 0.1 if share is None else share
        again += f" --held_out={share} --seed={result.arguments.seed}"
    if result.arguments.skip_corrupt:
        again += " --skip_corrupt"
    return [
        html.details("Settings", html.table(rows, "The command line"), False),
        f"<p>To judge the model again, on the same images: <code>{html.text(again)}"
        "</code></p>",
    ]
