"""keras-spa align."""

import dataclasses
from typing import Any

import keras
import numpy as np

import keras_spa as spa
from keras_spa.cli import heads, measures, models, subject
from keras_spa.cli.feed import Feed
from keras_spa.trained.align import align_by_rule


def align(arguments: Any) -> None:
    """Writes an aligned copy of MODEL and prints what that brought."""
    models.check_format(arguments.format)
    given = subject.load(arguments)
    choice, aligned, how = aligned_model(given.model, given.feed)
    print(f"{how}\n{choice}\n")
    columns = {}
    name, split = given.split(None)
    if name == "train":
        print("DATA have no test or validation images: what it brought is not known")
    else:
        batches = given.feed.batches(split)
        for title, model in (("as it was", given.observer), ("aligned", aligned)):
            judged = measures.judge(model, batches, arguments.batch_size)
            columns[title] = judged.measures(given.feed.class_counts)
        print(f"On {len(split.labels):,} {name} images:\n")
        print(measures.text(columns))
        text = comparison(name, columns["as it was"], columns["aligned"])
        if name == "validation" and choice.before:
            text += (
                " These images also chose what alignment does: on new ones expect a "
                "little less of the aligned model."
            )
        print(text)
    # Other images than those of a test may have had a say in the model.
    shares = measures.shares(columns["aligned"]) if name == "test" else {}
    card = given.feed.card(f"{how} {choice}", shares)
    if arguments.pixels:  # which the card may say otherwise, or not at all
        seen = {**card.preprocessing, "pixels": arguments.pixels}
        seen.pop("numbers", None)
        card = dataclasses.replace(card, preprocessing=seen)
    print(f"wrote {models.export(aligned, arguments.output, arguments.format, card)}")


def aligned_model(
    model: keras.Model, fed: Feed, augment: Any = None
) -> tuple[spa.AlignmentChoice, keras.Model, str]:
    """What is done to a model, the aligned copy, and a sentence on how.

    Three numbers are fitted on the validation images if each class has one, else they
    are those of the rule.
    """
    model, converted = heads.with_bias(model)
    data = fed.data
    held_out, how = None, "Aligned by the rule, with nothing held out."
    if data.validation is not None:
        images = np.bincount(data.validation.labels, minlength=data.num_classes)
        if images.all():
            held_out = fed.batches(data.validation)
            how = f"Aligned by three numbers fitted on {images.sum()} held-out images."
        else:
            how = (
                f"Aligned by the rule: {np.count_nonzero(images == 0)} of "
                f"{len(images)} classes have no held-out image to fit on."
            )
    aligned, choice = align_by_rule(
        *(model, fed.batches(data.train), held_out, augment, fed.class_counts),
        batch_size=fed.batch_size,
        verbose=0,
    )
    return choice, aligned, converted + how


def comparison(split: str, before: dict[str, float], after: dict[str, float]) -> str:
    """In a sentence, what alignment did to the balanced accuracy of a split."""
    old, new = (100 * one["balanced_accuracy"] for one in (before, after))
    if new < old:
        return (
            f"Alignment made the balanced accuracy of the {split} images worse, from "
            f"{old:.1f} % to {new:.1f} %: better use the model as it was."
        )
    return (
        f"Alignment took the balanced accuracy of the {split} images from {old:.1f} % "
        f"to {new:.1f} %."
    )
