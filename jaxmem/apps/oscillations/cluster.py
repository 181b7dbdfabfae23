"""A sweep shared among jobs of submitit: each fills its part of one store, and none talks."""

import re
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmem.apps.oscillations.folder import fill
from jaxmem.apps.oscillations.kept import store_beside
from jaxmem.output.reporter import Reporter
from jaxmem.sweeps import open_sweep

EXECUTORS = ("local", "slurm")


def part(text: str) -> tuple[int, int]:
    """`2/8`, the second of eight parts.

    **Raises:** `ValueError` for other text.
    """
    said = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    k, n = map(int, said.groups()) if said else (0, 0)
    if not 1 <= k <= n:
        raise ValueError(f"--shard {text}: write K/N, the K-th of N parts, as 2/8")
    return k, n


def run_jobs(
    executor: str,
    jobs: int,
    file: Path,
    out: Path,
    progress: Reporter,
    *,
    resume: bool,
    **said: Any,
) -> None:
    """Share a sweep among jobs and wait for them; the store is then complete.

    **Arguments:**

    - `executor`: `"local"`, processes of this machine, or `"slurm"`, whose own settings (partition,
      time) are those of the environment, `SBATCH_PARTITION`, `SBATCH_TIMELIMIT`, ....
    - `resume`: whether there may be a store already. `said`: the options of `fill`.

    **Raises:** `ValueError` for another executor; `RuntimeError` if submitit is not installed, or
    if a job failed, saying what is kept.
    """
    if executor not in EXECUTORS:
        raise ValueError(f"--executor {executor}: there are {', '.join(EXECUTORS)}")
    try:
        import submitit
    except ImportError:
        raise RuntimeError('jobs want submitit: pip install "jaxmem[cluster]"') from None
    store = store_beside(out)
    if store.exists() and not resume:
        raise ValueError(f"{store}: a sweep is kept there; --resume goes on with it, or remove it")
    made = submitit.AutoExecutor(folder=out.with_name(f"{out.name}.jobs"), cluster=executor)
    made.update_parameters(timeout_min=7 * 24 * 60, name="jaxmem-sweep")
    wide = bool(jax.config.jax_enable_x64)  # pyright: ignore[reportAttributeAccessIssue]
    running = [
        made.submit(_fill, wide, file.absolute(), out.absolute(), (k, jobs), **said)
        for k in range(1, jobs + 1)
    ]
    try:
        while not all(job.done() for job in running):
            _tell(store, progress)
            time.sleep(1.0)
    except BaseException:
        for job in running:
            job.cancel()
        raise
    _tell(store, progress)
    lost = [job for job in running if job.exception() is not None]
    if lost:
        kept = open_sweep(store).attrs["tiles_done"] if store.exists() else 0
        raise RuntimeError(
            f"{len(lost)} of {jobs} jobs failed, the first with: {_last_line(lost[0])}; {kept} "
            f"tiles are kept in {store}, and --resume goes on"
        )


def _fill(wide: bool, *arguments: Any, **said: Any) -> tuple[int, int]:
    # A job is a process of its own, which would compute in JAX's single precision.
    jax.config.update("jax_enable_x64", wide)
    return fill(*arguments, **said)


def _tell(store: Path, progress: Reporter) -> None:
    if store.exists():
        about = open_sweep(store).attrs
        grid, tile = (np.array(about["sweep"][k]) for k in ("grid", "tile"))
        total, each = int(np.prod(grid)), int(np.prod(tile))
        progress.step("sweeping", min(about["tiles_done"] * each, total), total)


def _last_line(job: Any) -> str:
    lines = str(job.exception()).strip().splitlines()
    return lines[-1] if lines else "no word"
