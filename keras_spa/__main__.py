"""`python -m keras_spa` is the console command `keras-spa`."""

import sys

from keras_spa_cli import main

sys.exit(main())
