"""Wild inputs of the layers of `data`."""

import keras
import numpy as np

import keras_spa as spa
from wild import pools
from wild.judge import ANY, SAME, Subject, Wild

K = 3
IMAGES = (np.arange(6 * 8 * 8 * 3).reshape(6, 8, 8, 3) * 7 % 256).astype("uint8")
BATCH = IMAGES[:2]


def image_values(images):
    """Batches of images as layers take them, and what they do not."""
    floats = images.astype("float32")
    refused = {
        "int8": images.astype("int8"),
        "uint16": images.astype("uint16"),
        "int64": images.astype("int64"),
        "bool": images > 99,
        "one image": images[0],
        "grey without channels": images[..., 0],
        "rank 5": images[None],
        "rank 1": images.ravel(),
    }
    return [
        *(w for w in pools.containers(images) if w.label not in NO_DTYPE),
        *pools.no_arrays(images),
        *(Wild(k, v) for k, v in refused.items()),
        Wild("float32", floats, ANY),
        Wild("float16", floats.astype("float16"), ANY),
        Wild("negative", -floats - 1, ANY),
        Wild("0..1", floats / 255, ANY),
        Wild("65535", floats * 257, ANY),
        Wild("NaN", np.full_like(floats, np.nan), ANY),
        Wild("no images", images[:0], ANY),
        Wild("no pixels", images[:, :0], ANY),
        Wild("grey", images[..., :1], ANY),
        Wild("one pixel", images[:, :1, :1], ANY),
    ]


# Without uint8 to say so, whole numbers are no images.
NO_DTYPE = ("float64", "longdouble", "list", "tuple", "object array", "deque")


def layer(make, wild, **good):
    def call(images, **arguments):
        return make(**arguments).augment(images, (0, 3))

    return Subject(
        call, {"images": BATCH, **good}, {"images": image_values(BATCH), **wild}
    )


PAIRS = [
    *pools.NOTHING,
    *(Wild(str(p), p) for p in ((1,), (1, 2, 3), (2, 1), (0, 0), ("0", "1"))),
    Wild("NaN", (np.nan, 1.0)),
    Wild("an array", np.array([0.25, 0.5]), ANY),
]
RANGES = [w for w in PAIRS if w.label not in ("(0, 0)", "an array")]
SIZES = [
    *pools.without(pools.integer(4, 1), "10^12", "a list", "None"),
    Wild("10^12", 10**12),
    Wild("a pair", (4, 4), SAME),
    Wild("three", (4, 4, 4)),
    Wild("a pair of texts", ("4", "4")),
]
CROP = {
    "size": SIZES,
    "scale": PAIRS,
    "ratio": PAIRS,
    "interpolation": pools.choice("bilinear"),
    "seed": pools.SEEDS,
}
CROPPED = {"size": 4, "scale": (0.25, 0.5), "ratio": (0.5, 2.0)}
TABLE = {
    "AutoAugment": layer(
        spa.data.AutoAugment,
        {
            "policy": pools.choice("cifar10"),
            "seed": pools.SEEDS,
            "value_range": RANGES,
        },
        policy="cifar10",
    ),
    "Cutout": layer(
        spa.data.Cutout,
        {"size": pools.integer(4, 1, huge=ANY), "fill": pools.number(128, 0, 255)},
        size=4,
        fill=128,
    ),
    "ImageNetEval": layer(
        spa.data.ImageNetEval,
        {"size": pools.without(SIZES, "a pair"), "resize": pools.integer(6, 1)},
        size=4,
        resize=6,
    ),
    "ImageNetTrain": layer(spa.data.ImageNetTrain, CROP, **CROPPED),
    "RandAugment": layer(
        spa.data.RandAugment,
        {
            "num_ops": pools.integer(2, 1, huge=None),
            "magnitude": pools.number(5.0, 0, 10),
            "probability": pools.number(0.5, 0, 1),
            "seed": pools.SEEDS,
            "value_range": RANGES,
        },
        num_ops=2,
        magnitude=5.0,
        probability=0.5,
    ),
    "RandomCropFlip": layer(
        spa.data.RandomCropFlip,
        {"padding": pools.integer(2, 0), "flip": pools.FLAGS, "seed": pools.SEEDS},
        padding=2,
        flip=True,
    ),
    "RandomResizedCrop": layer(
        spa.data.RandomResizedCrop, CROP, **CROPPED, interpolation="bilinear"
    ),
    "SimAugment": layer(
        spa.data.SimAugment,
        {
            "size": SIZES,
            "scale": PAIRS,
            "brightness": pools.number(0.25, 0),
            "contrast": pools.number(0.25, 0),
            "saturation": pools.number(0.25, 0),
            "hue": pools.number(0.25, 0, 0.5),
            "jitter_probability": pools.number(0.5, 0, 1),
            "grayscale": pools.number(0.25, 0, 1),
            "blur": pools.number(0.25, 0, 1, none=ANY),
        },
        size=4,
        **dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.25),
        jitter_probability=0.5,
        grayscale=0.25,
        blur=0.25,
    ),
    "Views": layer(
        spa.data.Views,
        {
            "views": [
                *pools.NOTHING,
                Wild("no views", []),
                Wild("numbers", [1, 2]),
                Wild("a layer of Keras", [keras.layers.Rescaling(2.0)]),
                Wild("a layer alone", spa.data.Cutout(4)),
                Wild("nested", [[[spa.data.Cutout(4)]]]),
            ],
            "seed": pools.SEEDS,
        },
        views=[[spa.data.Cutout(4)], []],
    ),
}
TABLE["ImageNetTrain"].good["interpolation"] = "bilinear"
