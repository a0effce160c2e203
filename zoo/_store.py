"""Where weights come from: the package, the cache, mirrors. Every file is checked by SHA-256."""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import pathlib
import tempfile
import urllib.request
from collections.abc import Sequence

import keras

from gloro_tf.models.preset import sha256
from gloro_tf.types import PathLike
from zoo import _registry

CHUNK = 2**18
TIMEOUT = 30


def fetch(
    name: str,
    *,
    mirrors: Sequence[str] | None = None,
    cache_dir: PathLike | None = None,
    offline: bool | None = None,
    verbose: int = 1,
) -> list[pathlib.Path]:
    """Returns the verified local paths of a model's files, fetching each at most once.

    They are looked for in the package, in the cache, and then on each mirror in turn. A file of
    the cache whose SHA-256 is wrong is put aside as `*.corrupt` and fetched again; a download is
    moved into place only when its size and SHA-256 are right, so an interrupted one leaves nothing
    and two processes cannot disturb one another.

    Args:
        name: str. As in `zoo.card`.
        mirrors: list of `https://`, `http://` or `file://` addresses, or folders. Defaults to those of
            `GLORO_ZOO_MIRRORS`, separated by spaces.
        cache_dir: str. Defaults to `GLORO_ZOO_CACHE`, else `$KERAS_HOME/gloro_tf`, else
            `~/.keras/gloro_tf`. Files lie under `<sha256>/<file>`.
        offline: bool. Never use the network. Defaults to whether `GLORO_ZOO_OFFLINE` is set to
            anything but 0.
        verbose: int. 1 shows a progress bar.

    Returns:
        list of `pathlib.Path`.

    Raises:
        FileNotFoundError: offline, or without a mirror, naming the path looked for.
        OSError: if no mirror gave the right file, with what each gave; or the cache cannot be written.
        ValueError: if a file that came with the package is damaged.
    """
    card = _registry.card(name)
    if card.members:
        again = functools.partial(
            fetch, mirrors=mirrors, cache_dir=cache_dir, offline=offline, verbose=verbose
        )
        return [path for member in card.members for path in again(member)]
    if mirrors is None:
        mirrors = os.environ.get("GLORO_ZOO_MIRRORS", "").split()
    if isinstance(mirrors, (str, os.PathLike)):
        mirrors = [mirrors]
    if offline is None:
        offline = os.environ.get("GLORO_ZOO_OFFLINE", "0") not in ("", "0")
    folder = cache_folder(cache_dir)
    return [_one(card, entry, mirrors, folder, offline, verbose) for entry in card.weights]


def cache_folder(cache_dir=None):
    """The folder of fetched files."""
    home = os.environ.get("KERAS_HOME", pathlib.Path("~", ".keras"))
    default = os.environ.get("GLORO_ZOO_CACHE") or pathlib.Path(home, "gloro_tf")
    return pathlib.Path(cache_dir or default).expanduser()


def _one(card, entry, mirrors, folder, offline, verbose):
    held = _in_package(card, entry)
    if held:
        return held
    target = folder / entry["sha256"] / entry["file"]
    if target.exists():
        if sha256(target) == entry["sha256"]:
            return target
        with contextlib.suppress(FileNotFoundError):  # another process may be quicker
            target.replace(target.with_name(target.name + ".corrupt"))
    if offline or not mirrors:
        why = "offline mode is on" if offline else "there is no mirror to fetch it from"
        raise FileNotFoundError(
            f"'{entry['file']}' of '{card.full_name}' is not in the cache, and {why}. Looked for: "
            f"{target}. Put the file there, or name a mirror: `mirrors=[...]` or GLORO_ZOO_MIRRORS."
        )
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        try:
            _download(_address(mirror, entry["file"]), target, entry, verbose)
            return target
        except UnwritableCache:
            raise
        except (OSError, ValueError, http.client.HTTPException) as error:
            failures.append(f"  {mirror}: {error}")
    listed = "\n".join(failures)
    raise OSError(f"No mirror gave '{entry['file']}' of '{card.full_name}':\n{listed}")


def _in_package(card, entry):
    """The file that came with the package, or, if it is large, with the checkout; or `None`."""
    folder = _registry.FOLDER / "weights"
    paths = [where / entry["file"] for where in (folder, folder / "large")]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        return None
    if sha256(path) != entry["sha256"]:
        raise ValueError(
            f"SHA-256 mismatch for '{path}' of '{card.full_name}': expected {entry['sha256']}, got "
            f"{sha256(path)}. The installation is damaged; install the package again."
        )
    return path


def _address(mirror, file):
    """The URL of a file on a mirror, which may be a folder."""
    text = str(mirror)
    if "://" not in text:
        text = pathlib.Path(text).expanduser().resolve().as_uri()
    return f"{text.rstrip('/')}/{file}"


def _download(url, target, entry, verbose):
    """Fetches one file into place, or leaves nothing."""
    with _writing(target):
        handle, part = tempfile.mkstemp(dir=target.parent, suffix=".part")
    try:
        with (
            os.fdopen(handle, "wb", buffering=0) as file,
            urllib.request.urlopen(url, timeout=TIMEOUT) as source,
        ):
            announced = source.headers.get("Content-Length")
            if announced is not None and int(announced) != entry["bytes"]:
                raise OSError(f"{announced} bytes announced, expected {entry['bytes']}")
            _copy(source, file, entry, target, verbose)
        if os.path.getsize(part) != entry["bytes"]:
            raise OSError(f"{os.path.getsize(part)} bytes received, expected {entry['bytes']}")
        found = sha256(part)
        if found != entry["sha256"]:
            raise OSError(f"SHA-256 mismatch: expected {entry['sha256']}, got {found}")
        with _writing(target):
            os.replace(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


class UnwritableCache(OSError):
    """The cache, and not a mirror, is what failed."""


@contextlib.contextmanager
def _writing(target):
    try:
        yield
    except OSError as error:
        raise UnwritableCache(
            f"'{target}' cannot be written ({error}). Nothing of it is left. Make room there, or name "
            "another folder: `cache_dir` or GLORO_ZOO_CACHE."
        ) from error


def _copy(source, file, entry, target, verbose):
    """Copies a response with a progress bar; stops where it is longer than it may be."""
    bar = keras.utils.Progbar(entry["bytes"], unit_name="byte") if verbose else None
    received = 0
    while chunk := source.read(CHUNK):
        received += len(chunk)
        if received > entry["bytes"]:
            raise OSError(f"more than the expected {entry['bytes']} bytes")
        with _writing(target):
            file.write(chunk)
        if bar:
            bar.update(received)
