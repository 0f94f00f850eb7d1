"""ImageNet-LT with ResNet-50 or ResNeXt-50: each row of the table is one command.

    python recipes/imagenet_lt.py --data_dir=DIR \
        --flagfile=recipes/flagfiles/imagenet_lt/ce.flags

DIR holds ImageNet (train/<wnid>/*.JPEG, val/*.JPEG, or a TensorFlow Datasets
`imagenet2012`) and the lists ImageNet_LT_train.txt and ImageNet_LT_test.txt. Files are
read, decoded, cropped and flipped by tf.data while the device trains. --smoke tries a
command in seconds, on random images and a small network.
"""

from engine.recipe import main
from engine.registry import RECIPES

if __name__ == "__main__":
    main(RECIPES["imagenet_lt"], __doc__)
