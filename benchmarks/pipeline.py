"""How fast images are augmented, all cores, 32x32 pixels, in one run.

Crop + flip, and AutoAugment + Cutout after it, in a tf.data pipeline; beside them
keras-cv's and Keras' RandAugment in the same pipeline, and AutoAugment + Cutout image
by image with Pillow, one process a core. All take turns in every round; ratios are
taken round by round.

    python benchmarks/pipeline.py
"""

import itertools
import multiprocessing
import os
import statistics
import time

import harness
import numpy as np
import PIL.Image
import PIL.ImageEnhance
import PIL.ImageOps
from absl import flags

keras, spa = map(harness.Later, ("keras", "keras_spa"))
policies = harness.Later("keras_spa.data.augment.policies")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds; the median is printed.", 1)
_SECONDS = flags.DEFINE_float("seconds", 2.0, "Seconds a variant and round.", 0.1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Images a batch.", 1)

AIMS = {"crop + flip": 20_000, "crop + flip, AutoAugment + Cutout": 15_000}
OURS = "crop + flip, AutoAugment + Cutout"


def images(count):
    """Smooth random pictures, whose histograms are uneven like those of photographs."""
    random = np.random.RandomState(0)
    coarse = random.randint(0, 256, (count, 4, 4, 3)).astype("uint8")
    pictures = [PIL.Image.fromarray(image).resize((32, 32)) for image in coarse]
    return np.stack([np.asarray(picture) for picture in pictures])


def augment_with_pillow(pixels, random):
    """Pad, crop, flip, one sub-policy of AutoAugment, Cutout: image by image."""
    padded = np.pad(pixels, ((4, 4), (4, 4), (0, 0)))
    top, left = random.randint(0, 9, 2)
    image = PIL.Image.fromarray(padded[top : top + 32, left : left + 32])
    if random.rand() < 0.5:
        image = PIL.ImageOps.mirror(image)
    for name, probability, magnitude in policies.CIFAR10[random.randint(25)]:
        if random.rand() < probability:
            image = _operate(image, name, magnitude, random.choice((-1, 1)))
    pixels = np.array(image)
    y, x = random.randint(0, 32, 2)
    pixels[max(0, y - 8) : y + 8, max(0, x - 8) : x + 8] = 0
    return pixels


def _operate(image, name, magnitude, sign):
    share = magnitude / 9
    enhance = 1 + sign * 0.9 * share
    shift = sign * 32 * 150 / 331 * share
    if name == "Rotate":
        return image.rotate(sign * 30 * share, fillcolor=(128,) * 3)
    if name in ("Color", "Contrast", "Brightness", "Sharpness"):
        return getattr(PIL.ImageEnhance, name)(image).enhance(enhance)
    coefficients = {
        "ShearX": (1, sign * 0.3 * share, 0, 0, 1, 0),
        "ShearY": (1, 0, 0, sign * 0.3 * share, 1, 0),
        "TranslateX": (1, 0, shift, 0, 1, 0),
        "TranslateY": (1, 0, 0, 0, 1, shift),
    }.get(name)
    if coefficients:
        affine = PIL.Image.Transform.AFFINE
        return image.transform(image.size, affine, coefficients, fillcolor=(128,) * 3)
    return {
        "AutoContrast": PIL.ImageOps.autocontrast,
        "Equalize": PIL.ImageOps.equalize,
        "Invert": PIL.ImageOps.invert,
        "Posterize": lambda i: PIL.ImageOps.posterize(i, round(8 - 4 * share)),
        "Solarize": lambda i: PIL.ImageOps.solarize(i, 256 - 256 * share),
    }[name](image)


def pillow_batch(seed):
    random = np.random.RandomState(seed)
    return np.stack([augment_with_pillow(image, random) for image in _SHARED])


_SHARED = images(_BATCH_SIZE.default)


def pillow_stream(pool, cores):
    """Batches without end, each call of the pool waited for: idle when not asked."""
    for k in itertools.count():
        yield from pool.map(pillow_batch, range(2 * cores * k, 2 * cores * (k + 1)), 1)


def tf_data_stream(augment, data):
    """Batches without end."""
    batches = spa.data.pipeline(data, _BATCH_SIZE.value, augment=augment, repeat=True)
    return (batch[0] for batch in batches)


def main():
    import keras_cv

    cores = os.cpu_count()
    print(f"{len(policies.CIFAR10)} sub-policies, {cores} cores\n")  # before the fork
    pictures = images(2048)
    data = pictures, np.zeros(len(pictures), "int32")
    crop, auto, cutout = (
        spa.data.RandomCropFlip(),
        spa.data.AutoAugment(),
        spa.data.Cutout(16),
    )
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        streams = {
            "crop + flip": tf_data_stream(crop, data),
            OURS: tf_data_stream([crop, auto, cutout], data),
            "keras-cv RandAugment": tf_data_stream(
                keras_cv.layers.RandAugment((0, 255)), data
            ),
            "Keras RandAugment": tf_data_stream(keras.layers.RandAugment(), data),
            f"Pillow, {cores} processes": pillow_stream(pool, cores),
        }
        rates = measure(streams)
    rows = [["images of 32x32", "images/s", f"{OURS} over it (min, max)", "aim"]]
    for name, each in rates.items():
        median = f"{statistics.median(each):,.0f}"
        aim = f"{AIMS[name]:,}" if name in AIMS else ""
        rows.append([name, median, harness.ratios(rates[OURS], each), aim])
    harness.print_table(rows)
    harness.save({"images_per_second": rates})


def measure(streams):
    """Images a second of each stream in each round, as `{name: [rate]}`."""
    rates = {name: [] for name in streams}
    for done in range(1, _ROUNDS.value + 1):
        for name, batches in streams.items():
            for _ in range(4):  # what was prefetched while others had the turn
                next(batches)
            count, started = 0, time.perf_counter()
            while time.perf_counter() - started < _SECONDS.value:
                count += len(next(batches))
            rates[name].append(count / (time.perf_counter() - started))
        print(f"\rround {done} of {_ROUNDS.value}", end="", flush=True)
    print("\r", end="")
    return rates


if __name__ == "__main__":
    harness.run(main, rounds=1, seconds=0.1)
