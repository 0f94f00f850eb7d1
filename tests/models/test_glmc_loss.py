"""Each term of GLMC's loss against a loop in NumPy, and the mixes."""

import functools

import keras
import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from keras import ops
from small_glmc import COUNTS, EPOCHS, IMAGES, LABELS, glmc, plain_views

BATCH, CLASSES, UNITS, SHARE = len(LABELS), 3, 4, np.float32(0.3)
RANDOM = np.random.RandomState(0)
PARTNERS = LABELS[::-1]


def pair(*shape):
    return tuple(RANDOM.randn(*shape).astype("float32") for _ in range(2))


FC, FC_CB = pair(BATCH, CLASSES), pair(BATCH, CLASSES)
PROJECTED, PREDICTED = pair(BATCH, UNITS), pair(BATCH, UNITS)


@functools.cache
def made():
    """A batch, its labels, and the outputs of a model with numbers of ours."""
    x, y = plain_views()
    _, outputs = glmc(views=False)(x, training=True, return_features=True)
    numbers = {"fc": FC, "fc_cb": FC_CB, "share": SHARE}
    numbers |= {"projected": PROJECTED, "predicted": PREDICTED}
    return x, y, outputs._replace(**numbers)


def model_of(balance, contrast, label_weighting=1.2):
    options = {"contrast_weight": contrast, "label_weighting": label_weighting}
    model = glmc(views=False, **options)
    model.epoch.assign(EPOCHS * np.sqrt(1 - balance))
    return model


def tensors(outputs):
    return keras.tree.map_structure(ops.convert_to_tensor, outputs)


def losses(model, y=None, **changes):
    """Of every sample: that of a batch in which it alone has weight."""
    x, labels, outputs = made()
    outputs = tensors(outputs._replace(**changes))
    each = np.eye(BATCH, dtype="float32") * BATCH
    y = labels if y is None else y
    return [float(model.method_loss(x, y, outputs, weight, True)) for weight in each]


def class_weights(power):
    weights = [1 / count**power for count in COUNTS]
    return np.array(weights) * CLASSES / sum(weights)


def reference_entropy(logits, label, other, weights):
    """Over both labels, share times weight times −log softmax."""
    log_sum = np.log(np.sum(np.exp(logits)))
    own = SHARE * weights[label] * (log_sum - logits[label])
    return own + (1 - SHARE) * weights[other] * (log_sum - logits[other])


def reference_cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def reference(i, balance, contrast, weights):
    labels = LABELS[i], PARTNERS[i]
    common = sum(reference_entropy(s[i], *labels, np.ones(CLASSES)) for s in FC)
    rare = sum(reference_entropy(s[i], *labels, weights) for s in FC_CB)
    (z1, z2), (p1, p2) = PROJECTED, PREDICTED
    alike = reference_cosine(p1[i], z2[i]) + reference_cosine(p2[i], z1[i])
    return balance * common + (1 - balance) * rare - contrast * alike


@pytest.mark.parametrize(
    ("balance", "contrast", "power"),
    [(1, 0, 1.2), (0, 0, 1.2), (0, 0, 0.5), (0.5, 0, 1), (0, 1, 1.2), (0.7, 4, 1)],
)
def test_every_term(balance, contrast, power):
    got = losses(model_of(balance, contrast, power))
    parts = balance, contrast, class_weights(power)
    expected = [reference(i, *parts) for i in range(BATCH)]
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_mixed_labels_sum_to_the_weights_of_both():
    """Of logits 0 the cross-entropy is log K times the sum of the label."""
    zero = (np.zeros((BATCH, CLASSES), "float32"),) * 2
    for balance, weights in ((1, np.ones(CLASSES)), (0, class_weights(1.2))):
        got = losses(model_of(balance, 0), fc=zero, fc_cb=zero)
        sums = SHARE * weights[LABELS] + (1 - SHARE) * weights[PARTNERS]
        np.testing.assert_allclose(got, 2 * np.log(CLASSES) * sums, rtol=1e-4)


