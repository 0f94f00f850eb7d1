import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from keras_spa import _checks
from keras_spa._types import Path
from keras_spa._warn import warn
from keras_spa.data._rgb import shown
from keras_spa.data.image_files import ImageFiles
from keras_spa.data.long_tailed_data import LongTailedData
from keras_spa.data.sources import SOURCES, Request
from keras_spa.data.sources.base import Source
from keras_spa.data.subset import Rule, subset_of


def load(
    name: str,
    imbalance_factor: float | None = None,
    *,
    profile: str = "exp",
    max_count: int | None = None,
    seed: int = 0,
    order: str = "shuffle",
    validation_per_class: Any = 0,
    held_out: Any = 0.0,
    data_dir: Path | None = None,
    lists: Path | None = None,
    download: bool = False,
    verify: bool = False,
    on_error: str = "raise",
) -> LongTailedData:
    """A data set for long-tailed recognition, as the literature draws it.

    - `"cifar10"`, `"cifar100"`: TensorFlow Datasets, put back into official order.
    - `"digits"`: the UCI handwritten digits (8, 8, 1), pixels of 0 to 16, which come
      with the package (Alpaydin and Kaynak 1998, CC BY 4.0): 1,097 for training, 20 a
      class for validation, 50 a class for testing.
    - `"npz:PATH"`: an archive of uint8 `x_train` (N, H, W) or (N, H, W, C), integer
      `y_train` (N,) or (N, 1), the same of `val` and `test` if there are such images,
      and, if there are any, `class_names` (K,). No pickle is loaded.
    - `"folder:PATH"`: PATH/train/<class>/*.jpg (jpeg, png, bmp, gif, webp, tif) and,
      if there are such images, PATH/val/<class> and PATH/test/<class>; or all images
      as PATH/<class>/*.jpg. Classes in order of name, numbers too. A warning counts
      what lies there and is not read, such as test images without classes.
    - `"csv:PATH"`: a table with a header `path,label` or `path,label,split`: image
      files relative to the table, names of classes, and train, val or test. Classes in
      order of name, or of number if all names are whole numbers. One path in two splits
      or classes is refused, here and in folders; links to one file are kept, and so are
      rows that repeat others, with a warning.
    - `"imagenet_lt"`: the lists `ImageNet_LT_train.txt`, `ImageNet_LT_test.txt` and,
      for validation, `ImageNet_LT_val.txt`; images from data_dir/train/<wnid> and
      data_dir/val, or extracted once from a prepared TFDS `imagenet2012` into
      data_dir/imagenet_lt_images.

    The training subset has the counts of `long_tail_counts` and the images of
    `long_tail_indices`, class after class; CIFAR with seed 0 is the subset of the
    published results. Test sets are never thinned out.

    With `validation_per_class=n`, the last n images of each class, in the order in
    which the subset takes the first, are held out for choosing hyper-parameters. Where
    the subset leaves n of every class over, training images are the same as without.
    Otherwise they are fewer: `max_count` becomes the largest that leaves n of each
    class. `data.validation_source` says which. `held_out=f` holds out a share of each
    class instead, which suits a long tail: `round(f·n_c)` images, at least one and at
    most 50, and never more than half of the class. A class of one image keeps it.

    Args:
        name: One of the names above.
        imbalance_factor: IF, images of the most over the least frequent class, at
            least 1. None (default) keeps all images.
        profile: `"exp"` (default) or `"step"`, of `long_tail_counts`.
        max_count: n_max, training images of class 0. Defaults to the images of the
            largest class.
        seed: Seed of the draw. Defaults to 0, the community's subset.
        order: `"shuffle"` (default): a random n_c of each class. `"file"`: the first
            n_c of each class, for an archive that is a long-tailed subset already,
            each class in its shuffled order.
        validation_per_class: Training images of each class to hold out. Defaults to
            0.
        held_out: Share of each class's training images to hold out, at most 0.5.
            Defaults to 0.
        data_dir: Folder of TensorFlow Datasets (None: their default) or of ImageNet;
            a relative PATH starts from it.
        lists: Folder of the lists of `"imagenet_lt"`. Defaults to `data_dir`.
        download: Whether TensorFlow Datasets may download CIFAR. Defaults to False.
        verify: Whether to read every image file once, with a progress bar, before
            anything is drawn. Defaults to False.
        on_error: What to do about a damaged file that this finds: `"raise"` (default),
            or `"skip"`, which always verifies, leaves such files out, warns, and names
            them in `data.skipped`.

    Returns:
        `LongTailedData`. Images are a uint8 array, or `ImageFiles` for folders and
        ImageNet-LT; labels are int32.

    Raises:
        ValueError: arguments, archives, lists or images that are not as above; classes
            with fewer images than asked for.
        FileNotFoundError: no such archive, folder or list, or a TensorFlow data set
            that is not prepared; the message says how to prepare it.

    Example:

    >>> import keras_spa as spa
    >>> spa.data.load("digits", imbalance_factor=50, max_count=100)
    <LongTailedData 'UCI digits': 276 training images of 10 classes, imbalance factor
    50, 200 for validation, 500 for test>

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> x, y = np.zeros((40, 8, 8), "uint8"), np.repeat([0, 1], 20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "tiny.npz"
    ...     np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)
    ...     data = spa.data.load(f"npz:{path}", imbalance_factor=10)
    >>> data.class_counts.tolist(), data.train.images.shape, len(data.test.labels)
    ([20, 2], (22, 8, 8, 1), 40)

    Reference: Cao et al. (NeurIPS 2019), "Learning Imbalanced Datasets with
    Label-Distribution-Aware Margin Loss" (the subset); Liu et al. (CVPR 2019),
    "Large-Scale Long-Tailed Recognition in an Open World" (ImageNet-LT). The held-out
    slice is ours.
    """
    rule = Rule(
        *(imbalance_factor, profile, max_count, seed, order),
        *(validation_per_class, held_out),
    )
    _check(rule)
    _checks.choice("on_error", on_error, ("raise", "skip"))
    for argument, place in (("data_dir", data_dir), ("lists", lists)):
        if not (place is None or isinstance(place, (str, os.PathLike))):
            raise ValueError(
                f"Argument `{argument}` must be a path or None. "
                f"Received: {argument}={place!r}"
            )
    source, path = _find_source(name)
    if source.long_tailed and imbalance_factor is not None:
        raise ValueError(
            f"Argument `imbalance_factor` must be None for {name!r}, whose lists fix "
            f"the images. Received: imbalance_factor={imbalance_factor}"
        )
    place = pathlib.Path(data_dir or "").expanduser() / pathlib.Path(path).expanduser()
    pool = source.load(Request(name, place, data_dir, lists, download))
    if verify or on_error == "skip":
        pool = verified(pool, on_error)
    argument = "held_out" if held_out else "validation_per_class"
    wanted = held_out or validation_per_class
    if imbalance_factor is None and not wanted:
        return pool
    if wanted and pool.validation is not None:
        raise ValueError(
            f"Argument `{argument}` must be 0 for a data set with a validation split "
            f"of its own, here of {len(pool.validation.labels)} images. "
            f"Received: {argument}={wanted}"
        )
    return subset_of(pool, rule)


