"""What a SpAModel is trained on: weights, soft labels, data sets and generators."""

import keras
import numpy as np
import pytest
import toys
from toys import fit


@pytest.mark.slow
def test_class_weights_count_as_sample_weights():
    x, y = toys.data()
    by_class, by_sample = (toys.model(toys.all_alignments()) for _ in range(2))
    weights = {0: 0.5, 1: 1.0, 2: 2.0, 3: 4.0}
    fit(by_class, x, y, class_weight=weights)
    each = np.array([weights[c] for c in y], "float32")
    fit(by_sample, x, y, sample_weight=each)
    toys.assert_same_state(by_class, by_sample, atol=1e-7)
    unweighted = toys.model(toys.all_alignments())
    fit(unweighted, x, y)
    kernel = unweighted.classifier.kernel.numpy()
    assert not np.allclose(kernel, by_class.classifier.kernel)


def test_samples_of_weight_zero_might_as_well_be_absent():
    x, y = toys.data(32)
    padded = np.concatenate([x, np.full((16, toys.INPUTS), 9, "float32")])
    labels = np.concatenate([y, np.arange(16, dtype="int32") % toys.CLASSES])
    weights = np.repeat([1.0, 0.0], [32, 16]).astype("float32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    optimizer = keras.optimizers.SGD
    without = toys.model(toys.all_alignments(), optimizer(0.01), loss)
    with_padding = toys.model(toys.all_alignments(), optimizer(0.01), loss)
    without.train_on_batch(x, y)
    with_padding.train_on_batch(padded, labels, sample_weight=weights)
    toys.assert_same_state(without, with_padding, atol=1e-6)


def test_soft_labels_of_one_class_each_equal_integers():
    x, y = toys.data()
    integers = toys.model(toys.all_alignments())
    soft = toys.model(
        toys.all_alignments(), loss=keras.losses.CategoricalCrossentropy(True)
    )
    fit(integers, x, y[:, None])
    fit(soft, x, np.eye(toys.CLASSES, dtype="float32")[y])
    toys.assert_same_state(integers, soft, atol=1e-5)


@pytest.mark.slow
def test_tf_data_and_generators_train_like_arrays():
    tf = pytest.importorskip("tensorflow")
    x, y = toys.data(48)
    arrays, dataset, generator = (toys.model(toys.all_alignments()) for _ in range(3))
    fit(arrays, x, y, epochs=1)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    dataset.fit(batches, shuffle=False, verbose=0)
    given = (batch for batch in batches.repeat().as_numpy_iterator())
    generator.fit(given, steps_per_epoch=3, shuffle=False, verbose=0)
    toys.assert_same_state(dataset, arrays, atol=1e-6)
    toys.assert_same_state(generator, arrays, atol=1e-6)
