"""Runs a command; whatever ends it early is said in one line."""

import logging
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from keras_spa._warn import KerasSpaWarning
from keras_spa.cli.align import align
from keras_spa.cli.describe import describe
from keras_spa.cli.diagnose import diagnose
from keras_spa.cli.evaluate import evaluate
from keras_spa.cli.train import train
from keras_spa.training import signals
from keras_spa_cli.paths import one_line

COMMANDS: dict[str, Callable[[Any], None]] = {
    "describe": describe,
    "train": train,
    "align": align,
    "diagnose": diagnose,
    "evaluate": evaluate,
}
WRONG, BUG = 2, 1
# What TensorFlow wraps into pages of its own.
OF_AN_IMAGE = re.compile(
    r"(Image file .+? is (?:damaged|missing): |Cannot read the image )[^\n]*"
)


def run(arguments: Any) -> int:
    """Does what parsed arguments say; returns the exit code."""
    signals.listen(_leave)
    if not arguments.debug:  # of retracing and the like: not for users
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _note  # type: ignore[assignment]
            COMMANDS[arguments.command](arguments)
    except signals.Preempted as stopped:
        line = f"{stopped}. The same command goes on from there"
        return _say(ValueError(line), stopped.code, False)
    except signals.Stopped as stopped:
        return _say(stopped, stopped.code, arguments.debug)
    except (ValueError, OSError, ImportError, MemoryError) as error:
        return _say(error, WRONG, arguments.debug)
    except Exception as error:
        if signals.sigterm_came():  # TensorFlow wraps the exit that came amid a trace
            return signals.Preempted.code
        if found := OF_AN_IMAGE.search(str(error)):
            return _say(ValueError(found.group()), WRONG, arguments.debug)
        name = type(error).__name__
        line = f"{name}: {one_line(error)[:500]} (--debug shows where)"
        return _say(RuntimeError(line), BUG, arguments.debug)
    return 0


def _say(error: BaseException, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print(f"keras-spa: {one_line(error)}", file=sys.stderr, flush=True)
    return code


def _leave() -> NoReturn:
    print("keras-spa: stopped by SIGTERM", file=sys.stderr, flush=True)
    sys.exit(signals.Preempted.code)


def _note(message: Warning | str, category: type[Warning], *others: Any) -> None:
    """One line of what keras_spa warns of; other libraries' are not for users."""
    if issubclass(category, KerasSpaWarning):
        print(f"keras-spa: {' '.join(str(message).split())}", file=sys.stderr)
