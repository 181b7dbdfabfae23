"""What all tests share: double precision, a quiet profile for hypothesis, shared data."""

import gc
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

# Two thirds of a run is the compiler, which is asked for less here: the same programs in half the
# time, at the speed that these small cases need. `make slow` compiles as a user does. Read by XLA
# when JAX is imported; jaxlib 0.10 alone has an emitter of fusions that can be turned off.
if "XLA_FLAGS" not in os.environ:
    os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    if version("jaxlib").startswith("0.10."):
        os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"
        # In one piece a program costs a sixth less than in pieces for cores that are busy.
        os.environ["XLA_FLAGS"] += " --xla_cpu_parallel_codegen_split_count=1"
    # Each process of a run has a core. With the threads of XLA's pool the eigenvalues of ladders
    # (tests/stability/test_stability_map.py) wait for each other for ever, now and then.
    os.environ["XLA_FLAGS"] += " --xla_cpu_multi_thread_eigen=false"

# Compiled programs are shared by the processes of one run, and by the programs that tests start:
# read by JAX when it is imported. The first process, which starts the others, makes the folder.
OWN_CACHE = "JAX_COMPILATION_CACHE_DIR" not in os.environ
if OWN_CACHE:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="jaxmem-tests-")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

import jax
import jaxtyping
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Shapes and types in signatures are checked wherever a test calls them; `fitting.study` alone
# takes what a user wrote as it is, and says itself what is wrong with it.
ROOMS = sorted({p.parent.name for p in Path(__file__).parents[1].glob("fitting/*/__init__.py")})
install_import_hook(
    ["jaxmem", *(f"fitting.{room}" for room in ROOMS if room != "study")], "typecheck.check"
)

jax.config.update("jax_enable_x64", True)
# An array that meets one of another rank does so on purpose: by an index or a named axis.
jax.config.update("jax_numpy_rank_promotion", "raise")

# A change is judged on the same examples each time; new ones are looked for by
# HYPOTHESIS_PROFILE=search (as many as by default) and =thorough (twenty times as many).
settings.register_profile(
    "default", deadline=None, max_examples=25, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.register_profile("search", parent=settings.get_profile("default"), derandomize=False)
settings.register_profile("thorough", parent=settings.get_profile("search"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Tracing makes millions of small objects that live on: they are looked through less often than each
# time that 700 are new.
gc.set_threshold(50_000, 20, 20)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    """The folder of measured data and reference values; tests skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no folder {SHARED.name}/ beside the checkout")
    return SHARED


# A process may have 65,530 memory maps, beyond which LLVM crashes; one file of tests takes up to
# ten thousand.
MOST_MAPS = 30_000


@pytest.fixture(scope="module", autouse=True)
def _few_maps():
    """Compiled programs, which hold memory maps, are kept from file to file while these are few."""
    yield
    try:
        maps = Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:  # no Linux: they are not counted
        maps = MOST_MAPS
    if maps >= MOST_MAPS:
        jax.clear_caches()


@pytest.fixture
def no_other_models(monkeypatch):
    """A model that does not describe the data is not followed by fits of six others, for tests of
    something else."""
    monkeypatch.setattr("fitting.study.describing.FAMILY", ())


@pytest.fixture
def rendered():
    """Of a test that looks at its figures, where others in its file do not; see `not_rendered`."""


@pytest.fixture
def not_rendered(request, monkeypatch):
    """Figures are put together and not rendered, for tests of something else.

    matplotlib takes as long for a page's figures as the fit behind them. What the fixtures of a
    module make is rendered all the same.
    """
    if "rendered" not in request.fixturenames:
        monkeypatch.setattr("matplotlib.figure.Figure.savefig", _blank)


def _blank(figure, file, **how):
    """In the place of `savefig`: an empty figure."""
    del figure, how
    if hasattr(file, "write"):
        file.write("<svg></svg>")
    else:
        Path(file).touch()


@pytest.fixture
def every_step(monkeypatch):
    """Each step of a search is said, and not only now and then."""
    monkeypatch.setattr("fitting.estimate.two_stage.PAUSE", 0.0)


@pytest.fixture
def as_users_call(monkeypatch):
    """Without the checks of types that only tests have: what a user sees of a wrong call."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def pytest_unconfigure():
    if OWN_CACHE:
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


def pytest_collection_modifyitems(items):
    if jax.default_backend() == "cpu":
        skip = pytest.mark.skip(reason="no GPU that JAX can see")
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(skip)
