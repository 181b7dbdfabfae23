"""What a user's terminal shows is ours: no lines of XLA's compiler."""

import os
import re
import subprocess
import sys

import pytest

COMPILER = re.compile(r"likely stuck|Very slow compile|slow_operation_alarm|file a bug|\.cc:\d+\]")


def quiet(code, **environment):
    own = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300,
        env=own | environment,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran


def test_the_command_line_silences_the_compiler_before_jax_is_imported():
    code = (
        "import os, sys; from jaxmem.apps import cli; "
        "cli.app = lambda words: print(os.environ['TF_CPP_MIN_LOG_LEVEL'], 'jax' in sys.modules); "
        "cli.main()"
    )
    assert quiet(code).stdout.split() == ["3", "False"]


@pytest.mark.slow
def test_a_command_writes_its_own_lines_only(tmp_path):
    code = (
        "import sys; from jaxmem.apps import cli; "
        f"sys.argv = ['jaxmem', 'simulate', {str(tmp_path / 'd.toml')!r}, "
        f"'--drive', 'I = Pulse(3e-4, 1e-2)', '--out', {str(tmp_path / 'out')!r}]; "
        "cli.main()"
    )
    import jaxmem as jm

    jm.write_device(tmp_path / "d.toml", jm.si_device())
    assert not COMPILER.search(quiet(code).stderr)
