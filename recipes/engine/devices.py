"""Several devices by --strategy: those of tf.distribute, or DataParallel on JAX.

`start` is called once a process, before anything computes. --batch_size is that of all
devices together; what a batch holds does not depend on how many share it.
"""

import contextlib
import json
import os
import pathlib
import sys
import tempfile

import keras
from absl import flags

from keras_spa import distribute

FLAGS = flags.FLAGS
BACKENDS = {
    "mirrored": "tensorflow",
    "multiworker": "tensorflow",
    "tpu": "tensorflow",
    "data_parallel": "jax",
}
flags.DEFINE_enum(
    "strategy",
    "none",
    ["none", *BACKENDS],
    "Devices to train on: one; all of this machine (mirrored); those of all workers in "
    "TF_CONFIG (multiworker); a TPU (tpu, with --tpu); or on JAX all (data_parallel), "
    "of several hosts with KERAS_DISTRIBUTION_JOB_ADDRESSES and its kin. Runs then "
    "follow one another, whatever --jobs says.",
)
flags.DEFINE_string("tpu", None, "Name of the TPU; on a TPU machine: local.")
flags.DEFINE_integer(
    "virtual_devices", None, "Split the CPU into so many devices, to try --strategy.", 1
)
_started = None  # a strategy of tf.distribute or a distribution of Keras
_temporary = None  # removed when the process ends


def start():
    """Takes the devices of --strategy; ValueError if they are not to be had."""
    global _started
    kind, backend = FLAGS.strategy, keras.backend.backend()
    if kind != "none" and backend != BACKENDS[kind]:
        raise ValueError(
            f"--strategy={kind} needs KERAS_BACKEND={BACKENDS[kind]}, not {backend}"
        )
    if kind == "multiworker" and "TF_CONFIG" not in os.environ:
        raise ValueError(
            "--strategy=multiworker needs the environment variable TF_CONFIG: "
            '{"cluster": {"worker": ["HOST:PORT", ...]}, '
            '"task": {"type": "worker", "index": 0}}'
        )
    if kind == "tpu" and not FLAGS.tpu:
        raise ValueError("--strategy=tpu needs --tpu=NAME")
    if FLAGS.virtual_devices:
        _split_cpu(FLAGS.virtual_devices)
    if kind == "data_parallel":
        if "KERAS_DISTRIBUTION_JOB_ADDRESSES" in os.environ:
            keras.distribution.initialize()
        _started = distribute.DataParallel()
    elif kind != "none":
        sys.modules["tensorflow"].get_logger().setLevel("WARNING")
        _started = _STARTS[kind]()
    if FLAGS.batch_size % replicas():
        raise ValueError(
            f"--batch_size={FLAGS.batch_size} cannot be shared by {replicas()} "
            "replicas: choose a multiple of that"
        )
    if not is_chief():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, for the rest of the process


def _split_cpu(devices):
    try:
        if keras.backend.backend() == "jax":
            import jax

            jax.config.update("jax_num_cpu_devices", devices)
        else:
            import tensorflow as tf

            cpu = tf.config.list_physical_devices("CPU")[0]
            logical = [tf.config.LogicalDeviceConfiguration()] * devices
            tf.config.set_logical_device_configuration(cpu, logical)
    except RuntimeError as error:
        raise ValueError(f"--virtual_devices={devices}: {error}") from None


def _mirrored():
    import tensorflow as tf

    gpus, cpus = map(tf.config.list_logical_devices, ("GPU", "CPU"))
    return tf.distribute.MirroredStrategy([device.name for device in gpus or cpus])


def _multiworker():
    import tensorflow as tf

    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"--strategy=multiworker: TF_CONFIG: {error}") from None


def _tpu():
    import tensorflow as tf

    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(FLAGS.tpu)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except Exception as error:  # of many kinds, by what is missing
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"--tpu={FLAGS.tpu}: no such TPU ({reason})") from None


_STARTS = {"mirrored": _mirrored, "multiworker": _multiworker, "tpu": _tpu}


def replicas():
    """How many devices share a batch."""
    if is_tensorflows():
        return _started.num_replicas_in_sync
    return _started.num_model_replicas if _started else 1


def is_tensorflows():
    """Whether a strategy of tf.distribute is at work."""
    return BACKENDS.get(FLAGS.strategy) == "tensorflow"


def scope():
    """The scope to build, compile and fit a model in."""
    return _started.scope() if _started else contextlib.nullcontext()


def synchronize(layer, synchronized):
    """Whether replicas share the statistics of batch normalisation, in all of `layer`.

    On JAX they always do, and Keras refuses a model that asks for it.
    """
    if not is_tensorflows():
        return
    for part in getattr(layer, "layers", []):
        synchronize(part, synchronized)
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.synchronized = synchronized


def is_chief():
    """Whether this process of several is the one that prints and writes."""
    if FLAGS.strategy == "multiworker":
        task = json.loads(os.environ["TF_CONFIG"]).get("task", {})
        return task.get("type") == "chief" or _is_first_worker(task)
    if FLAGS.strategy == "data_parallel":
        import jax

        return jax.process_index() == 0
    return True


def _is_first_worker(task):
    cluster = json.loads(os.environ["TF_CONFIG"]).get("cluster", {})
    return "chief" not in cluster and task.get("index") == 0


def where_to_write(folder):
    """`folder`; where this process is not the chief, a temporary one instead."""
    global _temporary
    if is_chief():
        return folder
    _temporary = tempfile.TemporaryDirectory()
    return pathlib.Path(_temporary.name)


def where_to_read(folder):
    """The chief's twin of `folder`, whose checkpoints all processes go on from."""
    return folder if is_chief() else pathlib.Path(FLAGS.output_dir, *folder.parts[-2:])


def described():
    """For the result file."""
    return {"strategy": FLAGS.strategy, "replicas": replicas()}
