import functools
from collections.abc import Mapping
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_spa import _checks, distribute
from keras_spa._types import ClassCounts, Tensor
from keras_spa.alignment._kernel import Alignments
from keras_spa.model_card import ModelCard
from keras_spa.models import _glmc_loss, _multi_view, _shapes
from keras_spa.models._aligned import Head, HeadLayer
from keras_spa.models._config import deserialize_parts
from keras_spa.models._epoch import KnowsEpoch
from keras_spa.models._mixture import Mixture
from keras_spa.models._surgery.check_classifier import check_activation
from keras_spa.models.spa_model import SpAModel


@keras.saving.register_keras_serializable(package="keras_spa")
class GLMC(KnowsEpoch, SpAModel):  # type: ignore[misc]
    """Global and local mixture consistency: two mixes, two heads, alignment plugged in.

    Each image has two views v, v' and a partner's u, u', from a rarer sampler. With one
    λ ~ Beta(1, 1) a batch, x₁ = λv + (1−λ)u is their MixUp, x₂ the CutMix of v' and u'
    (a box of 1 − λ of the area), and ỹ = λ·onehot(y) + (1−λ)·onehot(y_u) the label of
    both. With logits of the heads `fc` and `fc_cb`, z projected features and p
    predictions of them, the loss is the mean over the batch of

        Σᵢ [a·CE(fc(xᵢ), ỹ) + (1−a)·CE(fc_cb(xᵢ), w⊙ỹ)] − c·[cos(p₁, ẑ₂) + cos(p₂, ẑ₁)]

    where a = 1 − (epoch/epochs)² moves from one head to the other, w_k ∝ n_k^(−q) has
    mean 1, CE(s, ỹ) = −Σₖ ỹₖ log softmax(s)ₖ, and ẑ passes no gradient. Inference is
    `fc_cb(backbone(x))`.

    Class means are those of the clean first view, which takes one more forward pass
    without gradient: SpA-Reg moves the weights here, never the features. Accuracy in
    training is that of the clean first view, too.

    Args:
        backbone, momentum, card, **kwargs: as in `SpAModel`.
        classifier: `fc_cb`, a layer from (B, d) to logits (B, K) with a kernel (d, K).
        alignment: as in `SpAModel`.
        class_counts: n, training images of each class: K numbers.
        epochs: Epochs of the whole training, for a.
        fc: The other head. Defaults to a new `keras.layers.Dense(K)`.
        augment: What makes two views of the images on the device, such as
            `data.Views`. Defaults to None: two views come with the data.
        label_weighting: q, at least 0. Defaults to 1.2.
        contrast_weight: c, at least 0. Defaults to 4.
        aligned: The head that alignment acts on: `"fc"` (default, as the authors of SpA
            have it), `"fc_cb"` or `"both"`. The bar shows the cosine of `fc` unless it
            is `"fc_cb"` alone.
        means: How the clean pass runs: `"inference"` (default) leaves the statistics of
            batch normalisation alone, `"training"` updates them (the authors').
        units: Outputs of projector and predictor, d'. Defaults to 128.
        seed: Of λ and the boxes, in 0..2^31−1. Defaults to None: drawn.

    Training data are batches `(x, y)`, x a dict of `"images"`, `"partner"` and
    `"partner_labels"`, as `data.Batches` and `data.pipeline` give them with a
    `partner`; images and partners are (B, H, W, C), or two views of that. Everything
    else takes plain images. `fit` tells the model the epoch, and a loop of your own
    has to: `model.epoch.assign(e)`. `compile` needs no `loss`; evaluation shows
    cross-entropy, or the one given.

    Attributes:
        fc, classifier, projector, predictor: layers.
        epoch: the variable, saved with the model.

    Raises:
        ValueError: arguments out of range, training without partners, images that are
            not two views.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> images = np.random.randint(0, 255, (64, 8, 8, 3), "uint8")
    >>> labels = np.repeat([0, 1, 2], [48, 12, 4])
    >>> x = keras.Input((8, 8, 3), dtype="uint8")
    >>> features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(x))
    >>> model = spa.models.GLMC(
    ...     keras.Model(x, features), keras.layers.Dense(3), spa.SpAProj.paper(),
    ...     class_counts=[48, 12, 4], epochs=2,
    ...     augment=spa.data.Views([spa.data.RandomCropFlip(1)] * 2))
    >>> model.compile("sgd", metrics=["accuracy"])
    >>> train = spa.data.Batches((images, labels), 32, partner="class_balanced")
    >>> history = model.fit(train, epochs=2, shuffle=False, verbose=0)
    >>> sorted(history.history)
    ['accuracy', 'alignment', 'loss']

    Reference: Du et al. (CVPR 2023), "Global and Local Mixture Consistency Cumulative
    Learning for Long-tailed Visual Recognitions"; λ, the labels of CutMix and the
    linear projector and predictor as in its authors' code; MixUp: Zhang et al. (ICLR
    2018); CutMix: Yun et al. (ICCV 2019); SimSiam: Chen and He (CVPR 2021).
    """

    loss_reduction = "sum_over_batch_size"  # whatever that of evaluation

    def __init__(
        self,
        backbone: keras.Layer,
        classifier: keras.Layer,
        alignment: Alignments = None,
        momentum: float = 0.9,
        card: ModelCard | None = None,
        *,
        class_counts: ClassCounts,
        epochs: int,
        fc: keras.Layer | None = None,
        augment: keras.Layer | None = None,
        label_weighting: float = 1.2,
        contrast_weight: float = 4.0,
        aligned: str = "fc",
        means: str = "inference",
        units: int = 128,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, classifier, alignment, momentum, card, **kwargs)
        self.class_counts = _checks.class_counts(class_counts)
        self.epochs = _checks.integer("epochs", epochs, 1)
        self.label_weighting = _checks.number("label_weighting", label_weighting, 0)
        self.contrast_weight = _checks.number("contrast_weight", contrast_weight, 0)
        self.aligned = _checks.choice("aligned", aligned, ("fc", "fc_cb", "both"))
        self.means = _checks.choice("means", means, ("inference", "training"))
        self.units = _checks.integer("units", units, 1)
        self.seed = None if seed is None else _checks.integer("seed", seed, 0)
        weights = np.array(self.class_counts) ** -self.label_weighting
        self.class_weights = weights / weights.mean()
        self.augment = _shapes.check_layer_if_any("augment", augment)
        dense = functools.partial(keras.layers.Dense, dtype=self.dtype_policy)
        default = dense(len(self.class_counts), name="fc")
        self.fc = _shapes.check_layer("fc", default if fc is None else fc)
        check_activation(self.fc, "fc")
        self.projector = dense(self.units, name="projector")
        self.predictor = dense(self.units, name="predictor")
        self.mixture = Mixture(self.seed, name="mixture")
        zero = (), "zeros", "float32"
        self.epoch = self.add_weight(*zero, trainable=False, name="epoch")
        if self.built:
            self._build_heads()

    def build(self, input_shape: Any) -> None:
        super().build(_multi_view.image_shape(input_shape))
        if hasattr(self, "fc"):  # else `__init__` builds them
            self._build_heads()

    def _build_heads(self) -> None:
        classes, dimension = self.class_means.means.shape
        _checks.class_counts(self.class_counts, classes)
        self.fc.built or self.fc.build((None, dimension))
        self.projector.build((None, dimension))
        self.predictor.build((None, self.units))
        _shapes.class_count(self.fc, dimension, "fc", classes)

    @property
    def aligned_heads(self) -> list[Head]:
        """Kernels and biases of `fc`, of `fc_cb` or of both."""
        heads = self._head_layers
        return [(head.kernel, head.bias) for head in heads if head.aligned]

    @property
    def _head_layers(self) -> list[HeadLayer]:
        fc = HeadLayer("fc", self.fc, self.aligned != "fc_cb")
        return [fc, HeadLayer("classifier", self.classifier, self.aligned != "fc")]

    def call(
        self, inputs: Any, training: bool | None = None, return_features: bool = False
    ) -> Any:
        """Logits (B, K) of `fc_cb`; with both options, clean features and `Outputs`."""
        if not (training and return_features):
            return super().call(
                _multi_view.plain_images(inputs), training, return_features
            )
        _multi_view.partners_given(inputs)
        views, partners = (
            _multi_view.views_of(inputs[name], self.augment, 2)
            for name in ("images", "partner")
        )
        whole = _multi_view.takes_integers(self.backbone)
        *mixes, share = self.mixture(views, partners, whole=whole)
        of_mixes = [self.backbone(mixed, training=True) for mixed in mixes]
        of_clean = self.backbone(views[0], training=self.means == "training")
        clean = ops.stop_gradient(of_clean)
        projected = tuple(map(self.projector, of_mixes))
        return clean, _glmc_loss.Outputs(
            self.classifier(clean),
            tuple(map(self.fc, of_mixes)),
            tuple(map(self.classifier, of_mixes)),
            projected,
            tuple(map(self.predictor, projected)),
            share,
        )

    def method_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool
    ) -> Tensor:
        """The loss of both mixes; in evaluation the compiled one, or cross-entropy."""
        classes = len(self.class_counts)
        if isinstance(y_pred, _glmc_loss.Outputs):
            partners, share = x["partner_labels"], y_pred.share
            soft = _glmc_loss.mixed_labels(y, partners, share, classes)
            each = _glmc_loss.loss_per_sample(
                y_pred, soft, self.class_weights, self.balance, self.contrast_weight
            )
        elif self.loss is not None:
            return super().method_loss(x, y, y_pred, sample_weight, training)
        else:
            each = _glmc_loss.cross_entropy(y_pred, _glmc_loss.soft_labels(y, classes))
        if sample_weight is not None:
            each = each * ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        size = ops.maximum(ops.shape(each)[0], 1)  # a replica may go without
        mean = ops.sum(each) / ops.cast(size, each.dtype)
        loss = sum(map(ops.sum, self.losses), mean)
        return loss / distribute.num_replicas()

    @property
    def balance(self) -> Tensor:
        """a, the share of `fc` in the loss of the present epoch: 1 − (epoch/epochs)²"""
        return 1 - ops.minimum(self.epoch / self.epochs, 1.0) ** 2

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, *rest: Any, **kw: Any
    ) -> Any:
        """As in `SpAModel`; in training of the clean first view."""
        y_pred = getattr(y_pred, "logits", y_pred)
        return super().compute_metrics(x, y, y_pred, *rest, **kw)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "class_counts": self.class_counts,
            "epochs": self.epochs,
            "fc": serialize(self.fc),
            "augment": self.augment and serialize(self.augment),
            "label_weighting": self.label_weighting,
            "contrast_weight": self.contrast_weight,
            "aligned": self.aligned,
            "means": self.means,
            "units": self.units,
            "seed": self.seed,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        config = deserialize_parts(config, ("fc", "augment"), custom_objects)
        return super().from_config(config, custom_objects)
