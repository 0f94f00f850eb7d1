"""The flags that all recipes share: their parsing, their checks, what decides a run."""

import importlib.util
import pathlib
import sys

from absl import flags

from engine import devices, methods
from engine.methods import ALIGNMENTS, METHODS

FLAGS = flags.FLAGS
flags.DEFINE_list("method", ["ce"], f"Methods to train with, of {', '.join(METHODS)}.")
flags.DEFINE_list(
    "alignment",
    ["none"],
    f"Alignments to run, of {', '.join(ALIGNMENTS)}. 'misaligned' is SpA-Reg with "
    "negative strength; unless named on the command line it runs with ce only.",
)
flags.DEFINE_list(
    "seeds", ["0", "1", "2"], "Each seed decides initial weights and batches."
)
flags.DEFINE_alias("seed", "seeds")
flags.DEFINE_float(
    "imbalance_factor",
    100.0,
    "Training images of the most over those of the least frequent class.",
    1,
)
flags.DEFINE_integer(
    "max_count", None, "Training images of the most frequent class; default: all.", 1
)
flags.DEFINE_string(
    "data",
    None,
    "Where images come from: a name, npz:PATH or folder:PATH of keras_spa.data.load.",
)
flags.DEFINE_string("data_dir", None, "Folder of the data sets; default: TFDS' own.")
flags.DEFINE_enum(
    "order",
    "shuffle",
    ["shuffle", "file"],
    "Which images of a class make up the subset: drawn with seed 0, or the first ones.",
)
flags.DEFINE_integer("epochs", 200, "Passes over the training images.", 1)
flags.DEFINE_integer("batch_size", 128, "Images a training step, over all devices.", 1)
flags.DEFINE_float("learning_rate", 0.1, "Highest rate of SGD with momentum 0.9.", 0)
flags.DEFINE_float("weight_decay", 2e-4, "Added to the gradient as decay * weight.", 0)
flags.DEFINE_enum(
    "schedule",
    "steps",
    ["steps", "cosine"],
    "Decay of the rate: in steps at 80 % and 90 % of the epochs, or along a cosine.",
)
flags.DEFINE_list(
    "decay_factors", ["0.01", "0.0001"], "Share of the rate after the two steps."
)
flags.DEFINE_integer("warmup_epochs", 0, "Epochs in which the rate rises.", 0)
flags.DEFINE_integer(
    "steps_per_execution", 1, "Steps between two looks of Keras; 0: a whole epoch.", 0
)
flags.DEFINE_enum(
    "mixed_precision",
    "float32",
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "Type that layers compute in. Alignment always computes in float32.",
)
flags.DEFINE_bool(
    "jit_compile", False, "Compile the training step with XLA, as JAX always does."
)
flags.DEFINE_enum(
    "split",
    "test",
    ["test", "validation"],
    "Images to measure on. Parameters are chosen on validation, never on test.",
)
flags.DEFINE_integer(
    "validation_per_class", 0, "Images of each class held out of the pool.", 0
)
flags.DEFINE_integer(
    "validate_every",
    0,
    "Epochs between two looks at the validation images, for the history; 0: none.",
    0,
)
flags.DEFINE_integer("jobs", 1, "Runs to train side by side, a process each.", 1)
flags.DEFINE_string("output_dir", None, "Where tables, pictures and results go.")
flags.DEFINE_bool("resume", True, "Go on with what an interrupted job left behind.")
flags.DEFINE_string(
    "export_dir", None, "Folder for a .keras file and a SavedModel a run."
)
flags.DEFINE_string("tensorboard_dir", None, "Folder for TensorBoard's logs.")
flags.DEFINE_bool("verbose", True, "Print a line an epoch.")
flags.DEFINE_bool(
    "smoke", False, "One seed, one epoch, few images: everything runs, no more."
)
# What does not change the numbers of a run.
_MANAGEMENT = {
    "alignment",
    "data_dir",
    "export_dir",
    "jobs",
    "method",
    "output_dir",
    "resume",
    "seed",
    "seeds",
    "tensorboard_dir",
    "validate_every",
    "verbose",
}


def parse_and_check(arguments, task):
    """Flags, or one line and exit code 2."""
    try:
        rest = parse(FLAGS, arguments, task)
        if len(rest) > 1:
            raise flags.Error(f"not a flag: {' '.join(rest[1:])}")
        _check(task)
    except (flags.Error, ValueError) as error:
        refuse(str(error).strip().splitlines()[-1].strip())
    return rest


def parse(values, arguments, task):
    """Parses flags into `values`, over the defaults of the task."""
    for name, value in task.defaults.items():
        values.set_default(name, value)
    return values(arguments)


def refuse(message, code=2):
    print(f"{pathlib.Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    sys.exit(code)


def _check(task):
    for name, known in (("method", METHODS), ("alignment", ALIGNMENTS)):
        wrong = [value for value in FLAGS[name].value if value not in known]
        if wrong or not FLAGS[name].value:
            raise ValueError(
                f"--{name} must name some of {', '.join(known)}, not {', '.join(wrong)}"
            )
    seeds = FLAGS.seeds
    if not seeds or not all(map(str.isdigit, seeds)) or len(set(seeds)) < len(seeds):
        raise ValueError(
            "--seeds must be different whole numbers, such as 0,1,2, "
            f"not {','.join(seeds)}"
        )
    for method, alignment in configurations():
        if not methods.makes_sense(method, alignment):
            raise ValueError(
                "SpA-SLERP and SpA-Proj cannot move the fixed head of etf_dr "
                f"(--method={method} --alignment={alignment})"
            )
        features = task.num_features()
        if method in methods.FIXED_HEADS and features < task.num_classes - 1:
            raise ValueError(
                f"--method={method} needs at least {task.num_classes - 1} features for "
                f"a simplex ETF of {task.num_classes} classes; this network has "
                f"{features}. Choose a larger --width"
            )
    if FLAGS.augment_on == "device" and FLAGS.mix != "none":
        raise ValueError(f"--mix={FLAGS.mix} needs --augment_on=host")
    for flag, wanted in (
        ("--split=validation", FLAGS.split == "validation"),
        (f"--validate_every={FLAGS.validate_every}", FLAGS.validate_every),
    ):
        if wanted and not FLAGS.validation_per_class:
            raise ValueError(f"{flag} needs --validation_per_class=N")
    if FLAGS.tensorboard_dir and not importlib.util.find_spec("tensorboard"):
        raise ValueError("--tensorboard_dir needs: pip install tensorboard")
    if FLAGS.output_dir is None:
        FLAGS.output_dir = f"output/{pathlib.Path(sys.argv[0]).stem}"
    devices.start()


def configurations():
    """The (method, alignment) pairs to run, baselines first."""
    pairs = [(m, a) for m in FLAGS.method for a in FLAGS.alignment]
    if FLAGS["alignment"].using_default_value:
        pairs = [(m, a) for m, a in pairs if a != "misaligned" or m == "ce"]
        pairs = [pair for pair in pairs if methods.makes_sense(*pair)]
    return pairs


def of_run(values=FLAGS):
    """The flags that decide the numbers of a run."""
    modules = ("settings", "augmentation", "methods", "cifar")
    here = values.find_module_defining_flag
    names = sorted(name for name in values if here(name) in modules)
    return {name: values[name].value for name in names if name not in _MANAGEMENT}
