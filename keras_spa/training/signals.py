"""What ends a job before its time, and with which exit code.

2    a flag, a file or the disk must be put right first
3    the loss or the weights are not finite any more
130  Ctrl-C
143  SIGTERM, which clusters send before they take a machine back
"""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn


class Stopped(BaseException):
    """Ends the job with one line, its text, and an exit code.

    Like KeyboardInterrupt no `Exception`, which libraries catch.
    """

    code = 2


class Diverged(Stopped):
    code = 3


class Preempted(Stopped):
    code = 128 + signal.SIGTERM


class _Sigterm:
    """Whether it came, and whether it has to wait for a state that can be saved."""

    came = False
    waits = False


class _Sigint:
    came = False


def sigterm_came() -> bool:
    return _Sigterm.came


def obey_sigint() -> None:
    """Raises KeyboardInterrupt once more if Ctrl-C came and training still runs.

    Where an exception cannot leave, in a finalizer or a callback of C++, Python drops
    it: a Ctrl-C that comes at such a moment would be lost.
    """
    if _Sigint.came:
        _Sigint.came = False
        raise KeyboardInterrupt


@contextlib.contextmanager
def sigterm_waits() -> Iterator[None]:
    """Inside, who can save looks at `sigterm_came` and raises `Preempted`."""
    _Sigterm.waits = True
    try:
        yield
    finally:
        _Sigterm.waits = False


def listen(leave: Callable[[], object]) -> None:
    """From now on SIGTERM calls `leave()`, unless it has to wait; once.

    And Ctrl-C is remembered, for `obey_sigint`, where Python listens to it; what
    Python would print where it drops one is not, for it is not lost.
    """

    def handle(number: int, frame: Any) -> None:
        if not _Sigterm.came:
            _Sigterm.came = True
            if not _Sigterm.waits:
                leave()

    def interrupt(number: int, frame: Any) -> NoReturn:
        _Sigint.came = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, handle)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
        sys.unraisablehook = _silent_about_sigint(sys.unraisablehook)


def _silent_about_sigint(hook: Callable[[Any], object]) -> Callable[[Any], None]:
    def silent(dropped: Any) -> None:
        if not (_Sigint.came and issubclass(dropped.exc_type, KeyboardInterrupt)):
            hook(dropped)

    return silent


def leave_job() -> NoReturn:
    print("\nStopped by SIGTERM. The same command goes on from here.", flush=True)
    sys.exit(Preempted.code)
