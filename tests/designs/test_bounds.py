"""What is called impossible is: against devices drawn from the ranges, and NumPy's roots."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

import jaxmem as jm
from benchmarks.oracles.ring import hopf_points
from fitting import DesignGoal, Knob, design
from fitting.designs.bounds.closed_forms import closed_form_bound, keeps_its_sign
from fitting.designs.bounds.oscillation import bound
from fitting.designs.bounds.proved import impossible
from fitting.designs.goals.knob import Knobs

pytestmark = pytest.mark.quick
LETTERS = ("R_b", "C_m", "i_c0", "V_m", "tau_d", "tau_k")
KNOBS = (
    Knob(lambda d: d.R_b), Knob(lambda d: d.C_m), Knob(lambda d: d.i_c0), Knob(lambda d: d.V_m),
    Knob(lambda d: d.tau_d), Knob(lambda d: d.tau_k),
)  # fmt: skip


def made(case):
    return jm.Memristor3D(**{k: jnp.asarray(v) for k, v in case.items()})


def drawn(rng, gain=(10, 3000)):
    R_b, V_m = 10 ** rng.uniform(2, 6), 10 ** rng.uniform(-3, -0.5)
    taus = 10 ** rng.uniform(-5, -1) * 10 ** rng.uniform(-1.5, 1.5, 3)
    G = np.exp(rng.uniform(*np.log(gain)))
    return dict(
        R_b=R_b, C_m=taus[0] / R_b, i_c0=G * V_m / R_b, V_T=rng.uniform(0.2, 1.5), V_m=V_m,
        tau_d=taus[1], tau_k=taus[2],
    )  # fmt: skip


@pytest.mark.parametrize("drive", ["current", "voltage"])
def test_every_hopf_point_in_the_ranges_is_allowed(drive):
    """50 devices each in the ranges of 20: thresholds lie within the bounds, and no device has
    one where the gain excludes it."""
    rng, there = np.random.default_rng(5), 0
    for _ in range(20):
        case = drawn(rng)
        case |= {"R_s": case["R_b"] * rng.uniform(0.1, 3)} if drive == "voltage" else {}
        device = made(case)
        p = Knobs(KNOBS, device).ranges(device)
        R = p["R_b"]
        if drive == "voltage":
            R = tuple(b * s / (b + s) for b, s in zip(p["R_b"], p["R_s"], strict=True))
        G = R[1] * p["i_c0"][1] / p["V_m"][0]
        goal = DesignGoal("threshold", 1.0)
        low, high = bound(goal, p, R, max(G, 32), drive)[0]
        for _ in range(50):
            one = case | {k: case[k] * 5 ** rng.uniform(-1, 1) for k in LETTERS}
            points = hopf_points(one | {"drive": drive})
            there += len(points) > 0
            assert not points or G > 32
            assert all(low <= point.drive <= high for point in points)
    assert there > 50


def test_what_is_impossible_is_named_with_its_bound():
    device = jm.si_device()
    knobs = Knobs(tuple(Knob(k.lens, within=1.2) for k in KNOBS), device)
    G = float(device.R_b * device.i_c0 / device.V_m) * 1.2**3
    swing = float(device.R_b * device.i_c0) * 1.2**2
    goals = (
        DesignGoal("amplitude", 1.05 * swing), DesignGoal("threshold", at_most=1e-9),
        DesignGoal("frequency", 1.0),
    )  # fmt: skip
    said = impossible(goals, device, knobs, "current")
    assert len(said) == 2 and f"{swing:.4g} V" in said[0] and "R_b i_c0" in said[0]
    assert said[1].startswith("threshold: impossible. It is at least")
    # What the tolerance still lets through is not excluded.
    assert not impossible((DesignGoal("amplitude", 1.005 * swing),), device, knobs, "current")
    weak = made(drawn(np.random.default_rng(0), gain=(0.1, 0.2)))
    found = design([DesignGoal("frequency", 1.0)], weak, KNOBS)
    assert not found.met and "at least 32" in found.statements()[0] and G > 32
    # A branch beside the paper's own: nothing is proved.
    both = jm.si_device(extra={"surface": jm.Polarisation(1e6, 1e-9)})
    assert impossible(goals, both, Knobs(KNOBS, both), "current") == []


def test_every_closed_form_in_the_ranges_is_allowed():
    """Currents, impedances and crossovers of devices drawn in the ranges, by NumPy, lie within the
    bounds, and come near the current's."""
    rng, nearest = np.random.default_rng(6), 0.0
    for _ in range(20):
        case = drawn(rng, gain=(1, 300)) | {"R_s": 10 ** rng.uniform(0, 4)}
        device = made(case)
        p = Knobs(KNOBS, device).ranges(device)
        u, freq = rng.uniform(0.1, 1.5), 10 ** rng.uniform(0, 4)
        current = DesignGoal("current", 1.0, where={"u": u})
        behind = DesignGoal("current", 1.0, where={"V": u})
        size = DesignGoal("impedance", 1.0, where={"freq": freq, "u": u})
        ends = [closed_form_bound(goal, p)[0] for goal in (current, behind, size)]
        for _ in range(100):
            d = case | {k: case[k] * 5 ** rng.uniform(-1, 1) for k in LETTERS}
            d = d | {k: case[k] * 5 ** rng.choice([-1.0, 1.0]) for k in LETTERS[::2]}
            f = expit((u - d["V_T"]) / d["V_m"])
            I, g = u / d["R_b"] + d["i_c0"] * f, d["i_c0"] / d["V_m"] * f * (1 - f)
            s = 2j * np.pi * freq
            slow = g / ((1 + s * d["tau_d"]) * (1 + s * f * d["tau_k"]))
            Z = d["R_s"] + 1 / (s * d["C_m"] + 1 / d["R_b"] + slow)
            V = np.linspace(0, u, 4001)
            total = V / d["R_b"] + d["i_c0"] * expit((V - d["V_T"]) / d["V_m"])
            at_V = np.interp(u, V + d["R_s"] * total, total)
            for value, (low, high) in zip((I, at_V, abs(Z)), ends, strict=True):
                assert low * (1 - 1e-6) <= value <= high * (1 + 1e-6)
            nearest = max(nearest, I / ends[0][1])
            lag = d["C_m"] - (d["tau_d"] + f * d["tau_k"]) * g
            assert lag > 0 or not keeps_its_sign(p)
    assert nearest > 0.5


