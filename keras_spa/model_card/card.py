import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from keras_spa import _checks, markdown
from keras_spa._types import ClassCounts, Path
from keras_spa.model_card import _fields, _files

MOST_ROWS, NAMED = 20, 3


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What one must know to use a trained model; its files carry it.

    `SpAModel(..., card=card)`, or `model.card = card`, and `.keras` files and exports
    hold it: a SavedModel as `assets.extra/model_card.json`, ONNX as the metadata
    `model_card`, LiteRT as a file `model_card.json` zipped to its end (where `unzip`
    finds it). For files of other models there is `attach`. In a notebook a card shows
    as Markdown.

    Args:
        class_names: K strings, in the order of the model's outputs: a list, or an
            array such as scikit-learn's `classes_`. Some may be the same, as two of
            ImageNet's 1,000 are called crane; such names match no other order.
        class_counts: Training images of each class (K,), whole numbers. Defaults to
            None: unknown.
        data: What the model was trained on, in a few words. Defaults to `""`.
        preprocessing: What an input must be, as JSON values by name, such as
            `{"input_shape": [32, 32, 3], "pixels": "0..255"}`. Defaults to `{}`.
        method: How it was trained, in a few words. Defaults to `""`.
        accuracy: Shares in [0, 1] by name, such as `"all"`, `"many"`, `"medium"`,
            `"few"`; what is None or NaN is left out. Defaults to `{}`.
        limits: What it is not good for, in a few sentences. Defaults to `""`.

    Raises:
        ValueError: fewer than two names, a count that is missing or no positive whole
            number, a share beyond [0, 1], something that JSON cannot hold.

    Example:

    >>> import keras_spa as spa
    >>> card = spa.ModelCard(["cat", "emu"], [90, 10], accuracy={"all": 0.8})
    >>> print(card.to_markdown())
    # Model card
    <BLANKLINE>
    2 classes, 100 training images, imbalance factor 9.
    <BLANKLINE>
    | class | training images |
    |-------|-----------------|
    | cat   | 90              |
    | emu   | 10              |
    <BLANKLINE>
    **Accuracy:** all 80.0 %.
    >>> spa.ModelCard.from_json(card.to_json()) == card
    True

    Reference: Mitchell et al. (FAT* 2019), "Model Cards for Model Reporting"; the
    fields are ours.
    """

    class_names: Sequence[str]
    class_counts: ClassCounts = None
    data: str = ""
    preprocessing: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    method: str = ""
    accuracy: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    limits: str = ""

    def __post_init__(self) -> None:
        names = _fields.class_names(self.class_names)
        for name in ("data", "method", "limits"):
            if not isinstance(text := getattr(self, name), str):
                raise ValueError(
                    f"Argument `{name}` must be a string. Received: {name}={text!r}"
                )
        self._set("class_names", names)
        if self.class_counts is not None:
            self._set(
                "class_counts", _fields.whole_counts(self.class_counts, len(names))
            )
        self._set(
            "preprocessing", _fields.json_object("preprocessing", self.preprocessing)
        )
        shares = {
            str(name): _checks.number(f"accuracy[{name!r}]", share, 0, 1)
            for name, share in _fields.mapping("accuracy", self.accuracy).items()
            if share is not None and share == share  # is no NaN
        }
        self._set("accuracy", shares)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # of a frozen object, in the making

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)

    def to_json(self) -> str:
        """All of it as the text of a JSON object."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The card of a JSON object with `class_names`; other keys are left aside.

        Raises:
            ValueError: it is none.
        """
        try:
            values = json.loads(text)
        except ValueError as error:  # of no JSON, and of no UTF-8
            raise ValueError(f"A model card must be JSON: {error}") from error
        if not isinstance(values, dict) or "class_names" not in values:
            raise ValueError("A model card must be a JSON object with `class_names`")
        fields = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in fields})

    def to_markdown(self) -> str:
        """A page: classes (all of up to 20), and what else is known."""
        return "\n\n".join(["# Model card", *self._paragraphs()]).rstrip() + "\n"

    _repr_markdown_ = to_markdown

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The card in or beside a model's file or folder; the model is not loaded.

        A `.keras`, `.onnx` (needs onnx) or `.tflite` file or the folder of a SavedModel
        is looked into, then the file beside it that has `.json` after its name.

        Returns:
            The card, or None if there is none.

        Raises:
            FileNotFoundError: there is nothing at `path`.
            ValueError: a damaged file or card.
        """
        text = _files.read(pathlib.Path(path))
        try:
            return None if text is None else cls.from_json(text)
        except ValueError as error:
            raise ValueError(f"The model card of {str(path)!r}: {error}") from error

    def attach(self, path: Path) -> pathlib.Path:
        """Put the card into a model's file or folder, or beside it.

        Of any Keras model, not only of a `SpAModel`: `.keras`, `.onnx` (needs onnx),
        `.tflite` and SavedModels carry it, all others get a file beside them that has
        `.json` after their name. Files are written whole or not at all. What Keras
        saves anew loses it. The `.keras` file of a `SpAModel` is refused, for the model
        has a card of its own: set `model.card` and save it.

        Returns:
            The file that holds the card.

        Raises:
            FileNotFoundError: there is nothing at `path`.
            ValueError: a damaged file, or the `.keras` file of a `SpAModel`.
        """
        return _files.write(pathlib.Path(path), self.to_json())

    def _paragraphs(self) -> list[str]:
        parts = [self._summary()]
        if self.num_classes <= MOST_ROWS:
            parts.append(self._table())
        else:
            parts.append(f"**Classes:** {self._first_and_last()}.")
        if self.preprocessing:
            said = ", ".join(f"{k} {v}" for k, v in self.preprocessing.items())
            parts.append(f"**Inputs:** {said}.")
        if self.method:
            parts.append(f"**Method:** {self.method}")
        if self.accuracy:
            shares = (f"{k} {100 * v:.1f} %" for k, v in self.accuracy.items())
            parts.append(f"**Accuracy:** {', '.join(shares)}.")
        if self.limits:
            parts.append(f"**Limits:** {self.limits}")
        return parts

    def _summary(self) -> str:
        text = f"{self.data}: " if self.data else ""
        text += f"{self.num_classes:,} classes"
        if self.class_counts is not None:
            most, least = max(self.class_counts), min(self.class_counts)
            text += (
                f", {sum(self.class_counts):,} training images, imbalance factor "
                f"{most / least:.4g}"
            )
        return text + "."

    def _order(self) -> list[int]:
        """Classes from head to tail, or as the outputs are."""
        if self.class_counts is None:
            return list(range(self.num_classes))
        return np.argsort(-np.asarray(self.class_counts), kind="stable").tolist()

    def _table(self) -> str:
        if self.class_counts is None:
            return markdown.table([["class"], *([name] for name in self.class_names)])
        rows = [["class", "training images"]]
        for c in self._order():
            rows.append([self.class_names[c], f"{self.class_counts[c]:,}"])
        return markdown.table(rows).rstrip()

    def _first_and_last(self) -> str:
        def named(c: int) -> str:
            if self.class_counts is None:
                return self.class_names[c]
            return f"{self.class_names[c]} ({self.class_counts[c]:,})"

        order = self._order()
        first, last = order[:NAMED], order[-NAMED:]
        return f"{', '.join(map(named, first))}, …, {', '.join(map(named, last))}"
