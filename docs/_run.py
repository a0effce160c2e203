"""Runs one example, cell by cell, in a process of its own: `python -m docs._run NAME FOLDER`.

Figures are the images that a cell writes into the folder, which is where it runs.
"""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import sys

from docs import _cells

PICTURES = (".png", ".svg")


class Tee(io.StringIO):
    """Keeps what is printed, and passes it on."""

    def write(self, text):
        sys.__stdout__.write(text)
        return super().write(text)


def fingerprint(example):
    """What an output belongs to: the text of the program."""
    return hashlib.sha256(example.path.read_bytes()).hexdigest()


def main(name, folder):
    """Writes `outputs.json`: for each cell what it printed, and the figures that it wrote."""
    example, folder = _cells.read(name), pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for old in _pictures(folder):
        (folder / old).unlink()
    sys.argv = [str(example.path)]
    namespace = {"__name__": "__main__", "__file__": str(example.path)}
    outputs, seen = [], {}
    for kind, text in example.cells:
        printed = Tee()
        if kind == "code":
            with contextlib.redirect_stdout(printed):
                exec(compile(text, f"{name}.py", "exec"), namespace)
        now = _pictures(folder)
        figures = [picture for picture, stamp in now.items() if seen.get(picture) != stamp]
        outputs.append({"text": printed.getvalue(), "figures": figures})
        seen = now
    kept = {"source": fingerprint(example), "outputs": outputs}
    (folder / "outputs.json").write_text(json.dumps(kept, indent=1))


def _pictures(folder):
    found = sorted(p for p in folder.iterdir() if p.suffix in PICTURES)
    return {path.name: path.stat().st_mtime_ns for path in found}


if __name__ == "__main__":
    main(*sys.argv[1:])
