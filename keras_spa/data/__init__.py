"""Long-tailed data sets: subsets, sources, batches, augmentation."""

from keras_spa.data.augment import (
    AutoAugment,
    Cutout,
    ImageNetEval,
    ImageNetTrain,
    RandAugment,
    RandomCropFlip,
    RandomResizedCrop,
    SimAugment,
)
from keras_spa.data.batches import Batches
from keras_spa.data.describe import describe
from keras_spa.data.image_files import ImageFiles
from keras_spa.data.load import load
from keras_spa.data.long_tail import long_tail_counts, long_tail_indices
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.order import epoch_order
from keras_spa.data.pipeline import pipeline
from keras_spa.data.views import Views

__all__ = [
    "AutoAugment",
    "Batches",
    "Cutout",
    "ImageFiles",
    "ImageNetEval",
    "ImageNetTrain",
    "LongTailedData",
    "RandAugment",
    "RandomCropFlip",
    "RandomResizedCrop",
    "SimAugment",
    "Split",
    "Views",
    "describe",
    "epoch_order",
    "load",
    "long_tail_counts",
    "long_tail_indices",
    "pipeline",
]
