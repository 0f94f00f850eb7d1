import json
import os
from collections.abc import Mapping
from typing import Any, Self

import keras

from keras_spa.alignment.base import Alignment
from keras_spa.layers.spa_dense import SpADense
from keras_spa.model_card import ModelCard
from keras_spa.models import _export
from keras_spa.models._config import deserialize_parts
from keras_spa.models._surgery.logits import logits_layer
from keras_spa.models._surgery.up_to_head import UpToHead


class Saving:
    """How a `SpAModel` gets into files: its configuration, its card, and exports."""

    name: str
    trainable: bool
    dtype_policy: Any
    backbone: keras.Layer
    classifier: keras.Layer
    alignments: list[Alignment]
    class_means: Any
    momentum: float

    @property
    def card(self) -> ModelCard | None:
        """What a user of the model must know, kept in its files; None: nothing."""
        return self._card

    @card.setter
    def card(self, card: ModelCard | None) -> None:
        if not isinstance(card, ModelCard | None):
            raise ValueError(
                "Argument `card` must be a keras_spa.ModelCard or None. "
                f"Received: card={card!r}"
            )
        self._card = card
        self._check_card()

    def _check_card(self) -> None:
        """Raises if the card names other than the K classes of a built model."""
        classes = self.class_means and self.class_means.num_classes
        if self._card is not None and classes not in (None, self._card.num_classes):
            raise ValueError(
                f"Argument `card` must name the {classes} classes of the model. "
                f"Received: a card of {self._card.num_classes} classes"
            )

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: list[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write backbone and classifier as an artifact that serves without keras_spa.

        Inputs are those of the backbone, so what it does to raw images (a
        `keras.layers.Rescaling`, say) is inside. Outputs are named `"logits"` z and
        `"probabilities"` softmax(z), both (B, K) and float32 under any dtype policy.
        The size of a batch is free (with `"torch"` Keras fixes it at 1). The `card`
        goes along: `ModelCard.read` finds it.

        A SavedModel has the endpoint `serve`, also called `serving_default`, for the
        dtype of the backbone's input. Where that takes images (H, W, C) of uint8 or
        float32, there is one for the other dtype as well, `serve_float32` or
        `serve_uint8`, which takes the same numbers: 0 to 255 in both if the backbone
        is made for uint8, and rounded to it.

        Args:
            filepath: Folder of the SavedModel, or the file; LiteRT's ends in .tflite.
                It appears whole or not at all; an earlier export there is replaced.
            format: `"tf_saved_model"` (default; TensorFlow and JAX), `"onnx"` (needs
                tf2onnx, jax2onnx or onnxscript, by backend), `"litert"` or `"tflite"`
                (the same; TensorFlow), or another that Keras knows. ONNX and LiteRT
                compute in float32 even if the model does in half precision.
            verbose: Whether to print where it was saved, and for what inputs. Defaults
                to True.
            input_signature: List of one `keras.InputSpec`, or one structure of them,
                for inputs other than the backbone's.
            **kwargs: As in `keras.Model.export`.

        Raises:
            ValueError: an unknown format, a model not built, a folder that holds
                something else, or SavedModel on PyTorch, where Keras cannot leave the
                size of a batch free.

        Example:

        >>> import pathlib, tempfile
        >>> import keras
        >>> import numpy as np
        >>> import keras_spa as spa
        >>> backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
        >>> model = spa.SpAModel(backbone, keras.layers.Dense(3))
        >>> if keras.backend.backend() == "tensorflow":
        ...     import tensorflow as tf
        ...     with tempfile.TemporaryDirectory() as folder:
        ...         model.export(pathlib.Path(folder) / "exported", verbose=False)
        ...         loaded = tf.saved_model.load(pathlib.Path(folder) / "exported")
        ...     outputs = loaded.serve(tf.ones((5, 8)))

        Reference: ours.
        """
        _export.export(self, filepath, format, verbose, input_signature, **kwargs)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        own = self.alignments[len(self._carried()) :]
        card = {"card": json.loads(self.card.to_json())} if self.card else {}
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize(self.dtype_policy),
            "backbone": serialize(self.backbone),
            "classifier": None
            if self._head_in_backbone()
            else serialize(self.classifier),
            "alignment": [serialize(alignment) for alignment in own],
            "momentum": self.momentum,
            **card,
        }

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
    ) -> Self:
        parts = ("backbone", "classifier", "dtype")
        config = deserialize_parts(config, parts, custom_objects)
        trainable = config.pop("trainable", True)
        card = config.pop("card", None)
        if config["classifier"] is None:
            config["classifier"] = logits_layer(config["backbone"].head)
        config["alignment"] = [
            keras.saving.deserialize_keras_object(part, custom_objects)
            for part in config["alignment"]
        ]
        model = cls(**config)
        model.trainable = trainable
        if card is not None:
            model.card = ModelCard.from_json(json.dumps(card))
        return model

    def _carried(self) -> list[Alignment]:
        """The alignments that the classifier brings along."""
        carries = isinstance(self.classifier, SpADense)
        return list(self.classifier.alignments) if carries else []

    def _head_in_backbone(self) -> bool:
        head = getattr(self.classifier, "head", self.classifier)
        return isinstance(self.backbone, UpToHead) and self.backbone.head is head
