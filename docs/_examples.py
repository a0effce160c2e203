"""Examples that were run, as pages."""

import json
import os
import pathlib
import re
import subprocess
import sys

from docs import _cells
from docs._run import fingerprint

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNS = ROOT / "build" / "examples"
FIRST, LAST = 12, 28


def run(names=()):
    """Runs examples, each in its own process: those named, or all that changed since their last run.

    Raises:
        ValueError: for an unknown name.
        RuntimeError: naming those that failed, after the others; their output is kept.
    """
    failed = []
    chosen = [_cells.read(name) for name in names or _cells.names()]
    todo = [example for example in chosen if names or outputs(example) is None]
    for number, example in enumerate(todo, start=1):
        print(f"[{number}/{len(todo)}] {example.name}", flush=True)
        command = [sys.executable, "-m", "docs._run", example.name, str(RUNS / example.name)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        if subprocess.run(command, cwd=ROOT, env=environment).returncode:
            failed.append(example.name)
    if failed:
        raise RuntimeError(
            f"{len(failed)} of {len(todo)} examples failed: {', '.join(failed)}. The first lines of "
            "each say what it needs; `python -m docs run NAME` runs one again."
        )


def outputs(example):
    """What each cell gave when this text of the example ran; `None` if it has not run."""
    path = RUNS / example.name / "outputs.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    return kept["outputs"] if kept["source"] == fingerprint(example) else None


def page(example):
    """The example as a page of markdown, with output and figures if it has been run."""
    made = outputs(example)
    parts = [f"# {example.title}", example.description]
    parts.append(f"`python examples/{example.name}.py` · [program]({example.name}.py)")
    if made is None:
        parts.append(f"*Not run here yet: `python -m docs run {example.name}`.*")
    for number, (kind, text) in enumerate(example.cells):
        parts.append(text if kind == "text" else f"```python\n{text}\n```")
        if made is not None:
            parts += _shown(example, made[number])
    return "\n\n".join(parts) + "\n"


def figures(example):
    """The paths of its figures."""
    made = outputs(example) or []
    return [RUNS / example.name / name for cell in made for name in cell["figures"]]


def _shown(example, output):
    text = shortened(output["text"])
    if text:
        yield f'```text title="output"\n{text}\n```'
    for name in output["figures"]:
        yield f"![Figure: {name}]({example.name}/{name})"


def shortened(text):
    """What a terminal would show at the end of progress bars, without the middle of long output."""
    text = re.sub(r"\x1b\[[0-9;]*m|[^\n]*\x08+", "", text)
    lines = [line.rpartition("\r")[2].rstrip() for line in text.rstrip().splitlines()]
    if len(lines) > FIRST + LAST + 1:
        lines[FIRST:-LAST] = [f"... {len(lines) - FIRST - LAST} lines ..."]
    return "\n".join(lines).replace("```", "'''")