def _check(rule: Rule) -> None:
    _checks.choice("profile", rule.profile, ("exp", "step"))
    _checks.choice("order", rule.order, ("shuffle", "file"))
    _checks.seed("seed", rule.seed)
    _checks.integer("validation_per_class", rule.validation_per_class, 0)
    _checks.number("held_out", rule.held_out, 0, 0.5)
    if rule.held_out and rule.validation_per_class:
        raise ValueError(
            "Argument `held_out` must be 0 with `validation_per_class`. Received: "
            f"held_out={rule.held_out}, "
            f"validation_per_class={rule.validation_per_class}"
        )
    if rule.imbalance_factor is not None:
        _checks.number("imbalance_factor", rule.imbalance_factor, 1)
    if rule.max_count is not None:
        _checks.integer("max_count", rule.max_count, 1)
        if rule.imbalance_factor is None:
            raise ValueError(
                "Argument `max_count` must be None without an imbalance factor. "
                f"Received: max_count={rule.max_count}, imbalance_factor=None"
            )


def _find_source(name: str) -> tuple[Source, str]:
    """The row of `SOURCES` for a name, and the PATH in the name."""
    kind, colon, path = str(name).partition(":")
    source = SOURCES.get(f"{kind}:PATH" if colon else kind)
    if source is None or not isinstance(name, str):
        *others, last = map(repr, SOURCES)
        raise ValueError(
            f"Argument `name` must be {', '.join(others)} or {last}. "
            f"Received: name={name!r}"
        )
    return source, path


def verified(
    pool: LongTailedData, on_error: str, verbose: bool = True
) -> LongTailedData:
    """The pool after a look into every file, without the damaged ones."""
    kept: dict[str, Any] = {}
    skipped: list[str] = []
    for name, split in pool.splits().items():
        if isinstance(split.images, ImageFiles):
            whole = split.images.check(on_error, verbose)
            kept[name] = split.take(whole)
            skipped += split.images.paths[~whole].tolist()
    if skipped:
        total = sum(len(split.labels) for split in pool.splits().values())
        warn(
            f"Left out {len(skipped)} of {total} image files, which are "
            f"{fault(skipped)}: {', '.join(map(shown, skipped[:3]))}",
        )
    return dataclasses.replace(pool, **kept, skipped=tuple(skipped))


def fault(paths: Sequence[str]) -> str:
    """What is wrong with files that cannot be read."""
    there = [*map(os.path.exists, paths)]
    if all(there):
        return "damaged"
    return "missing or damaged" if any(there) else "missing"
