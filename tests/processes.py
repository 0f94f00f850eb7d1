"""Processes that train together on this machine."""

import json
import socket


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def two_workers():
    """The environment of each of two workers of tf.distribute."""
    workers = [f"localhost:{port}" for port in free_ports(2)]
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    configs = [{"cluster": {"worker": workers}, "task": task} for task in tasks]
    return [{"TF_CONFIG": json.dumps(config)} for config in configs]
