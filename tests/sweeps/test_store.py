"""Sweeps that are kept tile by tile: whatever stops them, the result is that of one run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from listening import CtrlC, Heard

import jaxmem as jm
from jaxmem.sweeps import Axis, open_sweep, sweep
from jaxmem.sweeps.store import SweepStore
from jaxmem.sweeps.tiles import Tiles

AXES = Axis.log(lambda d: d.C_m, 1e-9, 1e-5, 12), Axis.log(lambda d: d.i_c0, 1e-4, 1e-2, 15)


def admittance(d):
    """Of several types, and with dimensions of its own."""
    Y = d.admittance(1j * jnp.array([10.0, 1e4]), 0.8)
    return {"Y": Y, "slow": d.tau_m > 1e-3, "whole": jnp.int32(jnp.floor(1e6 * d.tau_m))}


def same(a, b):
    assert list(a) == list(b) and a.sizes == b.sizes
    for name in (*a.coords, *a):
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(a[name].values, b[name].values)


@pytest.fixture(scope="module")
def undisturbed():
    return sweep(admittance, jm.si_device(), *AXES, batch=20)


@pytest.mark.quick
def test_a_store_holds_what_memory_would(undisturbed, tmp_path):
    kept = sweep(admittance, jm.si_device(), *AXES, batch=20, store=tmp_path / "s.zarr")
    same(undisturbed, kept)
    assert kept.C_m.attrs == {"units": "F", "long_name": "capacitance of the layer"}
    assert kept.attrs["tiles"] == kept.attrs["tiles_done"] == 12
    same(undisturbed, open_sweep(tmp_path / "s.zarr"))
    # Anybody's reader of zarr reads it.
    plain = xr.open_zarr(tmp_path / "s.zarr", consolidated=False, chunks=None)
    np.testing.assert_array_equal(plain.Y.values, undisturbed.Y.values)


def test_what_is_there_is_not_computed_again(undisturbed, tmp_path):
    store = tmp_path / "s.zarr"
    stop = CtrlC(lambda line: True)
    with pytest.raises(KeyboardInterrupt):
        sweep(admittance, jm.si_device(), *AXES, batch=20, store=store, progress=stop)
    partly = open_sweep(store)
    assert partly.attrs["tiles_done"] == 1
    assert np.isnan(partly.Y.values[1:]).all() and np.isfinite(partly.Y.values[0]).all()
    with pytest.raises(ValueError, match="there are results already"):
        sweep(admittance, jm.si_device(), *AXES, batch=20, store=store)
    heard = Heard()
    # Tiles and lanes are the store's, without being said again.
    found = sweep(admittance, jm.si_device(), *AXES, store=store, resume=True, progress=heard)
    same(undisturbed, found)
    assert [done for _, done, _ in heard.steps] == list(range(15, 181, 15))
    heard = Heard()
    same(undisturbed, sweep(admittance, jm.si_device(), *AXES, store=store, resume=True,
                            progress=heard))  # fmt: skip
    assert heard.steps == [("sweeping", 180, 180)]


def test_a_tile_without_its_mark_is_computed_again(undisturbed, tmp_path):
    """As a process leaves it that is killed between the arrays and the mark, or within a file."""
    store = tmp_path / "s.zarr"
    sweep(admittance, jm.si_device(), *AXES, batch=20, store=store)
    (store / "progress/done/c/3").unlink()
    (store / "Y/c/3/0/0").write_bytes(b"half")
    (store / "Y/c/3/0/0.0123.partial").write_bytes(b"half a file")
    same(undisturbed, sweep(admittance, jm.si_device(), *AXES, store=store, resume=True))


def test_parts_fill_one_store_in_any_order(undisturbed, tmp_path):
    part = lambda k: sweep(
        admittance, jm.si_device(), *AXES, batch=20, store=tmp_path / "s.zarr", shard=(k, 3)
    )
    assert part(2).attrs["tiles_done"] == 4
    assert part(3).attrs["tiles_done"] == 8
    same(undisturbed, part(1))
    with pytest.raises(ValueError, match="kept in a store"):
        sweep(admittance, jm.si_device(), *AXES, shard=(1, 2))
    with pytest.raises(ValueError, match="k from 1 to n"):
        part(4)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (dict(model=jm.si_device(R_b=2e4)), "model"),
        (dict(axes=(AXES[0], Axis.log(lambda d: d.i_c0, 1e-4, 2e-2, 15))), "the values of i_c0"),
        (dict(axes=(AXES[1], AXES[0])), "grid"),
        (dict(fn=lambda d: d.tau_m), "function"),
        (dict(lanes=7), "lanes"),
    ],
)
def test_results_of_another_sweep_are_refused(other, words, tmp_path):
    store = tmp_path / "s.zarr"
    sweep(admittance, jm.si_device(), *AXES, batch=20, store=store)
    case = dict(fn=admittance, model=jm.si_device(), axes=AXES) | other
    fn, model, axes = case.pop("fn"), case.pop("model"), case.pop("axes")
    with pytest.raises(ValueError, match=f"another sweep.*{words}"):
        sweep(fn, model, *axes, store=store, resume=True, **case)


def at_drive(I):
    """Functions of one name that differ in what they close over, as those of a command do."""
    return lambda d: jm.operating_point(d, I=I).u


def test_a_function_of_the_same_name_at_another_drive_is_another_sweep(tmp_path):
    one = sweep(at_drive(1e-4), jm.si_device(), AXES[1], batch=4, store=tmp_path / "s.zarr")
    with pytest.raises(ValueError, match=r"another sweep.*function"):
        sweep(at_drive(2e-4), jm.si_device(), AXES[1], store=tmp_path / "s.zarr", resume=True)
    same(one, sweep(at_drive(1e-4), jm.si_device(), AXES[1], store=tmp_path / "s.zarr",
                    resume=True))  # fmt: skip


def test_a_folder_that_is_no_store_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="no store of a sweep"):
        sweep(admittance, jm.si_device(), *AXES, store=tmp_path / "mine", resume=True)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.quick
@pytest.mark.parametrize("grid", [(7,), (3, 5), (1, 1000), (40, 3, 50), (2, 9, 9, 9)])
@pytest.mark.parametrize("most", [1, 4, 60, 10_000])
def test_tiles_cover_a_grid_once(grid, most):
    tiles = Tiles.of(grid, most)
    seen = np.zeros(grid, dtype=int)
    for k in range(tiles.number):
        seen[tiles.place(k)] += 1
        assert tiles.points(k)[0].size <= most
        np.add.at(seen, tiles.points(k), 1)
    assert (seen == 2).all()
    if most >= np.prod(grid):
        assert tiles.number == 1


SCRIPT = """
import sys, time
import jax
jax.config.update("jax_enable_x64", True)
import jaxmem as jm
sys.path[:0] = [{here!r}, {beside!r}]
from test_store import AXES, admittance
class Slow:
    def say(self, line): pass
    def step(self, stage, done, total): time.sleep(0.05)
