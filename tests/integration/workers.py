"""Starts the workers of a cluster on this machine, and waits for them."""

import json
import os
import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
SECONDS = 300


def free_ports(count):
    """Ports of this machine that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def start(command, **environment):
    """A process with its output in a pipe, in the repository."""
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def config(ports, index):
    """`TF_CONFIG` of one worker."""
    workers = [f"127.0.0.1:{port}" for port in ports]
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": workers}, "task": task})


def finish(processes, seconds=SECONDS):
    """Waits for processes; returns `[(code, output), ...]`, and leaves none behind."""
    try:
        found = [process.communicate(timeout=seconds)[0] for process in processes]
        return [(p.returncode, output) for p, output in zip(processes, found, strict=True)]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def run_probe(what, folder, count=2, **environment):
    """Runs the workers of `workers_probe.py`; returns what they found."""
    import numpy as np

    probe = pathlib.Path(__file__).with_name("workers_probe.py")
    ports = ",".join(map(str, free_ports(count)))
    started = [start([probe, what, i, ports, folder], **environment) for i in range(count)]
    for code, output in finish(started):
        assert code == 0, output[-3000:]
    return [dict(np.load(folder / f"{what}{i}.npz")) for i in range(count)]