@pytest.mark.parametrize("inside", [True, False])
def test_the_bound_of_the_crossover_is_sharp_without_an_activation_time(inside):
    """C_lf = C_m - tau_d (i_c0/V_m) f(1 - f) is least at f = 1/2: just above C_m it has a zero."""
    i_c0, V_m, tau_d = 3e-4, 0.05, 2e-3
    least = tau_d * i_c0 / V_m / 4
    C_m = least * (1.001 if inside else 0.999)
    p = {k: (v, v) for k, v in dict(C_m=C_m, i_c0=i_c0, V_m=V_m, tau_d=tau_d).items()}
    f = np.linspace(0.001, 0.999, 999)
    assert np.all(C_m - tau_d * i_c0 / V_m * f * (1 - f) > 0) == inside
    assert keeps_its_sign(p) == inside


def test_closed_forms_out_of_reach_are_named():
    device = jm.si_device()
    knobs = Knobs(KNOBS, device)
    most = 5 * (0.5 / float(device.R_b) + float(device.i_c0))
    said = impossible(
        (DesignGoal("current", 1.02 * most, where={"u": 0.5}),
         DesignGoal("current", 1e-6, where={"u": 0.5})), device, knobs, "current",
    )  # fmt: skip
    assert len(said) == 2 and "at most" in said[0] and "at least" in said[1]
    slow = made(drawn(np.random.default_rng(0)) | {"C_m": 1e3})
    (said,) = impossible((DesignGoal("crossover", 0.7),), slow, Knobs(KNOBS, slow), "current")
    assert "positive at every voltage" in said
    flat = jm.si_device()
    flat = jm.Memristor2D(flat.R_b, flat.C_m, flat.i_c0, flat.V_T, flat.V_m, flat.tau_d)
    (said,) = impossible((DesignGoal("frequency", 9.0),), flat, Knobs(KNOBS[:5], flat), "current")
    assert "2D device never oscillates" in said
