"""Models that align their classifier, and the backbones of the benchmarks."""

from keras_spa.models.resnet_cifar import resnet_cifar
from keras_spa.models.spa_model import SpAModel

__all__ = ["SpAModel", "resnet_cifar"]
