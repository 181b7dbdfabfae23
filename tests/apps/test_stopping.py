"""Ctrl-C and SIGTERM at several moments, to real processes: what is done is kept, and is said."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from fitting import Recording, Spectrum, write_recording_csv, write_spectra_csv

COMMAND = [sys.executable, "-c", "from jaxmem.apps.cli import main; main()"]


def start(folder, *arguments, cache=None):
    """A command in a process of its own, with the folder as its working directory."""
    more = {"JAX_COMPILATION_CACHE_DIR": str(cache)} if cache else {}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], cwd=folder, text=True, env=os.environ | more,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for(process, happens, limit=240):
    """Wait until something happens while the process runs."""
    end = time.monotonic() + limit
    while not happens():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def stop(process, *signals, pause=0.3, limit=60):
    """Send signals; exit status, what was said, and how long the process took to end."""
    since = time.monotonic()
    for k, number in enumerate(signals):
        time.sleep(pause if k else 0)
        process.send_signal(number)
    out, said = process.communicate(timeout=limit)
    assert "Traceback" not in said and "Exception" not in said, said
    return process.returncode, out + said, time.monotonic() - since


def hidden(folder):
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]


@pytest.fixture(scope="module")
def device():
    return jm.si_device(R_s=50.0)


@pytest.fixture
def series(tmp_path, device):
    """A file of twelve spectra."""
    rng, freq = np.random.default_rng(0), np.geomspace(1, 1e6, 25)
    s = jnp.asarray(2j * np.pi * freq)
    rows = [
        Spectrum(freq, np.asarray(device.impedance(s, 0.7 + 0.01 * k))
                 * (1 + 0.01 * rng.normal(size=25)), time=60.0 * k)
        for k in range(12)
    ]  # fmt: skip
    write_spectra_csv(tmp_path / "series.csv", rows)
    return tmp_path


@pytest.fixture
def joint(tmp_path, device):
    """A loop and two spectra."""
    rng, freq = np.random.default_rng(0), np.geomspace(1, 1e6, 40)
    s = jnp.asarray(2j * np.pi * freq)
    for k, u in enumerate((0.7, 0.85)):
        Z = np.asarray(device.impedance(s, u)) * (1 + 0.01 * rng.normal(size=40))
        write_spectra_csv(tmp_path / f"eis{k}.csv", [Spectrum(freq, Z, u=u)])
    t, wave = np.linspace(0, 0.4, 64), jm.Triangle([0.0, 1.0], rate=5.0)
    I = np.asarray(jm.solve(jm.Circuit(device, jm.VoltageDrive(wave)), t).I)
    I = I + 1e-6 * rng.normal(size=64)
    write_recording_csv(tmp_path / "loop.csv", Recording(t, np.asarray(wave(t)), I))
    return tmp_path


@pytest.mark.quick
def test_while_modules_are_imported_it_ends_without_a_word():
    code = (
        "import sys, time\n"
        "class Slow:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'typer': print('importing', flush=True); time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "from jaxmem.__main__ import enter as main\n"
        "main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == "importing\n"
    code, said, took = stop(process, signal.SIGINT)
    assert code == -signal.SIGINT and said == "" and took < 10


@pytest.mark.quick
def test_a_signal_while_memory_is_tidied_up_is_not_lost():
    code = (
        "import gc, os, signal, time\n"
        "from jaxmem.apps.stopping import stoppable, work_begins\n"
        "def tidy(*phase):\n"
        "    if calls.append(1) is None and len(calls) == 1:\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.05)\n"
        "calls = []\n"
        "with stoppable() as stopper:\n"
        "    work_begins(); gc.callbacks.append(tidy)\n"
        "    try:\n"
        "        gc.collect(); time.sleep(30)\n"
        "    except KeyboardInterrupt: print('noticed', stopper.received)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.stdout == f"noticed {int(signal.SIGTERM)}\n", ran
    assert "Traceback" not in ran.stderr and "ended at once" not in ran.stderr


@pytest.mark.slow
def test_a_series_keeps_each_spectrum_and_goes_on(series):
    kept = series / "out.search.jsonl"
    count = lambda: kept.is_file() and len(kept.read_text().splitlines())
    fit = ("fit", "series.csv", "--device", "3d", "--starts", 1000, "--out", "out")
    process = start(series, *fit)
    wait_for(process, lambda: (count() or 0) >= 3)
    code, said, _ = stop(process, signal.SIGINT)
    assert code == 130 and "--resume goes on" in said, said
    rows = list(csv.DictReader((series / "out/summary.csv").read_text().splitlines()))
    assert 2 <= len(rows) < 12 and f"Interrupted: {len(rows)} of 12 spectra" in said
    assert not hidden(series)
    done = subprocess.run(
        [*COMMAND, *map(str, fit), "--resume"], cwd=series, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    whole = list(csv.DictReader((series / "out/summary.csv").read_text().splitlines()))
    assert len(whole) == 12 and not kept.exists()
    assert json.loads((series / "out/spectra/11/fit.json").read_text())["converged"]
    # The first spectra were not searched again, and come out as they were.
    key = "C_m [F]"
    assert float(whole[0][key]) == pytest.approx(float(rows[0][key]), rel=1e-6)


@pytest.mark.slow
def test_sigterm_while_pages_are_written_keeps_all_numbers(series):
    process = start(series, "fit", "series.csv", "--out", "out")
    wait_for(process, (series / "out/summary.csv").is_file)
    code, said, _ = stop(process, signal.SIGTERM)
    # Before the pages begin the laws over the bias are found, which is not kept by itself.
    paged = "there is no page" in said
    assert code == 143 and (paged or "--resume goes on" in said), said
    rows = list(csv.DictReader((series / "out/summary.csv").read_text().splitlines()))
    assert len(rows) == 12 and not hidden(series)
    assert (series / "out/fit.toml").is_file()
    assert not paged or (series / "out/report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_search_in_time_is_kept_and_resumed(joint, number):
    fit = ("fit", "loop.csv", "eis0.csv", "eis1.csv", "--device", "3d", "--out", "out")
    process = start(joint, *fit)
    kept = joint / "out.search.json"
    wait_for(process, lambda: kept.is_file() and json.loads(kept.read_text())["progress"][3])
    # As `timeout` does: to the process, and to its group.
    code, said, _ = stop(process, number, number, pause=0)
    assert code == 128 + number and "resume goes on" in said, said
    assert "interrupted" in json.loads((joint / "out/fit.json").read_text())["result"]
    assert not hidden(joint) and kept.is_file()
    done = subprocess.run(
        [*COMMAND, *map(str, fit), "--resume"], cwd=joint, capture_output=True, text=True
    )
    assert done.returncode == 0 and not kept.exists(), done.stderr


@pytest.mark.slow
def test_while_a_program_is_compiled_it_ends_within_seconds(joint, tmp_path_factory):
    cold = tmp_path_factory.mktemp("cold")
    fit = ("fit", "loop.csv", "eis0.csv", "--device", "3d", "--out", "out")
    process = start(joint, *fit, cache=cold)
    lines = []
    wait_for(process, lambda: lines.append(process.stderr.readline()) or "starts," in lines[-1])
    time.sleep(4)
    code, said, took = stop(process, signal.SIGINT)
    assert code == 130 and took < 15 and not hidden(joint), (said, took)
    assert "nothing was written" in said or "--resume goes on" in said


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once(joint, tmp_path_factory):
    cold = tmp_path_factory.mktemp("cold")
    process = start(joint, "fit", "loop.csv", "--device", "3d", "--out", "out", cache=cold)
    lines = []
    wait_for(process, lambda: lines.append(process.stderr.readline()) or "starts," in lines[-1])
    time.sleep(2)
    code, said, took = stop(process, signal.SIGINT, signal.SIGINT, pause=1.5)
    assert code == 130 and took < 4 and not hidden(joint), (said, took)


@pytest.mark.slow
@pytest.mark.parametrize("after", [4.0, 12.0])
def test_a_sweep_and_a_spike_report_end_cleanly(tmp_path, device, after):
    jm.write_device(tmp_path / "device.toml", device)
    axis = "[[axis]]\nparameter = '%s'\nlow = %g\nhigh = %g\npoints = 400\n"
    (tmp_path / "sweep.toml").write_text(
        'device = "device.toml"\n' + axis % ("C_m", 1e-9, 1e-5) + axis % ("i_c0", 1e-4, 1e-2)
    )
    for command in (("sweep", "sweep.toml"), ("spike", "device.toml")):
        process = start(tmp_path, *command, "--out", "out")
        # While modules are imported, too.
        time.sleep(after)
        if process.poll() is None:
            code, said, took = stop(process, signal.SIGINT)
            # A sweep of so many points is kept as far as it came.
            kept = command[0] == "sweep" and "--resume goes on" in said
            assert code == 130 and took < 20 and (kept or "nothing was written" in said), said
        assert not hidden(tmp_path)
