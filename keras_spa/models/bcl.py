from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import keras
from keras import layers, ops

from keras_spa import _checks, distribute
from keras_spa._types import Tensor
from keras_spa.alignment._kernel import Alignments
from keras_spa.losses.balanced_contrastive import balanced_contrastive
from keras_spa.model_card import ModelCard
from keras_spa.models import _multi_view, _shapes
from keras_spa.models._config import deserialize_parts
from keras_spa.models.spa_model import SpAModel

NUM_VIEWS = 3  # one for the classifier, two to contrast


class Outputs(NamedTuple):
    """What the model gives its loss in training."""

    logits: Tensor  # (B, K), of the first view
    embeddings: Tensor  # (B, 2, e), of the other two
    prototypes: Tensor  # (K, e)


@keras.saving.register_keras_serializable(package="keras_spa")
class BCL(SpAModel):
    """Balanced contrastive learning: a classifier whose features are contrasted too.

    Each image comes in three views. The first is classified; the features h of the
    other two pass through an MLP g to embeddings, and the classifier's weights w_c
    through another, p, to a prototype for each class. The loss is

    `α·ℓ(y, z) + β·mean(balanced_contrastive(g(h), y, p(w), T)) + penalties`,

    with ℓ the loss that the model is compiled with, `losses.BalancedSoftmax` in the
    paper, and α its `loss_weights`. `losses.balanced_contrastive` has the formula.

    The rest is a `SpAModel`: the classifier is aligned, with the class means of the
    first view. The three views are one batch to the backbone and its batch
    normalisation. Predicting, evaluating and exporting see one image, and neither MLP.

    Args:
        backbone: As in `SpAModel`, of one input.
        classifier: As in `SpAModel`; `layers.CosineDense(K)` in the paper.
        alignment, momentum, card: As in `SpAModel`.
        augment: What makes three views of the images on the device in training, such as
            `data.Views`. Defaults to None: three views come with the data, as a tuple.
        contrast_weight: β, at least 0. Defaults to 0.35.
        temperature: T, positive. Defaults to 0.1.
        hidden_units, embedding_units: widths of the MLPs, d → hidden → e, with batch
            normalisation and ReLU between. Default to 512 and 128.
        **kwargs: As in `keras.Model`: `name`, `dtype`.

    Labels are integers (B,) or (B, 1) in 0..K−1, in training.

    Attributes:
        projector, prototype_projector: g and p, saved with the model.

    Raises:
        ValueError: as `SpAModel`; arguments out of range; images that do not come in
            three views in training; soft labels.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, "relu")])
    >>> head = spa.layers.CosineDense(3)
    >>> model = spa.models.BCL(backbone, head, spa.SpASLERP())
    >>> model.compile("sgd", spa.losses.BalancedSoftmax([20, 8, 4]))
    >>> x, y = np.random.rand(32, 8), np.arange(32) % 3
    >>> views = tuple(x + 0.1 * np.random.rand(3, 32, 8))
    >>> history = model.fit(views, y, verbose=0)
    >>> model.predict(x, verbose=0).shape
    (32, 3)

    Reference: Zhu et al. (CVPR 2022), "Balanced Contrastive Learning for Long-Tailed
    Visual Recognition". As in the authors' code for ImageNet-LT (there T = 0.07, and
    2048 → 2048 → 1024): β, batch normalisation over all three views, also in g. The
    authors never released that for CIFAR; T and widths are what a port by others has.
    Alignment of the classifier is ours.
    """

    def __init__(
        self,
        backbone: keras.Layer,
        classifier: keras.Layer,
        alignment: Alignments = None,
        momentum: float = 0.9,
        card: ModelCard | None = None,
        *,
        augment: keras.Layer | None = None,
        contrast_weight: float = 0.35,
        temperature: float = 0.1,
        hidden_units: int = 512,
        embedding_units: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, classifier, alignment, momentum, card, **kwargs)
        self.augment = _shapes.check_layer_if_any("augment", augment)
        self.contrast_weight = _checks.number("contrast_weight", contrast_weight, 0)
        self.temperature = _checks.positive("temperature", temperature)
        self.hidden_units = _checks.integer("hidden_units", hidden_units, 1)
        self.embedding_units = _checks.integer("embedding_units", embedding_units, 1)
        self.projector = self._mlp("projector")
        self.prototype_projector = self._mlp("prototype_projector")
        if self.built:
            self._build_projectors()

    def _mlp(self, name: str) -> keras.Model:
        policy = self.dtype_policy
        return keras.Sequential(
            [
                layers.Dense(self.hidden_units, dtype=policy),
                layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=policy),
                layers.ReLU(dtype=policy),
                layers.Dense(self.embedding_units, dtype=policy),
            ],
            name=name,
        )

    def build(self, input_shape: Any) -> None:
        super().build(_multi_view.image_shape(input_shape))
        if hasattr(self, "projector"):  # else `__init__` builds them
            self._build_projectors()

    def _build_projectors(self) -> None:
        for projector in (self.projector, self.prototype_projector):
            if not projector.built:
                projector.build((None, self.aligned_kernel.shape[0]))

    def call(
        self, inputs: Any, training: bool | None = None, return_features: bool = False
    ) -> Any:
        """Logits (B, K); for a training step, features of the first view and `Outputs`.

        A training step asks with `training` and `return_features`.
        """
        if not (training and return_features):
            return super().call(
                _multi_view.plain_images(inputs), training, return_features
            )
        views = _multi_view.views_of(inputs, self.augment, NUM_VIEWS)
        features = self.backbone(ops.concatenate(views, axis=0), training=True)
        embeddings = self.projector(features, training=True)
        _, *contrasted = ops.split(embeddings, NUM_VIEWS)
        weights = ops.transpose(self.aligned_kernel)
        prototypes = self.prototype_projector(weights, training=True)
        features, *_ = ops.split(features, NUM_VIEWS)
        logits = self.classifier(features)
        return features, Outputs(logits, ops.stack(contrasted, axis=1), prototypes)

    def method_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool
    ) -> Tensor:
        """The compiled loss of the logits; in a training step the contrast joins."""
        rest = sample_weight, training
        if not isinstance(y_pred, Outputs):
            return super().method_loss(x, y, y_pred, *rest)
        loss = super().method_loss(x, y, y_pred.logits, *rest)
        losses = balanced_contrastive(
            distribute.global_batch(y_pred.embeddings),
            distribute.global_batch(y),
            y_pred.prototypes,
            self.temperature,
        )
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, losses.dtype), (-1,))
            losses = distribute.global_batch(weights) * losses
        contrast = self.contrast_weight * ops.mean(losses)
        return ops.add(loss, contrast / distribute.num_replicas())

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """As in `SpAModel`; in training of the first view."""
        y_pred = y_pred.logits if isinstance(y_pred, Outputs) else y_pred
        return super().compute_metrics(x, y, y_pred, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "augment": self.augment
            and keras.saving.serialize_keras_object(self.augment),
            "contrast_weight": self.contrast_weight,
            "temperature": self.temperature,
            "hidden_units": self.hidden_units,
            "embedding_units": self.embedding_units,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        config = deserialize_parts(config, ("augment",), custom_objects)
        return super().from_config(config, custom_objects)
