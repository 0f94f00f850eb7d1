"""What can be set of the machines that a run is trained on, and of its records."""

from dataclasses import dataclass

from engine.options import option


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """Precision, compilation and devices."""

    mixed_precision: str = option(
        "float32",
        "Type that layers compute in. Alignment always computes in float32.",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
    )
    jit_compile: bool = option(
        False, "Compile the training step with XLA, as JAX always does."
    )
    steps_per_execution: int = option(
        1, "Steps between two looks of Keras; 0: a whole epoch.", low=0
    )
    strategy: str = option(
        "none",
        "Devices to train on: one; all of this machine (mirrored); those of all "
        "workers in TF_CONFIG (multiworker); a TPU (tpu, with --tpu); or on JAX all "
        "(data_parallel), of several hosts with KERAS_DISTRIBUTION_JOB_ADDRESSES and "
        "its kin. Runs then follow one another, whatever --jobs says.",
        choices=("none", "mirrored", "multiworker", "tpu", "data_parallel"),
        decides=False,
    )
    tpu: str | None = option(
        None, "Name of the TPU; on a TPU machine: local.", decides=False
    )
    virtual_devices: int | None = option(
        None,
        "Split the CPU into so many devices, to try --strategy.",
        low=1,
        decides=False,
    )


@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """What a run prints and leaves behind beside its result."""

    validate_every: int = option(
        0,
        "Epochs between two looks at the validation images, for the history; 0: none.",
        low=0,
        decides=False,
    )
    resume: bool = option(
        True, "Go on with what an interrupted job left behind.", decides=False
    )
    export_dir: str | None = option(
        None, "Folder for a .keras file and a SavedModel a run.", decides=False
    )
    tensorboard_dir: str | None = option(
        None, "Folder for TensorBoard's logs.", decides=False
    )
    verbose: bool = option(True, "Print a line an epoch.", decides=False)
    smoke: bool = option(
        False, "One seed, one epoch, few images: everything runs, no more."
    )
