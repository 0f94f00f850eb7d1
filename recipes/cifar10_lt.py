"""CIFAR-10-LT: each row of the table is one command.

    python recipes/cifar10_lt.py --flagfile=recipes/flagfiles/cifar10_lt/ce.flags

Images come from TensorFlow Datasets (`tfds build cifar10`), or with --data=npz:PATH
from an archive. By default: the community's subset at imbalance factor 100, ResNet-32
(width 16), 200 epochs. --smoke tries a command in seconds, on random images.
"""

from engine.recipe import main
from engine.registry import RECIPES

if __name__ == "__main__":
    main(RECIPES["cifar10_lt"], __doc__)
