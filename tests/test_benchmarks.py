"""The harness of the benchmarks: what it lists, keeps, tabulates and compares."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from benchmarks import harness, parity, table


def module(**parts):
    """A benchmark that is no file."""
    row = table.Row(counted=lambda r: f"{r['a']['found']} of {r['a']['of']}")
    counts = {"cases": (40, "cases")}
    run = lambda options: {name: lambda f=f: f(options) for name, f in parts.items()}
    return SimpleNamespace(__doc__="Is it?", COUNTS=counts, ROW=row, run=run)


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """A benchmark `bench` of two parts."""
    made = module(a=lambda o: {"found": o.cases - 1, "of": o.cases}, b=lambda o: [o.seed])
    monkeypatch.setattr(harness, "load", lambda name: made)
    monkeypatch.setattr(table, "load", lambda name: made)
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    return tmp_path / "bench.json"


def test_without_a_name_all_questions_are_listed():
    said = subprocess.check_output(
        [sys.executable, "-m", "benchmarks"], cwd=harness.ROOT, text=True
    )
    assert len(harness.names()) == 27
    assert all(f"\n{name}" in said for name in harness.names())
    assert "Are all Hopf points found" in said


def test_the_readme_has_the_table_of_the_results_that_are_kept():
    # In a process of its own: a benchmark may set threads and environment where it is imported.
    code = "from benchmarks import table; print(table.text())"
    said = subprocess.check_output([sys.executable, "-c", code], cwd=harness.ROOT, text=True)
    assert said in table.README.read_text()


def test_a_part_replaces_its_own_numbers_only(bench):
    assert harness.run("bench", ["--cases", "4", "--seed", "7"]) == 0
    assert harness.run("bench", ["--only", "a"]) == 0
    kept = json.loads(bench.read_text())
    assert kept["a"] == {"found": 39, "of": 40} and kept["b"] == [7]
    assert kept["provenance"]["b"]["command"].endswith("bench --cases 4 --seed 7")
    assert kept["provenance"]["a"]["versions"]["jax"]
    assert harness.run("bench", ["--only", "c"]) == 2


def test_a_quick_run_is_a_tenth_and_writes_nothing(bench, capsys):
    assert harness.run("bench", ["--quick"]) == 0
    assert '"of": 4' in capsys.readouterr().out and not bench.exists()


def test_a_function_is_called_in_a_process_of_its_own():
    version = harness.in_new_process(harness.installed, "numpy")
    assert version == harness.installed("numpy") and version is not None
    assert harness.in_new_process(harness.installed, "no-such-package") is None


def test_the_table_has_dashes_for_what_a_result_lacks(bench):
    assert table.cells("bench") == ["bench", *["-"] * 5]
    bench.write_text(json.dumps({"b": []}))
    assert table.cells("bench") == ["bench", *["-"] * 5]
    bench.write_text(json.dumps({"a": {"found": 3, "of": 4}}))
    assert table.cells("bench") == ["bench", "3 of 4", *["-"] * 4]


def test_counts_of_two_results_are_compared_and_times_are_not():
    theirs = {"a": {"found": 10, "of": 10, "seconds": 3.0, "share": 0.5}, "seed": 0, "old": 1}
    ours = {"a": {"found": 7, "of": 9, "seconds": 9.0, "share": 0.6}, "seed": 0}
    counts, others = parity.differences(theirs, ours, within=2)
    assert counts == ["count a / found: 10 -> 7"]
    assert others == ["number a / share: 0.5 -> 0.6", "only theirs: old"]


def test_json_is_found_in_what_a_program_prints():
    text = 'first\n{"a": 1} (3 s)\nsecond {"b": {"c": [2]}}\n{no json}\n'
    assert parity.printed(text) == {"first": {"a": 1}, "second": {"b": {"c": [2]}}}
    assert parity.printed('{"a": 1}') == {"a": 1}


SLEEPS = """
import json, time
begin = time.perf_counter()
time.sleep(0.5)
print("part", json.dumps({"seconds": time.perf_counter() - begin, "found": 3}))
"""


def test_another_checkout_is_timed_by_the_processor(monkeypatch, tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "sleeps.py").write_text(SLEEPS)
    monkeypatch.setattr(parity, "ROOT", tmp_path)
    whole, part = parity.speed(tmp_path, "sleeps", [], [], rounds=1)
    assert whole.endswith(parity.WHOLE) and part.endswith("part / seconds")
    theirs, ours, _ = map(float, part.split("part")[0].split())
    assert max(theirs, ours) < 0.1
