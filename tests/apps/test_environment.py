"""What commands set before JAX is imported: the user's flags of XLA stand, and XLA takes ours."""

import os
import subprocess
import sys

import pytest

from jaxmem.apps import environment
from jaxmem.apps.environment import LOOPS, PASSES


@pytest.fixture
def flags(monkeypatch):
    """The flags after those that were given, for a version of jaxlib, with or without a plugin."""

    def made(given="", version="0.10.2", plugin=False):
        monkeypatch.setattr(os, "environ", dict(os.environ, XLA_FLAGS=given))
        monkeypatch.setattr(environment, "version", lambda name: version)
        monkeypatch.setattr(environment, "find_spec", lambda name: object() if plugin else None)
        environment.set_environment()
        return os.environ["XLA_FLAGS"].split()

    return made


@pytest.mark.quick
def test_what_the_user_said_stands(flags):
    own = "--xla_backend_optimization_level=3"
    assert flags() == [LOOPS, PASSES]
    assert flags(own) == [own, LOOPS]
    assert flags("file-of-flags") == ["file-of-flags"]
    assert flags(f"--xla_cpu_use_fusion_emitters=true {own}") == [
        "--xla_cpu_use_fusion_emitters=true", own
    ]  # fmt: skip


@pytest.mark.quick
def test_what_another_version_or_a_gpu_has_no_use_for_is_not_set(flags):
    assert flags(version="0.12.0") == [PASSES]
    assert flags(plugin=True) == [LOOPS]
    assert flags(version="0.12.0", plugin=True) == []


def test_xla_takes_them():
    """XLA ends a process at a flag that it does not know."""
    code = (
        "from jaxmem.apps.environment import set_environment; set_environment(); "
        "import jax.numpy as jnp; print(float(jnp.arange(4.0).sum()))"
    )
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert ran.stdout.strip() == "6.0", ran.stderr
