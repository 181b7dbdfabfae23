"""A measurement set that this project made itself, with a known truth: synthetic, not measured.

`three_biases.csv` holds impedance spectra of a 3D device at three applied voltages with 0.5 %
noise, `three_biases.toml` the device. `python -m fitting.examples` writes both again.
"""

from importlib.resources import files
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from fitting.readers import read_spectra, write_spectra_csv
from fitting.terms.spectrum import Spectrum
from jaxmem.devices import AbstractDevice, read_device, si_device, write_device
from jaxmem.responses import linearize

FOLDER = Path(str(files("fitting") / "examples"))
NAME = "three_biases"
HEAD = "# Synthetic, made by `python -m fitting.examples`: a 3D device, noise 0.5 % of |Z|\n"
BIASES, NOISE, SEED = (0.68, 0.76, 0.90), 0.005, 2022


def three_biases() -> tuple[list[Spectrum], AbstractDevice]:
    """The bundled synthetic spectra and the device that they were made of."""
    return read_spectra(FOLDER / f"{NAME}.csv"), read_device(FOLDER / f"{NAME}.toml")


def make_three_biases() -> tuple[list[Spectrum], AbstractDevice]:
    """Make the set anew: Z at 45 frequencies, and noise on Re Z and Im Z of 0.5 % of |Z|."""
    device = si_device(
        R_b=12e3, C_m=8e-8, i_c0=4e-4, V_T=0.75, V_m=0.045, tau_d=3e-3, tau_k=8e-3,
        R_s=60.0, L_s=2e-6,
    )  # fmt: skip
    rng = np.random.default_rng(SEED)
    freq = np.geomspace(1e6, 0.1, 45)
    spectra = []
    for V in BIASES:
        Z = np.asarray(linearize(device, V=V).impedance(jnp.asarray(2 * np.pi * freq)))
        draw = rng.normal(size=freq.size) + 1j * rng.normal(size=freq.size)
        label = f"{V:.2f} V"
        spectra.append(Spectrum(freq, Z + NOISE * np.abs(Z) * draw, V=V, label=label))
    return spectra, device


def write(folder: Path = FOLDER) -> None:
    """Write the set's two files, with a line in each that says what they are."""
    spectra, device = make_three_biases()
    for file, put, what in (
        (folder / f"{NAME}.csv", write_spectra_csv, spectra),
        (folder / f"{NAME}.toml", write_device, device),
    ):
        put(file, what)  # pyright: ignore[reportArgumentType]
        file.write_text(HEAD + file.read_text(encoding="utf-8"), encoding="utf-8")
