"""How long does a map of a million devices take through the command, and is it safe from a kill?

`command`: `jaxmem sweep` of the 3D device over two axes, a folder with arrays, border and figure;
the first run compiles, later ones find their programs. Beside it the same points through
`hopf_points`, which knows no formula, on a sample, scaled up. `devices`: `least_margin` of any
device over as many points, on one core, and on a forced device of each of two (one device alone
uses the threads of all cores, as far as its loops go); beside it two processes that share nothing,
which is what the cores of the machine can give. `killed`: a sweep in a
process that is killed at random moments and started again, compared bit by bit with one that was
not; memory is its peak.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import jaxmem as jm
from benchmarks.harness import ROOT, Clock, in_new_process, timed
from benchmarks.table import Row
from jaxmem.sweeps import Axis, open_sweep, sweep

COUNTS = {
    "size": (1000, "points along each of two axes"),
    "kills": (10, "of a process in the middle of its sweep"),
}
SAMPLE = 2_000
FORCED = "--xla_force_host_platform_device_count={}"
ROW = Row(
    counted=lambda r: "{killed[kills]} kills, {killed[differ]} of {killed[points]:,} differ".format(
        **r
    ),
    error=lambda r: "bits are compared",
    time=lambda r: "{warm_s:.1f} s for {points:,} points".format(**r["command"]),
    peer=lambda r: (
        "`hopf_points` {:.0f} times as long; one core {:.2f} times two devices on two, whose cores "
        "give {:.2f} times one to two processes".format(
            r["command"]["searched_scaled_s"] / r["command"]["warm_s"],
            r["devices"]["ratio"],
            r["devices"].get("machine", float("nan")),
        )
    ),
)
SPEC = """
device = "device.toml"
[[axis]]
parameter = "C_m"
low = 1e-9
high = 1e-5
points = {n}
[[axis]]
parameter = "i_c0"
low = 1e-4
high = 1e-2
points = {n}
"""


def axes(n):
    """Over which a third of the devices is at rest."""
    return Axis.log(lambda d: d.C_m, 1e-9, 1e-5, n), Axis.log(lambda d: d.i_c0, 1e-4, 1e-2, n)


def command(n):
    """The command in processes of their own, three times."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "spec.toml").write_text(SPEC.format(n=n))
        jm.write_device(place / "device.toml", jm.si_device())
        env = os.environ | {"XDG_CACHE_HOME": folder, "PYTHONPATH": str(ROOT)}
        env.pop("JAX_COMPILATION_CACHE_DIR", None)
        wall, called = [], []
        for _ in range(3):
            with Clock() as clock:
                subprocess.run(
                    [sys.executable, "-m", "jaxmem", "sweep", "spec.toml", "--force"],
                    cwd=place, env=env, check=True, capture_output=True,
                )  # fmt: skip
            wall.append(clock.wall)
            called.append(clock.called)
        share = json.loads((place / "sweep/sweep.json").read_text())["share_that_oscillates"]
    some = Axis.log(lambda d: d.C_m, 1e-9, 1e-5, SAMPLE)
    _, _, searched = timed(sweep, jm.hopf_points, jm.si_device(), some)
    return {
        "points": n * n, "first_s": wall[0], "warm_s": min(wall[1:]),
        "warm_processor_s": min(called[1:]), "share_that_oscillates": share,
        "searched_scaled_s": searched.median * n * n / SAMPLE,
    }  # fmt: skip


def margins(n, cores, first=0):
    """Seconds of the least of three maps of margins, once compiled, on so many cores from the first
    one on; run in a process of its own."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[first : first + cores])
    import jax

    jax.config.update("jax_enable_x64", True)
    _, _, times = timed(sweep, jm.least_margin, jm.si_device(), *axes(n), repeats=3)
    return min(times.wall)


def devices(n):
    """One core against a device on each of two, and one device on both, in turns.

    `machine`: the same for two processes, each on a core of its own, which share nothing: cores
    that share their units and their memory give no more than this.
    """
    ways = {"one_core_s": (1, 1), "two_devices_s": (2, 2), "one_device_on_two_s": (1, 2)}
    seconds = {name: [] for name in (*ways, "two_processes_s")}
    alone = lambda core: in_new_process(margins, n, 1, core, XLA_FLAGS=FORCED.format(1))
    for _ in range(3):
        for name, (count, cores) in ways.items():
            found = in_new_process(margins, n, cores, XLA_FLAGS=FORCED.format(count))
            seconds[name].append(found)
        with ThreadPoolExecutor(2) as both:
            seconds["two_processes_s"].append(max(both.map(alone, (0, 1))))
    least = {name: min(found) for name, found in seconds.items()}
    one = least["one_core_s"]
    return least | {
        "ratio": one / least["two_devices_s"], "machine": 2 * one / least["two_processes_s"]
    }  # fmt: skip


def kept(store, n):
    """A sweep that goes on with what a store holds; run in a process of its own."""
    import jax

    jax.config.update("jax_enable_x64", True)
    sweep(jm.least_margin, jm.si_device(), *axes(n), store=store, resume=True, batch=n)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def killed(n, kills, seed):
    """Kill it at random moments; count the numbers that then differ from an undisturbed one."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "s.zarr"
        code = f"from benchmarks.dynamics.sweep import kept; kept({str(store)!r}, {n})"
        done, tiles = 0, 1
        for k in range(kills):
            run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
            goal = done + (tiles - done) * rng.uniform(0, 1 / (kills - k)) if tiles > 1 else 1
            while run.poll() is None:
                if store.exists():
                    about = open_sweep(store).attrs
                    done, tiles = about["tiles_done"], about["tiles"]
                    if done >= goal:
                        break
                time.sleep(rng.uniform(0, 0.05))
            os.kill(run.pid, signal.SIGKILL)
            run.wait()
        interrupted = open_sweep(store).attrs["tiles_done"]
        peak = in_new_process(kept, str(store), n)
        found = open_sweep(store).load()
    whole = sweep(jm.least_margin, jm.si_device(), *axes(n), batch=n)
    differ = sum(int((found[v].values != whole[v].values).sum()) for v in whole)
    return {
        "points": n * n, "kills": kills, "tiles": tiles, "done_when_last_killed": interrupted,
        "differ": differ, "peak_MB": peak,
    }  # fmt: skip


def run(options):
    return {
        "command": lambda: command(options.size),
        "devices": lambda: devices(options.size),
        "killed": lambda: killed(options.size, options.kills, options.seed),
    }


def good(result):
    """Whether nothing was lost to the kills."""
    return result.get("killed", {}).get("differ", 0) == 0
