import importlib
from typing import TYPE_CHECKING, Any, Self

import keras

from keras_spa import _checks, _keras_private
from keras_spa.alignment import _kernel
from keras_spa.alignment._kernel import Alignments
from keras_spa.layers.class_means import ClassMeans
from keras_spa.layers.spa_dense import SpADense
from keras_spa.metrics.alignment_cosine import AlignmentCosine
from keras_spa.model_card import ModelCard
from keras_spa.models import _shapes
from keras_spa.models._aligned import Aligned
from keras_spa.models._fitting import Fitting
from keras_spa.models._saving import Saving
from keras_spa.models._showing import Showing
from keras_spa.models._surgery.check_classifier import check_activation
from keras_spa.models._surgery.split import split
from keras_spa.models._train_step.base import StepParts

BACKEND = keras.backend.backend()
if TYPE_CHECKING or BACKEND not in ("tensorflow", "jax", "torch"):
    TrainStep = StepParts  # such a backend only infers
else:
    step = importlib.import_module(f"keras_spa.models._train_step.{BACKEND}")
    TrainStep = step.TrainStep


@keras.saving.register_keras_serializable(package="keras_spa")
class SpAModel(Fitting, Aligned, TrainStep, Saving, Showing, keras.Model):
    """A classifier whose training aligns its weights with its class feature means.

    The model is `classifier(backbone(x))`. In `fit`, each step

    1. runs the model forward once, for features and logits;
    2. updates the running class means from the batch's features and labels;
    3. adds each alignment's `penalty` to the loss and takes gradients;
    4. passes the kernel's gradient through each alignment's `project_gradient`;
    5. lets the optimizer update the weights;
    6. passes kernel and bias through each `update_weights` and `update_biases`.

    The bar shows `alignment`, the mean cosine between weights and centred class means
    (`metrics.AlignmentCosine`), and so does `evaluate(return_dict=True)`; lists, as in
    `loss, accuracy = model.evaluate(...)`, hold what plain Keras puts there.
    Calling, predicting and exporting do nothing of this.

    Args:
        backbone: A Keras model or layer from inputs to features (B, d).
        classifier: A layer from (B, d) to logits (B, K) with a kernel (d, K), such as
            `keras.layers.Dense(K)`. A `layers.SpADense` brings its alignments, which
            come first, and its class means.
        alignment: An `Alignment`; `"spa_reg"`, `"spa_slerp"` or `"spa_proj"`, which
            stand for `SpAReg()` and so on, with their defaults, in the metric of the
            noise; a list of these (applied in order); or None: the class means and
            `alignment` are tracked all the same.
        momentum: m of the running class means, in [0, 1]. Defaults to 0.9.
        card: A `ModelCard`, which the model's files and exports will carry. Defaults
            to None. It can be set later, too: `model.card = card`.
        **kwargs: As in `keras.Model`: `name`, `dtype`.

    Labels are integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K), in training;
    also in a list, tuple or dict of one, as in plain Keras.
    Sample weights and class weights count in the loss, sample weights also in the
    class means. All works as in any Keras model; alignment arithmetic stays float32.

    Attributes:
        backbone, classifier: as given.
        alignments: list of `Alignment`.
        class_means: `layers.ClassMeans`, saved with the model.

    Raises:
        ValueError: arguments of another kind, a backbone that does not give (B, d), a
            classifier without a (d, K) kernel, labels that are missing or out of range.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, "relu")])
    >>> model = spa.SpAModel(backbone, keras.layers.Dense(3), spa.SpASLERP())
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    >>> x, y = np.random.rand(32, 8), np.arange(32) % 3
    >>> history = model.fit(x, y, verbose=0)
    >>> sorted(history.history)
    ['alignment', 'loss']

    To align something else than a Dense on one backbone, subclass and override
    `call` (where features and logits come from), `aligned_heads` (what is aligned) or
    `method_loss` (the loss without penalties). `models.GLMC` overrides all three.

    Reference: Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters".
    """

    def __init__(
        self,
        backbone: keras.Layer,
        classifier: keras.Layer,
        alignment: Alignments = None,
        momentum: float = 0.9,
        card: ModelCard | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # the backbone casts its inputs
        self.backbone = _shapes.check_layer("backbone", backbone)
        self.classifier = _shapes.check_layer("classifier", classifier)
        check_activation(classifier)
        if isinstance(classifier, SpADense):
            classifier.in_spa_model = True
        self.momentum = _checks.number("momentum", momentum, 0, 1)
        self.alignments = self._carried() + _kernel.as_list(alignment)
        self.class_means: Any = None  # made in `build`, when K is known
        self.card = card
        self.alignment_tracker = AlignmentCosine()
        if backbone.built and isinstance(backbone, keras.Model) and backbone.inputs:
            self.build(backbone.input_shape)
            _keras_private.unlock(self)  # for the parts of subclasses

    def build(self, input_shape: Any) -> None:
        if self.class_means is not None:  # once is enough
            return
        if not self.backbone.built:
            self.backbone.build(input_shape)
        features_shape = _shapes.features_shape(self.backbone, input_shape)
        if not self.classifier.built:
            _shapes.build_classifier(self.classifier, features_shape)
        classes = _shapes.class_count(self.classifier, features_shape[1])
        if isinstance(self.classifier, SpADense):
            self.class_means = self.classifier.class_means
        else:
            self.class_means = ClassMeans(classes, self.momentum, name="class_means")
            self.class_means.build(features_shape)
        _kernel.keep_covariance(self.class_means, self.alignments)
        self._check_card()
        self.built = True

    @classmethod
    def from_model(
        cls,
        model: keras.Model,
        alignment: Alignments = None,
        momentum: float = 0.9,
        head: keras.Layer | str | None = None,
        **kwargs: Any,
    ) -> Self:
        """Split a trained or new Keras model before its classifier, sharing weights.

        All layers stay the very layers of `model`: training one trains the other.
        Frozen layers stay frozen. A Dropout before the classifier belongs to the
        backbone, so the class means see its output.

        A `SpAModel` gives *logits*, also of a model that ends in a softmax (in its
        last Dense or after it): compile it with a loss `from_logits=True`.

        A subclassed model is run as a whole, once a step, and its features are what it
        calls its `head` with. The head's output must be the model's logits: what else
        than a softmax follows it cannot be seen, and is left out. Such a `SpAModel` is
        saved and loaded as the model itself is: `model` needs a `get_config` and to be
        registered.

        Args:
            model: A built `keras.Sequential`, Functional or subclassed model with one
                output. Its logits are those of a `keras.layers.Dense`, or of another
                layer with a (d, K) kernel.
            alignment, momentum, **kwargs: as in `SpAModel`; `dtype` and `card` default
                to the model's.
            head: The classifier, as a layer or by the name of an attribute or a layer.
                Defaults to None, the last layer; subclassed models need it.

        Raises:
            ValueError: the model cannot be split; the message says what to pass.

        Example:

        >>> import keras
        >>> import keras_spa as spa
        >>> old = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, "relu"),
        ...                         keras.layers.Dense(3)])
        >>> model = spa.SpAModel.from_model(old, alignment=spa.SpAProj())
        >>> model.classifier is old.layers[-1]
        True
        """
        backbone, classifier = split(model, head)
        kwargs.setdefault("dtype", model.dtype_policy)
        kwargs.setdefault("card", getattr(model, "card", None))
        spa_model = cls(backbone, classifier, alignment, momentum, **kwargs)
        shape = (model.get_build_config() or {}).get("input_shape")
        if not spa_model.built and shape is not None:
            spa_model.build(keras.tree.map_shape_structure(_shapes.any_batch, shape))
        return spa_model

    def call(
        self, inputs: Any, training: bool | None = None, return_features: bool = False
    ) -> Any:
        """Logits (B, K); with `return_features`, `(features, logits)`."""
        if training and not return_features:
            self._tell_that_nothing_aligns()
        features = self.backbone(inputs, training=training)
        logits = self.classifier(features)
        return (features, logits) if return_features else logits

    @property
    def _reads_without_gradient(self) -> bool:
        # A plain model without alignment, which equals Keras to the bit, never does.
        return bool(self.alignments) or type(self) is not SpAModel
