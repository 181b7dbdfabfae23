"""What the paper points to and does not compute: slow loops, memory in pulses, a voltage drive."""
# Fields of devices and waves take numbers, which pyright does not see.
# pyright: reportArgumentType=false, reportCallIssue=false

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.apps.paper.panel import Builder, PaperPanel, near, occupation, root, true
from jaxmem.apps.paper.transients import R_S
from jaxmem.circuits import Circuit, PulseTrain, Triangle, VoltageDrive
from jaxmem.devices import Memristor3D, paper_device
from jaxmem.plots.figure import ANSWER, BLACK, SHADES, STIMULUS, Curve, Inset, Panel, PlotAxis, Rule
from jaxmem.responses import equivalent_circuit, operating_point, solve
from jaxmem.stability import hopf_points, loop_gain

# Scan rates of the loops; the device [tau_m, tau_d] and the highest voltage.
RATES, LOOP, TOP = (0.04, 0.02, 0.01), (0.01, 1.0), 0.8
# Ideal voltage pulses: the levels, their width and period, pulses of each kind, tau_d.
BASE, UP, DOWN, WIDTH, PERIOD, COUNT, TAU_D = 0.9, 1.0, 0.8, 0.2, 0.5, 12, 3.0


def slow_current(u):
    """i_c at rest, equation 4 by hand."""
    return 10 * occupation(u)


def crossover() -> PaperPanel:
    """Slow loops turn from capacitive to inductive where C_lf = 0."""
    device = paper_device(tau_m=LOOP[0], tau_d=LOOP[1])
    u = np.linspace(0.3, 0.7, 801)
    of = lambda u: equivalent_circuit(device, operating_point(device, u=u)).C_lf
    C_lf = np.asarray(jax.vmap(of)(jnp.asarray(u)))
    predicted = root(lambda u: float(of(u)), 0.3, 0.7)
    # By hand: tau_d i_c0 f(1 - f)/V_m = C_m.
    f = (1 - np.sqrt(1 - 4 * LOOP[0] * 0.05 / (10 * LOOP[1]))) / 2
    hand = 1 - 0.05 * np.log(1 / f - 1)
    curves, seen = {}, []
    for rate in RATES:
        drive = VoltageDrive(Triangle([0.0, TOP, 0.0], rate=rate))
        t = np.concatenate([u, 2 * TOP - u[::-1]]) / rate
        run = solve(Circuit(device, drive), jnp.asarray(np.append(0.0, t)), rtol=1e-10)
        I = np.asarray(run.I)[1:]
        up, down = I[: u.size], I[u.size :][::-1]
        C = (up - down) / (2 * rate)
        curves[f"rate_{rate:g}"] = {"u": u, "I_up": up, "I_down": down, "C": C}
        k = np.flatnonzero((C[:-1] > 0) & (C[1:] <= 0))[0]
        seen.append(float(u[k] + C[k] / (C[k] - C[k + 1]) * (u[k + 1] - u[k])))
    off = np.abs(np.array(seen) - predicted)
    checks = (
        true("the zero of C_lf by autodiff is that in closed form", abs(predicted - hand) < 1e-9),
        true("loops cross nearer to it the slower they are", np.all(np.diff(off) < 0)),
        true("halving the rate quarters the distance, within a third",
             np.all(np.abs(off[:-1] / off[1:] / 4 - 1) < 0.34)),
        true("the slowest loop crosses within a twentieth of V_m of it", off[-1] < 0.05 * 0.05),
    )  # fmt: skip

    loops = [
        Curve(u, curve["C"], label=f"loop at {rate:g}", colour=colour)
        for curve, rate, colour in zip(curves.values(), RATES, SHADES, strict=True)
    ]
    lines = [
        Curve(u, C_lf, "dashed", label=r"$C_{lf}(u)$", colour=BLACK), Rule("y", 0.0),
        Rule("x", predicted, role="dotted", colour=STIMULUS),
    ]  # fmt: skip
    drawn = Panel(
        [*loops, *lines], PlotAxis("u", limits=(0.3, 0.6)),
        PlotAxis(r"$(I_{up} - I_{down})/2v$", limits=(-0.04, 0.013)),
        "capacitive above zero, inductive below", legend="lower left",
    )  # fmt: skip
    shows = f"slow loops cross where C_lf = 0, at u = {predicted:.4f}"
    given = {"tau_m": LOOP[0], "tau_d": LOOP[1], "rates": RATES}
    return PaperPanel("b1", shows, given, checks, curves, drawn)


