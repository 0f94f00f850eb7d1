import os

from engine.processes import shared_environment


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert shared_environment(2)["TF_NUM_INTRAOP_THREADS"] == "4"
    assert shared_environment(16)["TF_NUM_INTRAOP_THREADS"] == "1"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")  # what the user says counts
    assert shared_environment(2)["TF_NUM_INTRAOP_THREADS"] == "3"
