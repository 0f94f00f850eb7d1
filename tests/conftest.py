"""Settings of every test; which of them run on one backend alone, and which first."""

import atexit
import gc
import os
import pathlib
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
# The workers share the cores: PyTorch's threads would wait for one another's.
os.environ.setdefault("OMP_NUM_THREADS", "1")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    # One for all workers, and the processes that they start: a third of JAX's time.
    cache = tempfile.mkdtemp(prefix="keras_spa_jax_")
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = cache
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

import hypothesis
import pytest

# An example may be the first to import SciPy, and machines are busy.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

TESTS = pathlib.Path(__file__).parent
ONCE = (  # NumPy, lists of files, text: no backend has a part, or has had it elsewhere
    "cli/test_arguments.py",
    "cli/test_environment.py",
    "theory",
    "cli/test_screen.py",
    "data/test_describe.py",
    "data/test_image_files.py",
    "data/test_imagenet_lt.py",
    "data/test_load.py",
    "data/test_load_csv.py",
    "data/test_load_tfds.py",
    "data/test_long_tail.py",
    "data/test_order.py",
    "data/test_pipeline_of_files.py",
    "losses/test_log_prior.py",
    "metrics/test_shot_groups.py",
    "recipes/test_after_training.py",
    "recipes/test_choose.py",
    "recipes/test_command_line.py",
    "recipes/test_config.py",
    "recipes/test_figures.py",
    "recipes/test_flagfiles.py",
    "recipes/test_grid.py",
    "recipes/test_measures.py",
    "recipes/test_posthoc.py",
    "recipes/test_posthoc_command.py",
    "recipes/test_posthoc_overview.py",
    "recipes/test_predictors.py",
    "recipes/test_processes.py",
    "recipes/test_report.py",
    "recipes/test_scores.py",
    "recipes/test_statistics.py",
    "recipes/test_table.py",
    "robust/test_mutated_images.py",
    "robust/test_random_deaths.py",
    "test_doc_notebooks.py",
    "test_layering.py",
    "test_notes.py",
    "test_project.py",
)
MISSING = [name for name in ONCE if not (TESTS / name).exists()]
assert not MISSING, f"ONCE in {__file__} must name what is there, not {MISSING}"


@pytest.fixture(autouse=True)
def fixed_seed():
    import keras  # takes seconds: only where tests run, not where xdist deals them out

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")


def runs_once(path):
    return any(path.is_relative_to(TESTS / name) for name in ONCE)


def pytest_addoption(parser):
    parser.addoption(
        "--long",
        metavar="none|all|I/N",
        help="tests marked `long`: none of them (the default without a path, -k, --lf "
        "and -m long), all (the default with one), or part I of N and no other tests",
    )


def pytest_configure(config):
    """Decides once, before pytest-xdist hands the options on to its workers."""
    option = config.option
    if option.long is None:
        named = option.file_or_dir or option.keyword or "long" in option.markexpr
        option.long = "all" if named or getattr(option, "lf", False) else "none"
    part_of(config.option.long)


def part_of(chosen):
    """`--long=2/4` as (2, 4), and None of what is no part."""
    if chosen in ("none", "all"):
        return None
    part, _, parts = chosen.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise pytest.UsageError(f"--long: expected none, all or I/N, not {chosen}")
    return int(part), int(parts)


def choose_long(items, chosen):
    """Files are dealt out whole, for what their tests share is made once."""
    if chosen == "all":
        return items
    if chosen == "none":
        return [item for item in items if not item.get_closest_marker("long")]
    part, parts = part_of(chosen)
    items = [item for item in items if item.get_closest_marker("long")]
    files = sorted({item.path for item in items})
    return [item for item in items if item.path in files[part - 1 :: parts]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark what runs once; off TensorFlow leave it out. Files of processes go first.

    They last longest, and a file is one worker's: begun last they would end alone.
    """
    import keras

    for item in items:
        if runs_once(item.path):
            item.add_marker("once")
        if item.get_closest_marker("process") or item.get_closest_marker("long"):
            item.add_marker("slow")
    chosen = choose_long(items, config.option.long)
    if keras.backend.backend() != "tensorflow":
        chosen = [item for item in chosen if not item.get_closest_marker("once")]
    kept = set(chosen)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    first = {item.path for item in chosen if item.get_closest_marker("process")}
    items[:] = sorted(chosen, key=lambda item: item.path not in first)


def pytest_collection_finish():
    """Spare the garbage collector what imports made: a million objects that stay."""
    gc.freeze()
