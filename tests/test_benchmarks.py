"""`python -m benchmarks`: what it would run exists, and reports keep what people wrote."""

import pathlib
import subprocess
import sys

import pytest

from benchmarks.__main__ import placed
from benchmarks._plan import PLAN, Entry

ROOT = pathlib.Path(__file__).parents[1]


def test_every_comparison_is_in_the_plan():
    scripts = {p.name for p in (ROOT / "benchmarks").glob("[a-z]*.py")}
    by_hand = {
        "relaxed_promises.py",  # they need trainings of an hour
        "selective_images.py",
        "scaling.py",  # has a report of its own, scaling.md
    }
    assert {entry.script for entry in PLAN} == scripts - by_hand
    assert len({entry.name for entry in PLAN}) == len(PLAN)


def test_a_report_keeps_what_people_wrote():
    entry = Entry("a.py", "why")
    first = placed("# Results\n\nA remark.\n", entry, ["python3", "benchmarks/a.py"], "| 1 |")
    assert first.startswith("# Results\n\nA remark.\n\n## a.py\n")
    remarked = first + "\nWhy it is so.\n"
    second = placed(remarked, entry, ["python3", "benchmarks/a.py", "--x"], r"| 2 \1 |")
    assert "| 1 |" not in second and r"| 2 \1 |" in second
    assert "A remark." in second and second.endswith("Why it is so.\n")
    other = placed(second, Entry("b.py", ""), ["python3", "benchmarks/b.py"], "| 3 |")
    assert r"| 2 \1 |" in other and other.count("<!-- end -->") == 2


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True
    )


def test_it_lists_and_refuses_unknown_names():
    listed = run("--list")
    assert listed.returncode == 0 and "peer_deel_lip.py" in listed.stdout
    refused = run("nothing.py")
    assert refused.returncode == 2 and "Received: nothing.py" in refused.stderr


def test_what_is_missing_is_left_out_with_the_reason(tmp_path):
    report = tmp_path / "report.md"
    quick = run("minmax.py", "--quick", "--output", str(report))
    assert quick.returncode == 0 and "no quick form" in quick.stdout and not report.exists()
    done = run("peer_pypi.py", "--output", str(report))
    assert done.returncode == 0 and "needs --peer_python" in done.stdout and not report.exists()


@pytest.mark.slow
def test_one_runs(tmp_path):
    report = tmp_path / "report.md"
    done = run("votes.py", "--quick", "--output", str(report))
    assert done.returncode == 0, done.stdout
    assert "<!-- measured: votes.py -->" in report.read_text()
