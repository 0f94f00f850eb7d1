"""`python -m keras_spa` is the console command `keras-spa`."""

import sys

from keras_spa_cli import main

if __name__ == "__main__":
    sys.exit(main())
