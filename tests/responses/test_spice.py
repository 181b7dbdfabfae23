"""ngspice as an independent tool: small signals to 1e-9, current steps to 1e-4 of the range.

The netlists are written here, from the equations. The gate of the 3D model is a capacitor of
1 F whose voltage is ln f, so that the simulator meets no negative occupation.
"""

import shutil
import subprocess

import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm

pytestmark = pytest.mark.skipif(
    shutil.which("ngspice") is None, reason="ngspice is not installed (Debian: apt install ngspice)"
)

LETTERS = dict(R_b=1.0, C_m=0.01, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0)
DEVICES = {"2D": jm.Memristor2D(**LETTERS), "3D": jm.Memristor3D(tau_k=0.5, **LETTERS)}


def ngspice(folder, netlist, columns):
    """Run a netlist in batch mode; the columns of the table that it writes."""
    (folder / "deck.cir").write_text(netlist)
    run = subprocess.run(
        ["ngspice", "-b", "deck.cir"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    table = folder / "out.txt"
    assert table.exists(), run.stdout[-2000:] + run.stderr[-2000:]
    return np.loadtxt(table).reshape(-1, columns)


def elements(device, u):
    """R_a, L_d and, in 3D, the second inductor, by equations 7, 8 and 15."""
    f = float(1 / (1 + np.exp(-(u - 1.0) / 0.05)))
    R_a = 0.05 / 10.0 / f / (1 - f)
    return R_a, 1.0 * R_a, f


@pytest.mark.parametrize("name", DEVICES)
def test_small_signals(tmp_path, name):
    """At a bias the device is R, L, C and, in 3D, two lags; 1 A of test current reads Z."""
    device, u = DEVICES[name], 0.9
    R_a, L_d, f = elements(device, u)
    if name == "2D":
        slow = f"Ra a x {R_a!r}\nLd x 0 {L_d!r}\n"
    else:
        # i_c follows g u through two lags: voltages p and q over R-C pairs of f tau_k and tau_d.
        slow = (
            f"E1 p1 0 a 0 1\nR1 p1 p 1\nC1 p 0 {f * 0.5!r}\n"
            f"E2 q1 0 p 0 1\nR2 q1 q 1\nC2 q 0 1.0\nG1 a 0 q 0 {1 / R_a!r}\n"
        )
    netlist = (
        f"* {name}\nI1 0 a DC 0 AC 1\nCm a 0 0.01\nRb a 0 1.0\n{slow}"
        ".control\nset numdgt=16\nset wr_singlescale\n"
        "ac dec 10 0.001 1000\nlet re = real(v(a))\nlet im = imag(v(a))\n"
        "wrdata out.txt re im\n.endc\n.end\n"
    )
    table = ngspice(tmp_path, netlist, 3)
    freq, Z = table[:, 0].real, table[:, 1] + 1j * table[:, 2]
    own = device.impedance(2j * jnp.pi * freq, jnp.asarray(u))
    # The table's frequencies carry the digits of its format.
    assert np.max(np.abs(Z - own) / np.abs(own)) < 1e-9


@pytest.mark.parametrize(
    ("name", "top"), [("2D", 5.0), pytest.param("3D", 5.0, marks=pytest.mark.slow)]
)
def test_current_steps(tmp_path, name, top):
    """From rest; compared at the simulator's own times, in units of the range."""
    device, T = DEVICES[name], 3.0
    point = jm.operating_point(device, I=0.0)
    u0, i0 = float(point.u), float(point.x[0])
    gate = "1/(1+exp(-(v(a)-1.0)/0.05))"
    extra, start = "", f".ic v(a)={u0!r} v(i)={i0!r}"
    if name == "3D":
        f0 = float(point.x[1])
        extra = "Cf y 0 1\nBf 0 y I=(exp(-v(y))-1-exp(-(v(a)-1.0)/0.05))/0.5\n"
        gate = "exp(v(y))"
        start += f" v(y)={float(np.log(f0))!r}"
    netlist = (
        f"* {name}\nI1 0 a DC {top!r}\nCm a 0 0.01\nRb a 0 1.0\nBc a 0 I=v(i)\n"
        f"Ci i 0 1\nBi 0 i I=10.0*{gate}-v(i)\n{extra}{start}\n"
        ".options reltol=1e-7 abstol=1e-13 vntol=1e-10 chgtol=1e-18 itl4=200\n"
        ".control\nset numdgt=12\nset wr_singlescale\n"
        f"tran 1e-3 {T} 0 1e-4 uic\n"
        f"wrdata out.txt v(a) v(i){' v(y)' if name == '3D' else ''}\n.endc\n.end\n"
    )
    table = ngspice(tmp_path, netlist, 4 if name == "3D" else 3)
    table = table[np.concatenate([[True], np.diff(table[:, 0]) > 0])]
    keep = np.unique(np.linspace(1, len(table) - 1, 500).astype(int))
    t = np.concatenate([[0.0], table[keep, 0]])
    out = jm.solve(jm.Circuit(device, jm.CurrentDrive(jm.Step(top))), t)
    mine = [out.u, out.state("i_c")] + ([out.state("f")] if name == "3D" else [])
    for k, values in enumerate(mine):
        theirs = np.exp(table[keep, 3]) if k == 2 else table[keep, 1 + k]
        values = np.asarray(values)[1:]
        assert np.max(np.abs(values - theirs)) < 1e-4 * np.ptp(values), k
