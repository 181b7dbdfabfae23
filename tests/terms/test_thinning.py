"""Which samples of a long recording a search uses: those that show what it does."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import jaxmem as jm
from fitting import Recording, Trace, write_recording_csv
from fitting.readers.traces import trace_of
from fitting.terms.term import On
from fitting.terms.thinning import telling_samples, thinned
from jaxmem.apps.cli import app

pytestmark = pytest.mark.usefixtures("not_rendered")

SHAPES = {
    "sine": lambda t: np.sin(9 * t), "step": lambda t: (t > 0.31) * 1.0,
    "spike": lambda t: np.exp(-(((t - 0.7) / 1e-3) ** 2)), "flat": lambda t: 0 * t,
    "pulses": lambda t: ((20 * t) % 1 < 0.3) * 1.0, "decay": lambda t: np.exp(-50 * t),
}  # fmt: skip


@pytest.mark.quick
@given(
    st.integers(2, 3000), st.integers(50, 400), st.sampled_from([*SHAPES]),
    st.sampled_from([*SHAPES]), st.sampled_from([0.0, 1e-3, 0.1]), st.integers(0, 9),
)  # fmt: skip
def test_ends_extrema_and_edges_are_kept(n, most, one, two, noise, seed):
    t = np.linspace(0, 1, n)
    rng = np.random.default_rng(seed)
    signals = [SHAPES[name](t) + noise * rng.normal(size=n) for name in (one, two)]
    kept = telling_samples(most, t, *signals)
    assert len(kept) == min(n, most) or len(kept) <= most < n
    assert (np.diff(kept) > 0).all() and {0, n - 1} <= set(kept.tolist())
    for name, x in zip((one, two), signals, strict=True):
        assert x[kept].min() == x.min() and x[kept].max() == x.max()
        if name == "step" and noise < 0.1 and n > 4:
            at = int(np.argmax(t > 0.31))
            assert {at - 1, at} <= set(kept.tolist())
    if most >= 100 and noise == 0:
        # Straight lines through what is kept are nearly what was measured.
        for name, x in zip((one, two), signals, strict=True):
            if name not in ("pulses", "spike"):
                assert abs(np.interp(t, t[kept], x[kept]) - x).max() <= 0.1 * np.ptp(x)


@pytest.mark.slow
def test_a_trace_with_fewer_samples_is_the_same_loop():
    device, t, wave = jm.si_device(), np.linspace(0, 0.4, 801), jm.Triangle([0.0, 1.0], rate=5.0)
    I = np.asarray(jm.solve(jm.Circuit(device, jm.VoltageDrive(wave)), t).I)
    trace = trace_of(Recording(t, np.asarray(wave(t)), I))
    few = trace.thinned(100)
    assert len(few.t) <= 100 and len(few.wave.t) <= 103 and few.t[-1] == t[-1]
    assert few.period == trace.period and few.name == trace.name
    at = np.searchsorted(t, few.t)
    size = abs(I).max()
    np.testing.assert_allclose(few.signal(device), I[at], atol=2e-3 * size)
    assert trace.thinned(801) is trace
    on = On(lambda m: m[0], trace)
    assert len(thinned(on, 100).term.t) == len(few.t) and thinned(on, 801).term is trace
    # Samples that are not used are left out first; a known wave stays as it is.
    used = np.arange(801) % 2 == 0
    known = Trace(t, jm.VoltageDrive(wave), I, used=used, sigma=1e-6 * (1 + t)).thinned(100)
    assert isinstance(known.drive.wave, jm.Triangle) and set(known.t) <= set(t[used])
    np.testing.assert_allclose(known.sigma, 1e-6 * (1 + known.t))


@pytest.mark.slow
def test_a_search_on_fewer_samples_ends_where_one_on_all_ends(tmp_path):
    device, t, wave = jm.si_device(R_s=50.0), np.linspace(0, 0.4, 400), jm.Triangle([0, 1], rate=5)
    rng = np.random.default_rng(0)
    I = np.asarray(jm.solve(jm.Circuit(device, jm.VoltageDrive(wave)), jnp.asarray(t)).I)
    I = I + 1e-3 * np.sqrt(np.mean(I**2)) * rng.normal(size=400)
    write_recording_csv(tmp_path / "loop.csv", Recording(t, np.asarray(wave(t)), I))
    records = {}
    for thin in (0, 100):
        arguments = ["fit", tmp_path / "loop.csv", "--device", "3d", "--fix", "R_s=50"]
        arguments += ["--thin", thin, "--out", tmp_path / f"out{thin}"]
        ran = CliRunner().invoke(app, [str(a) for a in arguments])
        assert ran.exit_code == 0, ran.output
        assert ("of each trace at most 100 samples" in ran.output) == (thin == 100)
        assert f"thin = {thin}" in (tmp_path / f"out{thin}/fit.toml").read_text()
        records[thin] = json.loads((tmp_path / f"out{thin}/fit.json").read_text())
    assert records[0]["numbers"] == records[100]["numbers"] == 400
    for one, two in zip(records[0]["parameters"], records[100]["parameters"], strict=True):
        width = one["interval_68"][1] - one["interval_68"][0]
        assert abs(one["value"] - two["value"]) < 0.1 * width
        assert np.allclose(one["interval_68"], two["interval_68"], atol=0.2 * width)
