"""Runs every comparison and rewrites what was measured in `benchmarks/RESULTS.md`.

    python -m benchmarks --list
    python -m benchmarks --quick                       # under 10 minutes; to runs/benchmarks_quick.md
    python -m benchmarks --data_dir=... --peer_python=.peer/bin/python --deel_python=.deel/bin/python
    python -m benchmarks votes.py bounds.py            # these alone

Each benchmark is a process of its own. What it prints takes the place of its last output in the
report, between `<!-- measured: NAME -->` and `<!-- end -->`; what people wrote around it stays. A
report is written after each, so that Ctrl-C loses only the one that runs. One that needs something
that is not there (a data folder, a peer's environment) is left out, with the reason.
"""

import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

from benchmarks._plan import PLAN

HERE = pathlib.Path(__file__).parent
NOISE = re.compile(r"^(WARNING: All log|I0000|E0000|W0000|I\d{4} |\d{4}-\d\d-\d\d .*: [IWE] )")


def main():
    args = _parse()
    chosen = [entry for entry in PLAN if not args.names or entry.script in args.names]
    if args.list:
        for entry in chosen:
            print(f"{entry.name:40} {entry.why}")
        return
    path = pathlib.Path(
        args.output or ("runs/benchmarks_quick.md" if args.quick else HERE / "RESULTS.md")
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    failed, begin = [], time.monotonic()
    for entry in chosen:
        command, reason = _command(entry, args)
        if reason:
            print(f"{entry.name}: left out, {reason}", flush=True)
            continue
        print(f"{entry.name}: {shlex.join(command)}", flush=True)
        status, text = _run(command)
        if status:
            failed.append(entry.name)
            print(
                f"  failed with {status}; the report keeps what it had.\n{text[-800:]}", flush=True
            )
            continue
        path.write_text(placed(path.read_text() if path.exists() else "", entry, command, text))
        print(f"  done, {time.monotonic() - begin:.0f} s in all; {path}", flush=True)
    if failed:
        raise SystemExit(f"benchmarks: {len(failed)} failed: {', '.join(failed)}")


def _parse():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    scripts = sorted({entry.script for entry in PLAN})
    parser.add_argument("names", nargs="*", metavar="SCRIPT", help=f"out of {', '.join(scripts)}")
    parser.add_argument("--list", action="store_true", help="what there is, and stop")
    parser.add_argument(
        "--quick", action="store_true", help="smaller sizes, in a report of its own"
    )
    parser.add_argument("--output", help="the report to update")
    parser.add_argument("--data_dir", help="folder of prepared TFDS data sets")
    parser.add_argument("--peer_python", help="an interpreter with gloro 1.1.1")
    parser.add_argument("--deel_python", help="an interpreter with deel-lip 1.5.0")
    parser.add_argument("--scip_python", help="an interpreter with PySCIPOpt")
    parser.add_argument("--fgp_python", help="an interpreter with fgp-cert 0.0.3")
    parser.add_argument("--shared", help="folder with data/acasxu and data/fgp")
    args = parser.parse_args()
    unknown = sorted(set(args.names) - set(scripts))
    if unknown:
        parser.error(f"SCRIPT must be out of {', '.join(scripts)}. Received: {', '.join(unknown)}")
    return args


def _command(entry, args):
    """The command line, or why there is none: `(list, None)` or `(None, str)`."""
    if args.quick and entry.quick is None:
        return None, "it has no quick form"
    filled = []
    for word in entry.quick if args.quick else entry.full:
        for need in re.findall(r"\{(\w+)\}", word):
            if not getattr(args, need):
                return None, f"it needs --{need}"
            word = word.replace(f"{{{need}}}", getattr(args, need))
        filled.append(word)
    return [sys.executable, f"benchmarks/{entry.script}", *filled], None


def _run(command):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        command, cwd=HERE.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if not NOISE.match(line)]
    return done.returncode, "\n".join(lines).strip()


def placed(report, entry, command, text):
    """The report with a benchmark's output in its place, or at the end if it is new."""
    shown = shlex.join(["python", *command[1:]])
    block = f"<!-- measured: {entry.name} -->\n    PYTHONPATH=. {shown}\n\n{text}\n<!-- end -->"
    old = re.compile(rf"<!-- measured: {re.escape(entry.name)} -->.*?<!-- end -->", flags=re.DOTALL)
    if old.search(report):
        return old.sub(lambda _: block, report)
    return f"{report.rstrip()}\n\n## {entry.name}\n\n{block}\n".lstrip()


if __name__ == "__main__":
    main()
