"""What aligning a trained classifier costs beyond looking at the data once.

A network from features to K logits, and N samples: `spa.align` against a `predict` of
the same samples, both with the copying and compiling that a first call brings. Besides,
it should take less than a second at K = 1,000 and d = 2,048.

    python benchmarks/align.py
"""

import statistics

import harness
import numpy as np
from absl import flags

keras, spa = map(harness.Later, ("keras", "keras_spa"))
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds; the median is printed.", 1)
_CLASSES = flags.DEFINE_integer("classes", 1000, "K.", 2)
_FEATURES = flags.DEFINE_integer("features", 2048, "d.", 1)
_SAMPLES = flags.DEFINE_integer("samples", 10_000, "N.", 1)


def main():
    random = np.random.RandomState(0)
    labels = np.arange(_SAMPLES.value) % _CLASSES.value
    x = random.randn(_SAMPLES.value, _FEATURES.value).astype("float32")
    layers = [keras.Input((_FEATURES.value,)), keras.layers.Dense(_FEATURES.value)]
    model = keras.Sequential([*layers, keras.layers.Dense(_CLASSES.value)])

    hidden, logits = (layer.output for layer in model.layers)

    def predict():
        both = keras.Model(model.inputs, [hidden, logits])
        both.predict(x, batch_size=256, verbose=0)

    def align():
        spa.align(model, (x, labels), verbose=0)

    times = harness.time_in_turns(
        {"predict": predict, "align": align}, _ROUNDS.value, steps=1, warm_up=1
    )
    shape = f"K = {_CLASSES.value}, d = {_FEATURES.value}"
    harness.print_times(times, f"{_SAMPLES.value} samples, {shape}", "predict")
    pairs = zip(times["align"], times["predict"], strict=True)
    more = statistics.median(a - b for a, b in pairs)
    print(f"align takes {more:.2f} s more than predict (median of {_ROUNDS.value})")
    harness.save({"seconds": times})


if __name__ == "__main__":
    harness.run(main, rounds=1, classes=100, features=64, samples=1000)