def relax(start: float, u: float, time: float) -> float:
    """i_c after a time at a constant u: the 2D model in closed form."""
    return slow_current(u) + (start - slow_current(u)) * np.exp(-time / TAU_D)


def train(levels: list[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Simulated t, u, i_c under pulses from the base, and i_c at their ends in closed form."""
    count = len(levels)
    pulses = None
    for kind in dict.fromkeys(levels):
        at = [k for k, level in enumerate(levels) if level == kind]
        low = BASE if pulses is None else 0.0
        one = PulseTrain(kind - BASE + low, WIDTH, PERIOD, len(at), start=at[0] * PERIOD, low=low)
        pulses = one if pulses is None else pulses + one
    ends = np.arange(count) * PERIOD + WIDTH
    t = np.unique(np.concatenate([np.linspace(-0.5, count * PERIOD, 3001), ends]))
    device = paper_device(tau_m=0.01, tau_d=TAU_D)
    run = solve(Circuit(device, VoltageDrive(pulses)), jnp.asarray(t), rtol=1e-10)  # pyright: ignore[reportArgumentType]
    i, closed = slow_current(BASE), []
    for level in levels:
        i = relax(i, level, WIDTH)
        closed.append(i)
        i = relax(i, BASE, PERIOD - WIDTH)
    return t, np.asarray(run.V), np.asarray(run.state("i_c")), np.array(closed)


def facilitation() -> PaperPanel:
    """The second of two pulses meets what the first one left."""
    periods = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0])
    device = paper_device(tau_m=0.01, tau_d=TAU_D)
    rest = slow_current(BASE)
    seen, closed = [], []
    for period in periods:
        ends = np.array([WIDTH, period + WIDTH])
        wave = PulseTrain(UP, WIDTH, period, 2, low=BASE)
        t = jnp.asarray([-0.1, *ends])
        i = np.asarray(solve(Circuit(device, VoltageDrive(wave)), t, rtol=1e-10).state("i_c"))[1:]
        seen.append((i[1] - rest) / (i[0] - rest))
        first = relax(rest, UP, WIDTH)
        second = relax(relax(first, BASE, period - WIDTH), UP, WIDTH)
        closed.append((second - rest) / (first - rest))
    seen, closed = np.array(seen), np.array(closed)
    by_hand = 1 + np.exp(-periods / TAU_D)
    checks = (
        true("the ratio is that of the closed form to 1e-6", np.abs(seen - closed).max() < 1e-6),
        true("it is 1 + exp(-period/tau_d)", np.abs(seen - by_hand).max() < 1e-6),
        true("the second pulse is always the stronger one", np.all(seen > 1)),
    )

    x = np.geomspace(0.2, 10, 200)
    drawn = Panel(
        [
            Curve(x, 1 + np.exp(-x / TAU_D), label="closed form", colour=STIMULUS),
            Curve(periods, seen, "mark", label="simulated", colour=ANSWER),
        ],
        PlotAxis("time between the pulses", scale="log"), PlotAxis("second gain / first"),
        "paired-pulse facilitation",
    )  # fmt: skip
    curves = {"": {"period": periods, "simulated": seen, "closed_form": closed}}
    given = {"tau_d": TAU_D, "base": BASE, "pulse": UP, "width": WIDTH}
    shows = "a second pulse finds the device more conducting"
    return PaperPanel("b2", shows, given, checks, curves, drawn)


def plasticity() -> PaperPanel:
    """Trains of high pulses raise the conductance, trains of low ones lower it."""
    t, V, i, closed = train([UP] * COUNT + [DOWN] * COUNT)
    ends = np.arange(2 * COUNT) * PERIOD + WIDTH
    seen = np.interp(ends, t, i)
    rising, falling = np.diff(seen[:COUNT]), np.diff(seen[COUNT:])
    checks = (
        true("i_c at the end of each pulse is that of the closed form to 1e-6 of its range",
             np.abs(seen - closed).max() < 1e-6 * np.ptp(closed)),
        true("high pulses raise it one after another, each by less",
             np.all(rising > 0) and np.all(np.diff(rising) < 0)),
        true("low pulses lower it one after another, each by less",
             np.all(falling < 0) and np.all(np.diff(falling) > 0)),
        true("to below what it was before, where the base alone would not bring it",
             seen[-1] < slow_current(BASE) < relax(seen[COUNT - 1], BASE, COUNT * PERIOD)),
    )  # fmt: skip

    hidden = PlotAxis(numbers=False)
    pulses = Panel([Curve(t, V, "thin", colour=STIMULUS)], hidden, hidden, "V, from 0.8 to 1")
    drawn = Panel(
        [
            Curve(t, i, colour=ANSWER),
            Curve(ends, closed, "mark", 2.5, label="closed form", colour=BLACK),
            Inset((0.045, 0.74, 0.91, 0.16), pulses),
        ],
        PlotAxis("t"), PlotAxis(r"$i_c$", limits=(0.5, 1.6 * float(i.max()))),
        "potentiation, then depression", legend="lower center",
    )  # fmt: skip
    curves = {"": {"t": t, "V": V, "i_c": i}, "ends": {"t": ends, "i_c": seen, "closed": closed}}
    given = {"tau_d": TAU_D, "base": BASE, "up": UP, "down": DOWN, "width": WIDTH, "period": PERIOD}
    shows = "trains of pulses raise and lower the conductance"
    return PaperPanel("b3", shows, given, checks, curves, drawn)


def behind_a_resistance() -> PaperPanel:
    """The circuit of figure 3 can never spike: its loop gain is too small."""
    R = R_S / (1 + R_S)
    gain = R * 10 / 0.05
    taus = 10.0 ** np.linspace(-2, 2, 9)
    grid = np.stack(np.meshgrid(taus, taus, [1.0]), axis=-1).reshape(-1, 3)
    make = lambda row: Memristor3D(1.0, row[0], 10.0, 1.0, 0.05, row[2], row[1], R_s=R_S)
    one = lambda row: hopf_points(make(row), drive="voltage").found
    found = jax.lax.map(one, jnp.asarray(grid))
    best = Memristor3D(1.0, 1.0, 10.0, 1.0, 0.05, R, 2 * R, R_s=R_S)  # three equal lags at f = 1/2
    g = loop_gain(best, 1.0, "voltage")

    def with_equal_lags(R_s):
        """Hopf points of the device with three equal lags at f = 1/2 behind another R_s."""
        tau = R_s / (1 + R_s)
        model = Memristor3D(1.0, 1.0, 10.0, 1.0, 0.05, tau, 2 * tau, R_s=R_s)
        return int(hopf_points(model, drive="voltage").found)

    enough = 0.16 / (1 - 0.16)  # R_s behind which G = 32
    checks = (
        near("G with R_b R_s/(R_b + R_s) for R_b", gain, "18.2"),
        near("the loop gain at its largest, G/4", g.gain, "4.55"),
        near("what three equal lags need", g.bound, "8.00000"),
        true("no Hopf point with any of 81 pairs of time constants, from 0.01 to 100",
             int(np.sum(found)) == 0),
        near("R_s for G = 32", enough, "0.1905"),
        true("with three equal lags there are none behind 0.99 of that R_s",
             with_equal_lags(0.99 * enough) == 0),
        true("and two behind 1.02 of it", with_equal_lags(1.02 * enough) == 2),
    )  # fmt: skip
    shows = "under voltage through R_s = 0.1 no device of the paper can spike: G = 18.2 < 32"
    return PaperPanel("b4", shows, {"R_s": R_S}, checks)


EXTENSIONS: dict[str, Builder] = {
    "b1": crossover, "b2": facilitation, "b3": plasticity, "b4": behind_a_resistance,
}  # fmt: skip