jm.sweep(admittance, jm.si_device(), *AXES, batch=6, store={store!r}, resume=True, progress=Slow())
"""


@pytest.mark.slow
def test_a_sweep_killed_ten_times_ends_with_the_same_bits(tmp_path):
    store, rng = tmp_path / "s.zarr", np.random.default_rng(5)
    here = Path(__file__).parent
    script = SCRIPT.format(here=str(here), beside=str(here.parent), store=str(store))
    killed = 0
    for _ in range(60):
        run = subprocess.Popen([sys.executable, "-c", script])
        # From when the store is there, after a time that falls anywhere in a tile's work.
        while run.poll() is None and not store.exists():
            time.sleep(0.01)
        before = open_sweep(store).attrs["tiles_done"] if store.exists() else 0
        while run.poll() is None and killed < 10:
            if open_sweep(store).attrs["tiles_done"] > before:
                time.sleep(rng.uniform(0, 0.12))
                os.kill(run.pid, signal.SIGKILL)
                killed += 1
                break
        if run.wait() == 0:
            break
    assert killed == 10 and open_sweep(store).attrs["tiles_done"] == 36
    same(sweep(admittance, jm.si_device(), *AXES, batch=6), open_sweep(store))


TWO = """
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
import jaxmem as jm
from jaxmem.sweeps import Axis, sweep
assert len(jax.local_devices()) == {devices}
axes = Axis.log(lambda d: d.C_m, 1e-9, 1e-5, 25), Axis.log(lambda d: d.i_c0, 1e-4, 1e-2, 21)
found = sweep(jm.least_margin, jm.si_device(), *axes, lanes={lanes}, where=lambda d: d.C_m > 1e-8)
np.save({out!r}, np.stack([found.margin.values, found.u.values]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [32, 1])
def test_two_devices_give_the_bits_of_one(tmp_path, lanes):
    flags = os.environ.get("XLA_FLAGS", "")
    for n in (1, 2):
        env = os.environ | {"XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count={n}"}
        script = TWO.format(devices=n, lanes=lanes, out=str(tmp_path / f"{n}.npy"))
        subprocess.run([sys.executable, "-c", script], env=env, check=True)
    one, two = (np.load(tmp_path / f"{n}.npy") for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.isfinite(one[:, 10:]).all()


def test_a_mark_is_written_after_the_arrays(tmp_path, monkeypatch):
    """A process that dies while it writes an array has not marked the tile."""
    store = tmp_path / "s.zarr"
    write = SweepStore.put

    def dies(self, tile, values):
        if tile == 2:
            values = {**values, "whole": np.zeros(3, dtype=int)}  # does not fit: raises
        write(self, tile, values)

    monkeypatch.setattr(SweepStore, "put", dies)
    with pytest.raises(ValueError):
        sweep(admittance, jm.si_device(), *AXES, batch=20, store=store)
    monkeypatch.undo()
    assert open_sweep(store).attrs["tiles_done"] == 2
