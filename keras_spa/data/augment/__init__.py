"""Augmentation on batches, in `tf.data` or in a model, the same on every backend."""

from keras_spa.data.augment.auto_augment import AutoAugment
from keras_spa.data.augment.cutout import Cutout
from keras_spa.data.augment.imagenet_eval import ImageNetEval
from keras_spa.data.augment.imagenet_train import ImageNetTrain
from keras_spa.data.augment.rand_augment import RandAugment
from keras_spa.data.augment.random_crop_flip import RandomCropFlip
from keras_spa.data.augment.random_resized_crop import RandomResizedCrop
from keras_spa.data.augment.sim_augment import SimAugment

__all__ = [
    "AutoAugment",
    "Cutout",
    "ImageNetEval",
    "ImageNetTrain",
    "RandAugment",
    "RandomCropFlip",
    "RandomResizedCrop",
    "SimAugment",
]
