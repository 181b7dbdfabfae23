"""How a result came about: versions, machine, command, data, so that it can be made again."""

import hashlib
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "jaxmem", "jax", "jaxlib", "equinox", "diffrax", "optax", "numpyro", "numpy", "scipy",
)  # fmt: skip


def provenance_of(
    command: str,
    files: Sequence[str | Path] | Mapping[Path, str] = (),
    seed: int | None = None,
) -> dict[str, Any]:
    """Command, seed, SHA-256 of each file, versions, platform and time, ready for JSON.

    **Arguments:**

    - `command`: what the user typed.
    - `files`: the files that were read, which are read here to be hashed, or their hashes.
    - `seed`: of the random numbers.
    """
    import jax

    hashes = files if isinstance(files, Mapping) else {f: _hash(Path(f)) for f in files}
    return {
        "command": command,
        "seed": seed,
        "data": [{"file": str(f), "sha256": digest} for f, digest in hashes.items()],
        "versions": {name: v for name in PACKAGES if (v := _version(name))}
        | {"python": platform.python_version()},
        "platform": f"{platform.system()} {platform.machine()}",
        "backend": jax.default_backend(),
        "float64": bool(jax.config.jax_enable_x64),  # pyright: ignore[reportAttributeAccessIssue]
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def command_line() -> str:
    """The command that is running, as it would be typed."""
    import shlex

    name = Path(sys.argv[0]).name
    start = ["python", "-m", "jaxmem"] if name == "__main__.py" else [name]
    return shlex.join([*start, *sys.argv[1:]])


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
