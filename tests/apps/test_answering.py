"""What a machine reads: one JSON object on standard output, whatever happened; the version."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from jaxmem.apps.answering import json_first

pytestmark = pytest.mark.quick


def typed(*words, cwd):
    run = [sys.executable, "-m", "jaxmem", *words]
    return subprocess.run(run, capture_output=True, text=True, timeout=120, cwd=cwd)


def test_json_may_stand_anywhere_and_says_what_was_answered(tmp_path):
    run = typed("device", "si", "--json", cwd=tmp_path)
    said = json.loads(run.stdout)
    assert (run.returncode, said["status"], said["wrote"]) == (0, 0, None)
    assert said["device"].startswith('kind = "Memristor3D"')


def test_an_error_is_in_the_object_and_on_standard_error(tmp_path):
    run = typed("--json", "spike", "nothing.toml", cwd=tmp_path)
    said = json.loads(run.stdout)
    assert run.returncode == said["status"] == 2
    assert said["lines"] == ["jaxmem: nothing.toml: there is no such file; check the path"]
    assert said["lines"][0] in run.stderr


def test_the_version_is_that_which_is_installed(tmp_path):
    assert typed("--version", cwd=tmp_path).stdout.strip() == version("jaxmem")


def test_other_words_keep_their_order():
    assert json_first(["fit", "a.csv", "--json", "--out", "b"]) == [
        "--json", "fit", "a.csv", "--out", "b",
    ]  # fmt: skip
    assert json_first(["fit", "a.csv"]) == ["fit", "a.csv"]
