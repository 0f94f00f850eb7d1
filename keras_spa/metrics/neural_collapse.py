from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, Tensor
from keras_spa._warn import warn
from keras_spa.metrics import _collapse, _inputs, _noise
from keras_spa.metrics._collapse_notes import collapse_notes
from keras_spa.metrics._sample import ClassSample
from keras_spa.metrics.per_class import class_sums, within_class_covariance


class NeuralCollapse:
    """How far features and classifier have collapsed: NC1 to NC4, in one pass.

    Feed it batches of features, labels and logits; `result(weights, biases)` is a dict
    of floats. μ_c is the mean feature of class c, μ_G the *unweighted* mean of the
    class means, m_c = μ_c − μ_G, w_c the classifier's weight:

    - `nc1`: `tr(Σ_W Σ_B⁺)/K`, variability within over between classes;
      `Σ_W = Σ_i (h_i − μ_{y_i})(h_i − μ_{y_i})ᵀ/N` over all N images and
      `Σ_B = Σ_c m_c m_cᵀ/K`. Collapsed: 0.
    - `cdnv`: class-distance normalised variance, mean over pairs of classes of
      `(v_c + v_j)/(2‖μ_c − μ_j‖²)`, v_c the mean of `‖h − μ_c‖²` in class c.
      Collapsed: 0.
    - `nc2_means_norm`, `nc2_weights_norm`: equal lengths; coefficient of variation of
      `‖m_c‖` and of `‖w_c‖`. Collapsed: 0.
    - `nc2_means_angle`, `nc2_weights_angle`: equal, widest angles; mean over pairs of
      classes of `|cos + 1/(K−1)|`. Collapsed: 0.
    - `nc3_cosine`: self-duality; mean over classes of `cos(w_c, m_c)`. Collapsed: 1.
      With `class_counts` also `nc3_cosine_many`, `_medium` and `_few`.
    - `nc3_distance`: `‖W/‖W‖_F − M/‖M‖_F‖_F`, rows w_c and m_c. Collapsed: 0.
    - `nc4`: share of images that the classifier puts into the class with the nearest
      μ_c. Collapsed: 1.
    - `exponent_efficiency`: see `theory.exponent_efficiency`. Aligned: 1.
    - `noise_cosine`, `noise_exponent_efficiency`: the same two in the metric of the
      noise, `w_c·m_c/√((w_cᵀΣw_c)(m_cᵀΣ⁻¹m_c))` and T6 and T7 of docs/theory.md. Σ is
      the within-class covariance averaged over the classes, shrunk by α = 0.1 as in
      `align`: `(1−α)Σ + α·tr(Σ)/d·I`. Aligned: 1.

    Without weights, or without logits, what needs them is left out. Classes without
    images are left out of all sums, and K counts the others. What is undefined, such
    as a distance between equal means, is NaN, and `notes` and a warning say why.

    Sums are float64, on the host, and subtract no large numbers. Memory:
    `8·(d² + K·d)` bytes and the features, `4·N·d`, as the nearest mean and an image's
    share in Σ are known at the end. Beyond 1 GiB of features `nc4` and Σ are those of a
    random sample, as many images of each class; all else stays exact.

    Args:
        num_classes: K, at least 2.
        class_counts: n, training images of each class (K,), for many, medium and few
            shot as in `ShotAccuracy`. Optional.

    Attributes:
        counts: float64 array (K,), the images of each class so far.
        means: float64 array (K, d), μ; 0 for classes without images.

    Raises:
        ValueError: `num_classes` below 2, features that are not (B, d) or not finite
            (named with the batch), labels, logits or weights that do not fit; in
            `result`, fewer than two classes with images.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> etf = spa.theory.simplex_etf(3, 2)
    >>> labels = np.arange(6) % 3
    >>> features = etf[labels] + np.repeat([[0.1, 0], [-0.1, 0]], 3, axis=0)
    >>> metric = spa.metrics.NeuralCollapse(num_classes=3)
    >>> metric.update_state(features, labels, logits=features @ etf.T)
    >>> measures = metric.result(weights=2 * etf)
    >>> for name in ("nc1", "nc3_cosine", "nc4", "noise_cosine"):
    ...     print(name, round(measures[name], 3))
    nc1 0.007
    nc3_cosine 1.0
    nc4 1.0
    noise_cosine 0.659

    Reference: Papyan, Han and Donoho (2020), "Prevalence of neural collapse during the
    terminal phase of deep learning training", for NC1 to NC4, of which they count the
    disagreements; Galanti, György and Hutter (ICLR 2022), "On the role of neural
    collapse in transfer learning", for CDNV; the efficiency is that of Wang, Gao and
    Xie (AAAI 2026), "Space Alignment Matters", as a ratio (ours).
    """

    def __init__(
        self, num_classes: int, class_counts: Sequence[float] | None = None
    ) -> None:
        self.num_classes = _checks.integer("num_classes", num_classes, 2)
        self.class_counts = None
        if class_counts is not None:
            self.class_counts = _checks.class_counts(class_counts, num_classes)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all images."""
        self.counts = np.zeros(self.num_classes)
        self.means: Any = None  # made when d is known
        self._scatter: Any = None  # Σ_i (h_i − μ)(h_i − μ)ᵀ, (d, d)
        self._spread = np.zeros(self.num_classes)  # Σ_i ‖h_i − μ_c‖² by class
        self._sample = ClassSample(self.num_classes)
        self._decided = False  # whether the sample holds decisions
        self._covariance: Any = None  # made when it is asked for
        self._batch = -1

    def update_state(
        self, features: Tensor, labels: Tensor, logits: Tensor | None = None
    ) -> None:
        """Take in a batch.

        Args:
            features: (B, d), any float dtype, arrays or tensors.
            labels: integers (B,) or (B, 1) in 0..K−1.
            logits: (B, K), what the classifier makes of the features. Optional, but of
                all batches or of none.
        """
        self._batch += 1
        features = _inputs.features(features, self.means, self._batch)
        labels = _inputs.labels(labels, len(features), self.num_classes)
        if self.means is None:
            self.means = np.zeros((self.num_classes, features.shape[1]))
            self._scatter = np.zeros((features.shape[1], features.shape[1]))
        if not len(labels):
            return
        if self.counts.any():
            _inputs.check_logits_as_before(logits, self._decided, self._batch)
        self._covariance = None
        self._decided = logits is not None
        decisions = np.full(len(labels), -1)
        if logits is not None:
            decisions = _inputs.decisions(logits, labels, self.num_classes)
        self._sample.add(features, decisions, labels)
        classes, n, sums = class_sums(features, labels)
        means = sums / n[:, None]
        inside = features - means[np.searchsorted(classes, labels)]
        self._spread += np.bincount(
            labels, np.sum(inside**2, axis=1), minlength=self.num_classes
        )
        # Groups of n and N images, their means apart by δ, scatter about the common one
        # by nN/(n + N)·δδᵀ more than about their own.
        before, apart = self.counts[classes], means - self.means[classes]
        between = np.sqrt(n * before / (n + before))[:, None] * apart
        rows = np.concatenate([inside, between])
        self._scatter += rows.T @ rows
        self._spread[classes] += np.sum(between**2, axis=1)
        self.means[classes] += (n / (n + before))[:, None] * apart
        self.counts[classes] += n

    def result(
        self, weights: Tensor | None = None, biases: Tensor | None = None
    ) -> dict[str, float]:
        """The metrics of all images so far, by name.

        Args:
            weights: (K, d), row c the classifier's weight of class c: the transpose of
                a Keras kernel. Optional.
            biases: (K,), its biases, for the efficiencies. Defaults to 0.
        """
        return self.measure(weights, biases)[0]

    def measure(
        self, weights: Tensor | None = None, biases: Tensor | None = None
    ) -> tuple[dict[str, float], dict[str, Array]]:
        """What `result` and `per_class` return; {} for the latter without weights."""
        met, means, centred = self._class_means()
        variances = self._spread[met] / self.counts[met]
        within = self._scatter / self.counts.sum()
        measures = {
            "nc1": _collapse.within_over_between(within, means, centred),
            "cdnv": _collapse.distance_normalised_variance(means, variances),
            "nc2_means_norm": _collapse.variation(centred),
            "nc2_means_angle": _collapse.deviation_from_simplex(centred),
        }
        classes: dict[str, Array] = {}
        if weights is not None:
            weights = _inputs.weights(weights, self.means.shape)
            classes = self.per_class(weights, biases)
            measures |= _collapse.of_weights(weights[met], centred)
            measures |= _collapse.of_classes(classes, self.counts, self.class_counts)
        if self._decided:
            shares = self.counts / np.maximum(self._sample.counts(), 1)
            agreeing = _collapse.agreement(self._sample.parts(), shares, met, means)
            measures["nc4"] = agreeing / float(self.counts.sum())
        if names := [name for name, value in measures.items() if np.isnan(value)]:
            reasons = " ".join(self.notes(weights))
            warn(f"Undefined: {', '.join(names)}. {reasons}")
        return measures, classes

    def per_class(
        self, weights: Tensor, biases: Tensor | None = None
    ) -> dict[str, Array]:
        """What `result` sums up over the classes, by name.

        Args:
            weights, biases: as in `result`.

        Returns:
            float64 arrays (K,), NaN for classes without images and where undefined:
            `cosine`; `exponent`, E_c of `theory.error_exponent` as a share of
            `theory.optimal_error_exponent`; `noise_cosine` and `noise_exponent`, the
            same in the metric of the noise; `distance`, that of
            `theory.boundary_distances` in this metric.
        """
        met, means, _ = self._class_means()
        weights = _inputs.weights(weights, self.means.shape)[met]
        if biases is not None:
            biases = _inputs.biases(biases, self.num_classes)[met]
        names = "cosine", "exponent", "noise_cosine", "noise_exponent", "distance"
        values = {name: np.full(self.num_classes, np.nan) for name in names}
        cosines, exponents, _ = _collapse.alignment(weights, means, biases)
        found = [cosines, exponents]
        if (metric := self._metric()) is not None:
            found += _collapse.alignment(weights, means, biases, metric)
        for name, of_met in zip(names, found, strict=False):
            values[name][met] = of_met
        return values

    def notes(
        self, weights: Tensor | None = None, class_names: Sequence[str] | None = None
    ) -> list[str]:
        """Sentences about what is missing or cannot be; [] if all is well."""
        met, means, _ = self._class_means()
        if weights is not None:
            weights = _inputs.weights(weights, self.means.shape)[met]
        kept = self._sample.counts()
        return collapse_notes(
            self.counts, means, weights, self._metric(), kept, class_names
        )

    def _metric(self) -> Array | None:
        """Σ, shrunk, (d, d); None if the features do not scatter."""
        if self._covariance is None:
            sample, counts = self._sample.parts(), self._sample.counts()
            covariance = within_class_covariance(sample, self.means, counts)
            self._covariance = _noise.unbiased(covariance, counts)
        return _noise.shrunk(self._covariance, self._class_means()[1])

    def _class_means(self) -> tuple[Array, Array, Array]:
        """Classes with images, their means, and these without their common mean."""
        met = np.flatnonzero(self.counts)
        if len(met) < 2:
            raise ValueError(
                "Neural collapse needs images of at least 2 classes. Received: images "
                f"of {len(met)} ({_inputs.listed(met) or 'none'})"
            )
        means = self.means[met]
        return met, means, means - means.mean(axis=0)
