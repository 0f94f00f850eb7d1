"""The alignment strategies of "Space Alignment Matters" (Wang, Gao, Xie 2026)."""

from keras_spa.alignment.base import Alignment
from keras_spa.alignment.cosine_ramp import CosineRamp
from keras_spa.alignment.spa_proj import SpAProj
from keras_spa.alignment.spa_reg import SpAReg
from keras_spa.alignment.spa_slerp import SpASLERP

__all__ = ["Alignment", "CosineRamp", "SpAProj", "SpAReg", "SpASLERP"]
