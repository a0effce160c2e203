"""Fetching, against a real HTTP server on this machine."""

import contextlib
import dataclasses
import errno
import functools
import http.server
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import zoo
from gloro_tf.models.preset import sha256
from zoo import _registry, _store

NAME = "toy.digits"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; `/html`, `/short` and `/slow` do what bad mirrors do."""

    def do_GET(self):  # noqa: N802
        kind = self.path.split("/")[1]
        if kind == "html":
            return self._send(b"<html>quota exceeded</html>")
        if kind in ("short", "slow"):
            name = self.path.split("/")[-1]
            body = pathlib.Path(self.directory, name).read_bytes()
            half, pause = len(body) // 2, 5 if kind == "slow" else 0
            return self._send(body[:half], length=len(body), pause=pause)
        self.server.hits += 1
        return super().do_GET()

    def _send(self, body, length=None, pause=0):
        self.send_response(200)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        time.sleep(pause)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """A card whose weights lie on a mirror only: `(mirror folder, weights entry)`."""
    mirror, package = tmp_path / "mirror", tmp_path / "zoo"
    for folder in (mirror, package / "cards", package / "weights"):
        folder.mkdir(parents=True)
    file = mirror / f"{NAME}@1.npz"
    file.write_bytes(np.random.default_rng(0).bytes(100_000))
    weights = {"file": file.name, "bytes": 100_000, "sha256": sha256(file)}
    real = _registry.card("convnet_2c2f.mnist")
    card = dataclasses.replace(real, name=NAME, revision=1, weights=[weights])
    (package / "cards" / f"{NAME}@1.json").write_text(card.to_json())
    monkeypatch.setattr(_registry, "FOLDER", package)
    monkeypatch.setattr(_registry, "CARDS", package / "cards")
    for variable in ("GLORO_ZOO_CACHE", "GLORO_ZOO_OFFLINE", "GLORO_ZOO_MIRRORS"):
        monkeypatch.delenv(variable, raising=False)
    return mirror, weights


@pytest.fixture
def server(entry):
    handler = functools.partial(Handler, directory=str(entry[0]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.hits = 0
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def fetch(cache, *mirrors, **kwargs):
    return zoo.fetch(NAME, mirrors=list(mirrors), cache_dir=cache, verbose=0, **kwargs)


def leftovers(cache):
    return [p for p in cache.rglob("*.part")]


def test_fresh_then_cached(entry, server, tmp_path, capsys):
    cache = tmp_path / "cache"
    (path,) = zoo.fetch(NAME, mirrors=server.url, cache_dir=cache)
    assert "100000/100000" in capsys.readouterr().out  # the progress bar
    assert sha256(path) == entry[1]["sha256"] and path.parent.name == entry[1]["sha256"]
    assert fetch(cache, server.url) == [path] and server.hits == 1
    assert fetch(cache, offline=True) == [path]


def test_folders_and_file_addresses_are_mirrors_too(entry, tmp_path):
    assert fetch(tmp_path / "a", entry[0]) and fetch(tmp_path / "b", entry[0].as_uri())


def test_a_corrupt_cache_is_put_aside_and_mended(entry, server, tmp_path):
    cache = tmp_path / "cache"
    (path,) = fetch(cache, server.url)
    path.write_bytes(b"rot")
    assert fetch(cache, server.url) == [path] and sha256(path) == entry[1]["sha256"]
    assert path.with_name(path.name + ".corrupt").read_bytes() == b"rot"


def test_a_corrupt_cache_without_network_is_an_error(entry, server, tmp_path):
    (path,) = fetch(tmp_path, server.url)
    path.write_bytes(b"rot")
    with pytest.raises(FileNotFoundError, match="offline mode is on.*npz"):
        fetch(tmp_path, server.url, offline=True)


@pytest.mark.parametrize(
    "kind, says", [("short", "bytes"), ("html", "bytes announced"), ("missing", "404")]
)
def test_bad_answers_leave_nothing(entry, server, tmp_path, kind, says):
    with pytest.raises(OSError, match=f"No mirror gave(.|\n)*{says}"):
        fetch(tmp_path / "cache", f"{server.url}/{kind}")
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_right_size_but_wrong_content(entry, server, tmp_path):
    mirror, weights = entry
    (mirror / weights["file"]).write_bytes(bytes(100_000))
    with pytest.raises(OSError, match="SHA-256 mismatch"):
        fetch(tmp_path / "cache", server.url)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_a_dead_mirror_then_a_live_one(entry, server, tmp_path):
    assert fetch(tmp_path / "cache", "http://127.0.0.1:9", f"{server.url}/html", server.url)


def test_no_mirror_and_offline_say_where_they_looked(entry, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no mirror(.|\n)*GLORO_ZOO_MIRRORS"):
        fetch(tmp_path / "cache")
    monkeypatch.setenv("GLORO_ZOO_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="offline"):
        fetch(tmp_path / "cache", "http://127.0.0.1:9")


def test_environment(entry, server, tmp_path, monkeypatch):
    monkeypatch.setenv("GLORO_ZOO_MIRRORS", f"http://127.0.0.1:9 {server.url}")
    monkeypatch.setenv("GLORO_ZOO_CACHE", str(tmp_path / "c"))
    (path,) = zoo.fetch(NAME, verbose=0)
    assert path.is_relative_to(tmp_path / "c")


def test_a_damaged_installation_is_seen(entry, tmp_path):
    (_registry.FOLDER / "weights" / entry[1]["file"]).write_bytes(b"rot")
    with pytest.raises(ValueError, match="installation is damaged"):
        fetch(tmp_path)


CHILD = """
import json, pathlib, sys
from zoo import _store
entry, url, target = json.loads(sys.argv[1])
target = pathlib.Path(target)
print("go", flush=True)
_store._download(url, target, entry, 0)
"""


def child(entry, url, target):
    argument = json.dumps([entry[1], f"{url}/{entry[1]['file']}", str(target)])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, argument], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_two_processes_at_once(entry, server, tmp_path):
    target = tmp_path / "cache" / "w.npz"
    target.parent.mkdir()
    both = [child(entry, server.url, target) for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=120)[1].count(b"Error") == 0 and not process.returncode
    assert sha256(target) == entry[1]["sha256"] and not leftovers(target.parent)


def test_ctrl_c_half_way_leaves_nothing(entry, server, tmp_path):
    target = tmp_path / "cache" / "w.npz"
    target.parent.mkdir()
    process = child(entry, f"{server.url}/slow", target)
    process.stdout.readline()
    for _ in range(200):
        if leftovers(target.parent):
            break
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode and not list(target.parent.iterdir())


def test_longer_than_announced_is_cut_off(entry, tmp_path):
    class Endless:
        def read(self, size):
            return b"x" * size

    with open(tmp_path / "f", "wb") as file, pytest.raises(OSError, match="more than"):
        _store._copy(Endless(), file, entry[1], tmp_path / "f", 0)


@pytest.mark.parametrize("where", ["mkstemp", "replace", "write"])
def test_a_full_disk_is_not_blamed_on_the_mirrors(entry, server, tmp_path, monkeypatch, where):
    def full(*arguments, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full(io.FileIO):
        write = full

    if where == "write":
        monkeypatch.setattr(_store.os, "fdopen", lambda handle, *_, **__: Full(handle, "w"))
    else:
        monkeypatch.setattr(_store.tempfile if where == "mkstemp" else _store.os, where, full)
    with pytest.raises(OSError, match="cannot be written .*No space left.*cache_dir"):
        fetch(tmp_path / "cache", server.url, server.url)
    assert server.hits <= 1
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_a_card_cannot_name_files_elsewhere(entry):
    text = next(_registry.CARDS.glob("*.json")).read_text()
    for bad in ("../x", "/etc/passwd", ".hidden", "a b", ""):
        fields = json.loads(text)
        fields["weights"][0]["file"] = bad
        with pytest.raises(ValueError, match="outside of its folder"):
            zoo.Card.from_json(json.dumps(fields))
    with contextlib.suppress(ValueError):
        zoo.Card.from_json("[]")
        raise AssertionError
