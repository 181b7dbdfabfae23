"""What can be taken from the page: device, program, tables, pictures."""

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import jaxmem as jm
from jaxmem import plots
from jaxmem.apps.app.explore.exploration import Exploration
from jaxmem.apps.app.explore.seen import bias_of, solved
from jaxmem.apps.simulation import write_transient
from jaxmem.output.table import write_csv
from jaxmem.plots.rest_answers import rest_answers

PROGRAM = '''\
"""What `jaxmem app` showed: the device, its answer to small signals, and to the drive."""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import jaxmem as jm

device = jm.device_from_toml("""
{device}""")
near = jm.{linearize}
omega = 2 * jnp.pi * jnp.geomspace({low:.6g}, {high:.6g}, 241)
Z = near.impedance(omega)
print("eigenvalues [1/s]", near.eigenvalues())

circuit = jm.Circuit(device, jm.parse_drive("{drive}"))
run = jm.solve(circuit, jnp.linspace({first!r}, {end!r}, {samples}){start})
print("u from", run.u.min(), "to", run.u.max(), "V")
{more}'''
OF_3D = """\
points = jm.hopf_points(device, drive="{kind}")
print("Hopf points at {letter} =", points.imposed("{kind}")[: int(points.found)])
"""


def copies_of(state: Exploration) -> dict[str, str]:
    """The device as TOML, and a Python program that computes what is seen."""
    return {"device.toml": jm.device_to_toml(state.device), "Python": program_of(state)}


def program_of(state: Exploration) -> str:
    """A Python program for the numbers behind the figures."""
    device, kind = state.device, state.circuit_drive.kind
    bias = bias_of(state, device)
    found, run = rest_answers(device, kind, bias), solved(state)
    linear, start = f"linearize(device, u={bias!r})", ""
    if device.curve is not None:
        linear = f"linearize(device, I={float(found.point.I)!r})"
    if device.curve is not None or jm.operating_points(device, I=0.0).count != 1:
        letter = "V" if kind == "voltage" else "I"
        start = f', start=jm.operating_point(device, {letter}=0.0, branch="rest")'
    ideal = kind == "voltage" and not float(device.R_s) > 0
    more = "" if ideal else OF_3D.format(kind=kind, letter="V" if kind == "voltage" else "I")
    return PROGRAM.format(
        device=jm.device_to_toml(device), linearize=linear, low=float(found.freq[0]),
        high=float(found.freq[-1]), drive=state.drive, first=float(run.t[0]), end=float(run.t[-1]),
        samples=len(run.t), start=start, more=more,
    )  # fmt: skip


def zip_of(state: Exploration, panels: Mapping[str, plots.Panel]) -> bytes:
    """Everything that is seen as files in an archive.

    **Arguments:** `state`: of the page. `panels`: the figures that it shows, by name.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, text in copies_of(state).items():
            file = "explore.py" if name == "Python" else name
            (folder / file).write_text(text, encoding="utf-8")
        (folder / "link.txt").write_text(f"/?{state.query()}\n", encoding="utf-8")
        write_transient(folder / "transient.csv", solved(state))
        found = rest_answers(state.device, state.circuit_drive.kind, bias_of(state, state.device))
        along = np.column_stack([found.u, found.V, found.I, np.asarray(found.stable, dtype=int)])
        write_csv(folder / "rest.csv", ["u_V", "V_V", "I_A", "stable"], along.tolist())
        spectrum = np.column_stack([found.freq, found.Z.real, found.Z.imag])
        write_csv(folder / "impedance.csv", ["freq_Hz", "Re_Z_ohm", "Im_Z_ohm"], spectrum.tolist())
        for name, panel in panels.items():
            plots.save(plots.Figure([[panel]], (5.2, 3.8)), folder, name, ("svg",))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"jaxmem-explore/{file.name}")
        return packed.getvalue()
