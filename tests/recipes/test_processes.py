import os

from engine.processes import shared_environment


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert shared_environment(2)["TF_NUM_INTRAOP_THREADS"] == "4"
    assert shared_environment(16)["TF_NUM_INTRAOP_THREADS"] == "1"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")  # what the user says counts
    assert shared_environment(2)["TF_NUM_INTRAOP_THREADS"] == "3"


def test_processes_share_the_memory_of_a_gpu(monkeypatch):
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    shared = shared_environment(4)
    assert shared["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.225"
    assert shared["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert shared_environment(2)["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.450"
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" not in shared_environment(1)
    monkeypatch.setenv("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.1")
    assert shared_environment(4)["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.1"
