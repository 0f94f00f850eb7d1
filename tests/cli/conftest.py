"""The command line leaves no trace in the process of the tests."""

import signal

import pytest

from keras_spa.training import signals
from keras_spa_cli import main


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signals._Sigterm.came = False


@pytest.fixture
def run(capsys):
    """Runs a command; gives its exit code, what it printed, and its last error line."""

    def run_command(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run_command
