"""What the console command `keras-spa` does; `keras_spa_cli` reads its arguments."""
