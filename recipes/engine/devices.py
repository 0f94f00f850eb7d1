"""Several devices by --strategy: those of tf.distribute, or DataParallel on JAX.

`start` is called once a process, before anything computes. --batch_size is that of all
devices together; what a batch holds does not depend on how many share it.
"""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import sys
import tempfile
from typing import Any

import keras

from engine.config import RunConfig
from keras_spa import distribute

BACKENDS = {
    "mirrored": "tensorflow",
    "multiworker": "tensorflow",
    "tpu": "tensorflow",
    "data_parallel": "jax",
}


@dataclasses.dataclass(frozen=True)
class Devices:
    """The devices of a run.

    Args:
        strategy: As --strategy.
        distribution: A strategy of tf.distribute or a distribution of Keras.
    """

    strategy: str = "none"
    distribution: Any = None

    def replicas(self) -> int:
        """How many devices share a batch."""
        if self.on_tensorflow():
            return self.distribution.num_replicas_in_sync
        return self.distribution.num_model_replicas if self.distribution else 1

    def on_tensorflow(self) -> bool:
        """Whether a strategy of tf.distribute is at work."""
        return BACKENDS.get(self.strategy) == "tensorflow"

    def scope(self) -> contextlib.AbstractContextManager:
        """The scope to build, compile and fit a model in."""
        if self.distribution is None:
            return contextlib.nullcontext()
        return self.distribution.scope()

    def synchronize(self, layer: keras.Layer, synchronized: bool) -> None:
        """Whether replicas share the statistics of batch normalisation in a layer.

        On JAX they always do, and Keras refuses a model that asks for it.
        """
        if not self.on_tensorflow():
            return
        for part in getattr(layer, "layers", []):
            self.synchronize(part, synchronized)
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = synchronized

    def is_chief(self) -> bool:
        """Whether this process of several is the one that prints and writes."""
        if self.strategy == "multiworker":
            config = json.loads(os.environ["TF_CONFIG"])
            task = config.get("task", {})
            first = "chief" not in config.get("cluster", {}) and task.get("index") == 0
            return task.get("type") == "chief" or first
        if self.strategy == "data_parallel":
            import jax

            return jax.process_index() == 0
        return True

    def writable(self, folder: pathlib.Path) -> pathlib.Path:
        """`folder`, or a temporary twin where this process is not the chief."""
        if self.is_chief():
            return folder
        return pathlib.Path(_temporary().name, folder.name)

    def description(self) -> dict[str, Any]:
        """For the result file."""
        return {"strategy": self.strategy, "replicas": self.replicas()}


ONE_DEVICE = Devices()


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory:
    """A folder that is removed when the process ends."""
    return tempfile.TemporaryDirectory()


def check(config: RunConfig) -> None:
    """Raises if what --strategy needs is not said, or this backend has none."""
    kind, backend = config.strategy, keras.backend.backend()
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
    if kind == "tpu" and not config.tpu:
        raise ValueError("--strategy=tpu needs --tpu=NAME")


def start(config: RunConfig) -> Devices:
    """Takes the devices of --strategy; ValueError if they are not to be had."""
    check(config)
    if config.virtual_devices:
        _split_cpu(config.virtual_devices)
    devices = Devices(config.strategy, _distribution(config))
    if config.batch_size % devices.replicas():
        raise ValueError(
            f"--batch_size={config.batch_size} cannot be shared by "
            f"{devices.replicas()} replicas: choose a multiple of that"
        )
    if not devices.is_chief():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, for the rest of the process
    return devices


def _distribution(config: RunConfig) -> Any:
    if config.strategy == "none":
        return None
    if config.strategy == "data_parallel":
        if "KERAS_DISTRIBUTION_JOB_ADDRESSES" in os.environ:
            keras.distribution.initialize()
        return distribute.DataParallel()
    import tensorflow as tf

    tf.get_logger().setLevel("WARNING")
    if config.strategy == "mirrored":
        gpus, cpus = map(tf.config.list_logical_devices, ("GPU", "CPU"))
        return tf.distribute.MirroredStrategy([device.name for device in gpus or cpus])
    if config.strategy == "multiworker":
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"--strategy=multiworker: TF_CONFIG: {error}") from None
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(config.tpu)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except Exception as error:  # of many kinds, by what is missing
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"--tpu={config.tpu}: no such TPU ({reason})") from None


def _split_cpu(devices: int) -> None:
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
