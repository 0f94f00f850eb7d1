"""All classes at once against a loop over them, class by class.

A naive implementation of an alignment goes through the classes in Python: the features
of each class are picked out, their mean moves, the class's weight is turned. This
writes that loop from the formulas in eager PyTorch, in isotropic noise (the paper's
forms, which the loop would be written for), and compares it with this package on the
same arrays, in the same process, compiled as the backend compiles (KERAS_BACKEND;
PyTorch eagerly). Each row is all that a step adds to a plain classifier: class means
and one alignment. Both give the same numbers, which is checked first. Beside it is the
time of a step compiled alike that computes nothing: in training, where all is part of
one compiled step, that is not paid again.

    python benchmarks/class_loop.py
    python benchmarks/class_loop.py --classes=1000 --features=2048 --batch_size=256
"""

import functools
import os
import statistics

import harness
import numpy as np
from absl import flags

keras, torch, spa, ops = map(
    harness.Later, ("keras", "torch", "keras_spa", "keras.ops")
)
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Rounds; the median is printed.", 1)
_STEPS = flags.DEFINE_integer("steps", 10, "Steps a variant and round.", 1)
_CLASSES = flags.DEFINE_integer("classes", 100, "K.", 2)
_FEATURES = flags.DEFINE_integer("features", 256, "d.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "B.", 1)

MOMENTUM, STRENGTH, RATE, THRESHOLD, GAMMA = 0.9, 0.1, 0.02, 0.95, 0.6


def alignments():
    return {
        "SpA-Reg": spa.SpAReg.paper(STRENGTH, gradient="classifier"),
        "SpA-SLERP": spa.SpASLERP.paper(RATE, THRESHOLD),
        "SpA-Proj": spa.SpAProj.paper(GAMMA),
    }


class Loop:
    """Class by class, in PyTorch."""

    def __init__(self, num_classes, dimension):
        self.means = torch.zeros(num_classes, dimension)
        self.seen = torch.zeros(num_classes, dtype=torch.bool)

    def move_means(self, features, labels):
        """`μ_c ← m·μ_c + (1−m)·mean of its features`, the mean itself at first."""
        for c in labels.unique().tolist():
            mean = features[labels == c].mean(dim=0)
            if self.seen[c]:
                mean = MOMENTUM * self.means[c] + (1 - MOMENTUM) * mean
            self.means[c] = mean
            self.seen[c] = True

    def direction(self, c, center):
        mean = self.means[c] - self.center if center else self.means[c]
        return mean / mean.norm()

    def classes(self):
        classes = self.seen.nonzero()[:, 0].tolist()
        self.center = self.means[classes].mean(dim=0)
        return classes

    def penalty(self, weights, gradient):
        """The gradient of SpA-Reg by the weights, from autograd."""
        weights = weights.clone().requires_grad_()
        classes = self.classes()
        total = 0
        for c in classes:
            cosine = weights[c] @ self.direction(c, True) / weights[c].norm()
            total = total + (1 - cosine)
        (STRENGTH * total / len(classes)).backward()
        return weights.grad

    def turn(self, weights, gradient):
        """SpA-SLERP: each weight by a share of its angle."""
        turned = weights.clone()
        for c in self.classes():
            aim, length = self.direction(c, False), weights[c].norm()
            unit = weights[c] / length
            cosine = (unit @ aim).clamp(-1, 1)
            if cosine <= THRESHOLD:
                angle = torch.arccos(cosine)
                a, b = torch.sin((1 - RATE) * angle), torch.sin(RATE * angle)
                turned[c] = length * (a * unit + b * aim) / torch.sin(angle)
        return turned

    def project(self, weights, gradient):
        """SpA-Proj: what turns a weight away from its mean goes."""
        projected = gradient.clone()
        for c in self.classes():
            unit, g = weights[c] / weights[c].norm(), gradient[c]
            aim = self.direction(c, True)
            turn = aim - (aim @ unit) * unit
            turn = turn / turn.norm()
            turning = g - (g @ unit) * unit
            away = turning @ turn
            if away > 0:
                turning = turning - away * turn
            projected[c] = (1 - GAMMA) * turning + GAMMA * g
        return projected

    def step(self, name, features, labels, weights, gradient):
        self.move_means(features, labels)
        hooks = {"SpA-Reg": self.penalty, "SpA-SLERP": self.turn}
        return hooks.get(name, self.project)(weights, gradient)


def gradient_by(function, x):
    """The gradient of a scalar function, on any backend."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.grad(function)(x)
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x)
    x = x.detach().requires_grad_()
    return torch.autograd.grad(function(x), x)[0]


def hook(alignment):
    """What one alignment does, of weights, gradient and class statistics."""
    return {
        spa.SpAReg: lambda w, g, s: gradient_by(lambda w: alignment.penalty(w, s), w),
        spa.SpASLERP: lambda w, g, s: alignment.update_weights(w, s, 0),
        spa.SpAProj: lambda w, g, s: alignment.project_gradient(g, w, s),
    }[type(alignment)]


def compiled(step):
    """A step as the backend compiles it."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(step)
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(step, jit_compile=True)
    return step


def vectorised(alignment, num_classes, dimension):
    """A compiled step of this package: `(state, *arrays) -> (state, result)`."""
    layer = spa.layers.ClassMeans(num_classes, MOMENTUM)
    layer.build((None, dimension))
    act = hook(alignment)

    @compiled
    def step(state, features, labels, weights, gradient):
        variables = zip((layer.means, layer.seen), state, strict=True)
        with keras.StatelessScope(list(variables)):
            known = layer.updated(features, labels)
            result = act(weights, gradient, known)
        return known.tensors(), result

    return step


def nothing(state, features, labels, weights, gradient):
    """A step that computes nothing."""
    return state, weights


def waiting(step, arrays):
    """A function that makes a step, keeps its state, and returns when it is done."""
    arrays = [ops.convert_to_tensor(array) for array in arrays]
    shape = arrays[2].shape
    state = [ops.zeros(shape), ops.zeros(shape[:1])]

    def run():
        state[:], result = step(tuple(state), *arrays)
        return keras.tree.map_structure(ops.convert_to_numpy, result)

    return run


def main():
    classes, dimension = _CLASSES.value, _FEATURES.value
    random = np.random.RandomState(0)
    features, weights, gradient = (
        random.randn(rows, dimension).astype("float32")
        for rows in (_BATCH_SIZE.value, classes, classes)
    )
    labels = random.randint(classes, size=len(features))
    arrays = features, labels, weights, gradient
    print(
        f"Keras {keras.__version__} on {keras.backend.backend()}, PyTorch "
        f"{torch.__version__} eager, {os.cpu_count()} cores, K = {classes}, "
        f"d = {dimension}, B = {len(features)}\n"
    )
    title = ["", "loop, ms", "all at once, ms", "of these for nothing, ms"]
    rows, saved = [[*title, "times faster (min, max)"]], {}
    for name, alignment in alignments().items():
        loop = Loop(classes, dimension)
        by_class = functools.partial(loop.step, name, *map(torch.as_tensor, arrays))
        together = waiting(vectorised(alignment, classes, dimension), arrays)
        np.testing.assert_allclose(together(), by_class(), atol=1e-5)
        empty = waiting(compiled(nothing), arrays)
        variants = {"loop": by_class, "all at once": together, "nothing": empty}
        times = harness.time_in_turns(variants, _ROUNDS.value, _STEPS.value)
        milliseconds = [f"{1e3 * statistics.median(one):.2f}" for one in times.values()]
        faster = harness.ratios(times["loop"], times["all at once"])
        rows.append([name, *milliseconds, faster])
        saved[name] = times
    harness.print_table(rows)
    harness.save({"seconds": saved})


if __name__ == "__main__":
    harness.run(main, rounds=1, steps=1)
