"""What is imported when: help and `import fitting` wait for no numerics and no plots."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.quick

HEAVY = ("jax", "equinox", "diffrax", "matplotlib", "pandas", "xarray", "scipy", "numpyro", "optax")
# What makes a figure, a table or a file of results is imported when one is made.
DRAWN = ("matplotlib", "pandas", "xarray", "scipy.stats", "schemdraw", "jinja2")


def loaded(code, names):
    """Which of the modules a fresh interpreter has imported after some code."""
    code += f"\nprint('loaded:', *(name for name in {names!r} if name in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", "import sys\n" + code], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("name", ["fitting", "jaxmem"])
def test_a_package_is_imported_without_its_numerics(name):
    assert loaded(f"import {name}", HEAVY) == []


@pytest.mark.parametrize("command", ["", "fit", "spike", "simulate", "sweep", "reproduce", "next"])
def test_help_is_shown_without_numerics(command):
    code = f"""
sys.argv = ["jaxmem", *{command.split()!r}, "--help"]
from jaxmem.apps.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end
"""
    assert loaded(code, HEAVY) == []


def test_what_a_fit_uses_draws_nothing():
    code = "from fitting import Spectrum, Trace, fit, read_recordings, read_spectra"
    assert loaded(code, DRAWN) == []
