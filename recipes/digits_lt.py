"""Space misalignment and its three remedies, on real digits, in three minutes.

The UCI handwritten digits (8x8 pixels, ten classes) are made long-tailed: the zeros
stay, of the nines one in fifty does. A small convolutional network is trained with
cross-entropy and with balanced softmax, each without alignment and with SpA-Reg,
SpA-SLERP and SpA-Proj in the metric of the noise, and once misaligned on purpose. All
variants of a seed share training images, initial weights and batch order. At the end:
a table, a picture and one JSON file a run in --output_dir.

    python recipes/digits_lt.py
    python recipes/digits_lt.py --method=ce --alignment=none,spa_reg --seeds=0,1,2,3

The second command is of SpA-Reg in the paper's form, in isotropic noise.
"""

from engine.recipe import main
from engine.registry import RECIPES

if __name__ == "__main__":
    main(RECIPES["digits_lt"], __doc__)
