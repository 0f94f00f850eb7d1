"""How well a classifier does: accuracy by shots and class, calibration, confusions."""

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib.figure import Figure
from reporting import summary

import keras_spa as spa
from keras_spa import plots

BINS = 15


class Scores:
    """Sums over batches, whose size does not grow with the number of images.

    The expected calibration error is that of Guo et al. (ICML 2017), "On Calibration
    of Modern Neural Networks": images fall into 15 bins of equal width by the largest
    probability, the confidence, and
    `ECE = Σ_bins (images in bin / images) · |accuracy − mean confidence|`.
    """

    def __init__(self, class_counts):
        self.class_counts = np.asarray(class_counts)
        classes = len(self.class_counts)
        self.confusion = np.zeros((classes, classes), "int64")  # truth, prediction
        self.bins = np.zeros((3, BINS))  # images, right ones, sum of confidences
        self.log_loss = 0.0

    def update(self, labels, logits, probabilities):
        predicted = np.argmax(logits, axis=1)
        np.add.at(self.confusion, (labels, predicted), 1)
        confidence = probabilities.max(axis=1)
        # Bin b holds confidences in (b/15, (b+1)/15].
        place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
        right = predicted == labels
        for row, weights in enumerate((np.ones_like(confidence), right, confidence)):
            self.bins[row] += np.bincount(place, weights, BINS)
        largest = logits.max(axis=1, keepdims=True)
        normaliser = np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0]
        self.log_loss += float(
            (normaliser - logits[np.arange(len(labels)), labels]).sum()
        )

    @property
    def images(self):
        return int(self.confusion.sum())

    def accuracies(self):
        """In percent: all images; means over the classes of each shot; by class.

        None for a class without images and for a group without classes.
        """
        tested = self.confusion.sum(axis=1)
        right = np.diag(self.confusion)
        per_class = [
            100 * float(r / n) if n else None
            for r, n in zip(right, tested, strict=True)
        ]
        found = {"all": 100 * float(right.sum() / tested.sum())}
        for shots, classes in spa.metrics.shot_groups(self.class_counts).items():
            known = [per_class[c] for c in classes if tested[c]]
            found[shots] = float(np.mean(known)) if known else None
        return {**found, "per_class": per_class}

    def calibration_error(self):
        """ECE in percent."""
        images, right, confidence = self.bins
        return 100 * float(np.abs(right - confidence).sum() / images.sum())

    def result(self):
        return {
            "images": self.images,
            "class_counts": self.class_counts.tolist(),
            "accuracy": self.accuracies(),
            "calibration_error": self.calibration_error(),
            "log_loss": self.log_loss / self.images,
        }

    def table(self):
        """Markdown: one row of all figures."""
        accuracy = self.accuracies()
        shots = ("all", "many", "medium", "few")
        figures = [*(accuracy[s] for s in shots), self.calibration_error()]
        values = [summary.mean_std([figure]) for figure in figures]
        return summary.markdown(
            [
                ["images", *shots, "ECE", "log loss"],
                [str(self.images), *values, f"{self.log_loss / self.images:.3f}"],
            ]
        )

    def class_table(self, names):
        """Markdown: a row a class, from head to tail."""
        accuracy = self.accuracies()["per_class"]
        rows = [["class", "training images", "test images", "accuracy", "taken for"]]
        for c in self.head_to_tail():
            others = self.confusion[c].copy()
            others[c] = 0
            taken = int(np.argmax(others))
            share = f"{names[taken]} ({others[taken]})" if others[taken] else "-"
            figures = [self.class_counts[c], self.confusion[c].sum()]
            row = [names[c], *map(str, figures), summary.mean_std([accuracy[c]]), share]
            rows.append(row)
        return summary.markdown(rows)

    def head_to_tail(self):
        return np.argsort(-self.class_counts, kind="stable")

    def picture(self, path, names, title):
        """Left the confusions, from head to tail; right confidence and accuracy."""
        with plots.style():
            figure = Figure(figsize=(11, 5.2), layout="constrained")
            left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
            self._draw_confusion(left, figure, names)
            self._draw_calibration(right)
            figure.suptitle(title, size=10)
            plots.save(figure, path)

    def _draw_confusion(self, axes, figure, names):
        order = self.head_to_tail()
        rows = self.confusion[np.ix_(order, order)]
        shares = 100 * rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
        image = axes.imshow(shares, cmap="viridis", vmin=0, vmax=100)
        figure.colorbar(image, ax=axes, label="images of the class (%)", shrink=0.85)
        if len(order) <= 20:
            shown = [names[c][:12] for c in order]
            axes.set_xticks(range(len(order)), shown, rotation=60, ha="right")
            counts = self.class_counts[order]
            labels = [f"{n} ({c:,})" for n, c in zip(shown, counts, strict=True)]
            axes.set_yticks(range(len(order)), labels)
        for place in _boundaries(self.class_counts[order]):
            axes.axhline(place - 0.5, color="white", lw=0.8, ls=":")
            axes.axvline(place - 0.5, color="white", lw=0.8, ls=":")
        axes.set_xlabel("predicted class, from head to tail")
        axes.set_ylabel("true class (training images)")
        axes.set_title("Confusions")

    def _draw_calibration(self, axes):
        images, right, confidence = self.bins
        filled = images > 0
        centers = (np.arange(BINS) + 0.5) / BINS
        share = 100 * images / images.sum()
        axes.bar(centers, share, 1 / BINS, color="0.85", label="share of the images")
        axes.plot([0, 1], [0, 100], color="0.5", lw=1, ls="--", label="calibrated")
        axes.plot(
            confidence[filled] / images[filled],
            100 * right[filled] / images[filled],
            "o-",
            color=plots.SHOT_COLORS["many"],
            label="accuracy",
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 100)
        axes.set_xlabel("confidence: the largest probability")
        axes.set_ylabel("%")
        axes.set_title(f"Calibration: ECE {self.calibration_error():.1f} %")
        axes.legend(frameon=False, loc="upper left")


def _boundaries(counts):
    """Places at which many-shot classes end and few-shot classes begin."""
    groups = spa.metrics.shot_groups(counts)
    ends = np.cumsum([len(groups[shots]) for shots in ("many", "medium")])
    return [int(end) for end in ends if 0 < end < len(counts)]
