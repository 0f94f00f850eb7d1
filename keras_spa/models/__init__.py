"""Models that align their classifier, and the backbones of the benchmarks."""

from keras_spa.models.bcl import BCL
from keras_spa.models.glmc import GLMC
from keras_spa.models.resnet_cifar import resnet_cifar
from keras_spa.models.resnext50 import resnext50
from keras_spa.models.spa_model import SpAModel

__all__ = ["BCL", "GLMC", "SpAModel", "resnet_cifar", "resnext50"]