@pytest.mark.parametrize("form", [lambda y: y[:, None], lambda y: np.eye(CLASSES)[y]])
def test_labels_in_other_forms(form):
    model = model_of(0.5, 1)
    got, expected = losses(model, form(LABELS)), losses(model)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_targets_pass_no_gradient():
    """Gradient of the consistency by z₁, of which p₁ = z₁A is a function."""
    (first, second), matrix = PROJECTED, RANDOM.randn(UNITS, UNITS).astype("float32")
    model, (x, y, outputs) = model_of(0.5, 1.0), made()

    def loss(z, target=None):
        target = z if target is None else target
        predicted = ops.matmul(z, matrix), ops.matmul(second, matrix)
        pairs = {"projected": (target, second), "predicted": predicted}
        changed = tensors(outputs._replace(**pairs))
        return model.method_loss(x, y, changed, None, True) * BATCH

    def number(z, target=None):
        return float(loss(z.astype("float32"), target))

    few = slice(0, 3)  # of the samples, all alike

    def of_few(z, **fixed):
        whole = first.copy()
        whole[few] = z
        return number(whole, **fixed)

    got = gradient(loss, first)[few]
    stopped = numeric_gradient(lambda z: of_few(z, target=first), first[few], 0.02)
    through = numeric_gradient(of_few, first[few], 0.02)
    np.testing.assert_allclose(got, stopped, atol=0.02)
    assert np.abs(stopped - through).max() > 0.1


def mixed(seed, image, other):
    """Both mixes of a batch of one image and of another, and the share."""
    batch, others = np.stack([image] * 3), np.stack([other] * 3)
    mixture = glmc(seed=seed).mixture
    parts = mixture((batch, batch), (others, others))
    return [ops.convert_to_numpy(part) for part in parts]


WHITE, DARK = (np.full((32, 24, 3), value, "uint8") for value in (200, 40))


@pytest.mark.parametrize("seed", range(3))
def test_both_mixes_have_one_share(seed):
    first, second, share = mixed(seed, WHITE, DARK)
    assert first.dtype == second.dtype == "uint8"
    np.testing.assert_array_equal(first, round(40 + 160 * float(share)))
    np.testing.assert_array_equal(second, second[:1, :, :, :1] + 0 * second)  # one box
    cut = (second[0, :, :, 0] == 40).nonzero()
    for places, length in zip(cut, WHITE.shape, strict=False):
        side = np.ptp(places) + 1
        assert side <= length * np.sqrt(1 - share) + 1
        inside = places.min() > 0 and places.max() < length - 1
        assert side >= length * np.sqrt(1 - share) * (1 if inside else 0.5) - 1
    assert len(cut[0]) == np.prod([np.ptp(places) + 1 for places in cut])


def test_whole_numbers_are_mixed_to_decimals_for_a_network_that_takes_them():
    parts = (IMAGES[:4],) * 2, (255 - IMAGES[:4],) * 2
    rounded, exact = (
        ops.convert_to_numpy(glmc(seed=5).mixture(*parts, whole=whole)[0])
        for whole in (True, False)
    )
    np.testing.assert_array_equal(np.round(exact), rounded)
    assert np.abs(exact - rounded).max() > 0.3


def test_floats_are_mixed_as_they_are():
    image, other = WHITE / np.float32(255), DARK / np.float32(255)
    first, second, share = mixed(0, image, other)
    expected = share * image + (1 - share) * other
    np.testing.assert_allclose(first, np.stack([expected] * 3), rtol=1e-5)
    np.testing.assert_array_equal(np.round(second * 255), mixed(0, WHITE, DARK)[1])


def test_shares_are_uniform_and_boxes_anywhere():
    mixture, small = glmc().mixture, IMAGES[:1, :1, :1]
    found = [mixture((small,) * 2, (255 - small,) * 2) for _ in range(300)]
    quarters, _ = np.histogram([float(f[2]) for f in found], bins=4, range=(0, 1))
    assert quarters.min() > 45
    shown = np.mean([float(f[1][0, 0, 0, 1]) != small[0, 0, 0, 1] for f in found])
    assert 0.2 < shown < 0.8
