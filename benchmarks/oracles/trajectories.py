"""Reference trajectories from two integrators that agree, without JAX and without the package.

`radau` is a five-stage Radau IIA collocation (order 9) in (u, i_c, ln f), each step made once
and again as two halves. `euler` extrapolates backward Euler (eight sequences) in
(u, i_c, logit f). Both solve their stages by Newton's method with the Jacobian made anew at every
iteration; neither is of the family that keeps one. Many devices are lanes of one array, each
with its own time and step. `reference` runs both and says where they agree: that, and nothing
else, is an oracle.

A case is a dictionary: the paper's letters (2D without `tau_k`), `R_s`, `drive` "I" or "V", the
`wave` as a tuple (see `pieces`), and the duration `T`.
"""

from itertools import pairwise

import numpy as np
from numpy.polynomial import legendre

CAP = 300.0  # exp(300) is slaved to any accuracy; exp(800) is infinite
LETTERS = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k", "R_s")


def pieces(wave, T):
    """Times, values and slopes of a wave's straight pieces on [0, T], and the value before.

    Waves start at t = 0: ("step", low, high), ("pulse", high, width), ("train", high, width,
    period, count), ("triangle", vertices, rate, cycles), ("sine", offset, amplitude, freq).
    """
    kind, *rest = wave
    if kind == "step":
        low, high = rest
        corners, before = [(0.0, high, 0.0)], low
    elif kind == "pulse":
        high, width = rest
        corners, before = [(0.0, high, 0.0), (width, 0.0, 0.0)], 0.0
    elif kind == "train":
        high, width, period, count = rest
        starts = [k * period for k in range(int(count))]
        corners = [c for s in starts for c in ((s, high, 0.0), (s + width, 0.0, 0.0))]
        before = 0.0
    elif kind == "triangle":
        vertices, rate, cycles = rest
        turns = [*(list(vertices) * int(cycles)), vertices[0]]
        corners, t, before = [], 0.0, vertices[0]
        for a, b in pairwise(turns):
            corners.append((t, a, np.sign(b - a) * rate))
            t += abs(b - a) / rate
        corners.append((t, vertices[0], 0.0))
    elif kind == "sine":
        corners, before = [(0.0, rest[0], 0.0)], rest[0]
    else:
        raise ValueError(f"unknown wave {kind}")
    corners = [c for c in corners if c[0] < T]
    return np.array(corners), before


def rest_voltage(case, before):
    """u at rest at a current or an applied voltage, by bisection."""
    R_s = case.get("R_s", 0.0) if case["drive"] == "V" else None

    def gap(u):
        x = (u - case["V_T"]) / case["V_m"]
        I = u / case["R_b"] + case["i_c0"] * 0.5 * (1 + np.tanh(x / 2))
        return I - before if R_s is None else u + R_s * I - before

    low, high = -1.0, 1.0
    while gap(low) > 0:
        low *= 2
    while gap(high) < 0:
        high *= 2
    for _ in range(200):
        mid = (low + high) / 2
        low, high = (mid, high) if gap(mid) < 0 else (low, mid)
    return (low + high) / 2


class Lanes:
    """Cases side by side; voltages in V_m, currents in i_c0, all else as given."""

    def __init__(self, cases):
        self.three = "tau_k" in cases[0]
        p = {k: np.array([float(c.get(k, 0.0)) for c in cases]) for k in LETTERS}
        self.__dict__.update(p)
        self.ideal = np.array([c["drive"] == "V" and c.get("R_s", 0.0) == 0 for c in cases])
        behind = np.array([c["drive"] == "V" for c in cases]) & ~self.ideal
        R_s = np.where(p["R_s"] > 0, p["R_s"], 1.0)
        self.g = 1 / p["R_b"] + np.where(behind, 1 / R_s, 0.0)
        self.unit = np.where(behind, 1 / R_s, 1.0)
        self.T = np.array([float(c["T"]) for c in cases])
        made = [pieces(c["wave"], c["T"]) for c in cases]
        most = max(len(c) for c, _ in made)
        self.corners = np.full((len(cases), most + 1, 3), np.nan)
        for k, (c, _) in enumerate(made):
            self.corners[k, : len(c)] = c
            self.corners[k, len(c) :, 0] = self.T[k]
        sine = [c["wave"][2:] if c["wave"][0] == "sine" else (0.0, 0.0) for c in cases]
        self.amplitude, self.freq = np.array(sine, float).T
        u = np.array([rest_voltage(c, b) for c, (_, b) in zip(cases, made, strict=True)])
        start = np.array([corners[0, 1] for corners, _ in made])
        x = np.maximum((u - self.V_T) / self.V_m, -CAP)
        u = np.where(self.ideal, start, u)
        self.y0 = np.stack([u / self.V_m, np.exp(-np.logaddexp(0, -x)), x], axis=-1)
        if not self.three:
            self.y0 = self.y0[:, :2]

    def take(self, keep):
        """Some of the lanes."""
        new = object.__new__(Lanes)
        new.three = self.three
        for k, v in self.__dict__.items():
            if k != "three":
                new.__dict__[k] = v[keep]
        return new

    def drive(self, t, piece):
        """Value and slope of the wave, on a given piece."""
        lane = np.arange(len(self.T)).reshape((-1,) + (1,) * (t.ndim - 1))
        start, value, slope = np.moveaxis(self.corners[lane, piece], -1, 0)
        shape = lane.shape
        A, w = self.amplitude.reshape(shape), 2 * np.pi * self.freq.reshape(shape)
        return value + slope * (t - start) + A * np.sin(w * t), slope + A * w * np.cos(w * t)

    def field(self, t, piece, y, logit):
        """dy/dt and its Jacobian; the gate is ln f or logit f."""
        like = (-1,) + (1,) * (t.ndim - 1)
        q = {k: getattr(self, k).reshape(like) for k in ("C_m", "i_c0", "V_m", "tau_d", "tau_k")}
        g, unit, ideal = (getattr(self, k).reshape(like) for k in ("g", "unit", "ideal"))
        J, dJ = self.drive(t, piece)
        v, i = y[..., 0], y[..., 1]
        x = v - (self.V_T / self.V_m).reshape(like)
        gain = q["i_c0"] / q["V_m"] / q["C_m"]
        F, D = np.empty_like(y), np.zeros((*y.shape, y.shape[-1]))
        F[..., 0] = np.where(
            ideal, dJ / q["V_m"], (J * unit / q["V_m"] - g * v) / q["C_m"] - gain * i
        )
        D[..., 0, 0] = np.where(ideal, 0.0, -g / q["C_m"])
        D[..., 0, 1] = np.where(ideal, 0.0, -gain)
        D[..., 1, 1] = -1 / q["tau_d"]
        if not self.three:
            f = 0.5 * (1 + np.tanh(x / 2))
            F[..., 1] = (f - i) / q["tau_d"]
            D[..., 1, 0] = f * (1 - f) / q["tau_d"]
            return F, D
        y2, inside = y[..., 2], x > -CAP
        x = np.maximum(x, -CAP)
        close = np.exp(-x)
        if logit:
            f = np.exp(-np.logaddexp(0, -y2))
            a, b = np.exp(np.minimum(-y2, 2 * CAP)), np.exp(np.minimum(y2 - x, 2 * CAP))
            rate, own, cross = 1 + a - b - close, -a - b, b + close * inside
            df = f * (1 - f)
        else:
            f = np.exp(np.minimum(y2, 1.0))
            a = np.exp(np.minimum(-y2, 2 * CAP))
            rate, own, cross = a - 1 - close, -a, close * inside
            df = f
        F[..., 1] = (f - i) / q["tau_d"]
        D[..., 1, 2] = df / q["tau_d"]
        F[..., 2] = rate / q["tau_k"]
        D[..., 2, 2] = own / q["tau_k"]
        D[..., 2, 0] = cross / q["tau_k"]
        return F, D


def _solve(M, r):
    """Rows span tens of decades, so each is scaled by its largest entry first."""
    size = np.max(np.abs(M), axis=-1)
    M, r = M / size[..., None], (r / size)[..., None]
    try:
        return np.linalg.solve(M, r)[..., 0]
    except np.linalg.LinAlgError:
        # One lane's bad guess must not stop the others: it gets NaN, and a smaller step.
        flat, out = (
            M.reshape(-1, *M.shape[-2:]),
            np.full(r.shape, np.nan).reshape(-1, *r.shape[-2:]),
        )
        for k, b in enumerate(r.reshape(out.shape)):
            try:
                out[k] = np.linalg.solve(flat[k], b)
            except np.linalg.LinAlgError:
                continue
        return out.reshape(r.shape)[..., 0]


def _radau_tableau(s):
    P = legendre.Legendre.basis(s - 1) - legendre.Legendre.basis(s)
    c = np.sort((np.real(P.roots()) + 1) / 2)
    c[-1] = 1.0
    powers = np.arange(s)
    return np.linalg.solve(
        (c[:, None] ** powers).T, (c[:, None] ** (powers + 1) / (powers + 1)).T
    ).T, c


A5, C5 = _radau_tableau(5)


def _radau_step(lanes, t, piece, y, h):
    N, n = y.shape
    s = len(C5)
    Z = np.zeros((N, s, n))
    ok = np.zeros(N, bool)
    where = np.broadcast_to(piece[:, None], (N, s))
    times = t[:, None] + C5 * h[:, None]
    for _ in range(14):
        F, D = lanes.field(times, where, y[:, None] + Z, logit=False)
        R = Z - h[:, None, None] * np.einsum("ij,ajk->aik", A5, F)
        M = -h[:, None, None, None, None] * np.einsum("ij,ajkl->aikjl", A5, D)
        M = M.reshape(N, s * n, s * n) + np.eye(s * n)
        with np.errstate(all="ignore"):
            d = _solve(M, R.reshape(N, -1)).reshape(N, s, n)
        d = np.where(ok[:, None, None], 0.0, np.nan_to_num(d, nan=1e3, posinf=1e3, neginf=-1e3))
        Z = Z - np.clip(d, -30, 30)
        ok |= np.max(np.abs(d) / (1 + np.abs(y[:, None] + Z)), axis=(1, 2)) < 1e-11
        if ok.all():
            break
    return y + Z[:, -1], ok


def _radau_try(lanes, t, piece, y, h):
    one, fine1 = _radau_step(lanes, t, piece, y, h)
    half, fine2 = _radau_step(lanes, t, piece, y, h / 2)
    two, fine3 = _radau_step(lanes, t + h / 2, piece, half, h / 2)
    return two, np.abs(two - one), fine1 & fine2 & fine3, half


COLUMNS = 8


def _euler_try(lanes, t, piece, y, h):
    N, n = y.shape
    parts = np.arange(1, COLUMNS + 1)
    now = np.broadcast_to(y[:, None], (N, COLUMNS, n)).copy()
    small = np.broadcast_to(h[:, None] / parts, (N, COLUMNS))
    ok = np.ones(N, bool)
    for k in range(COLUMNS):
        old = now[:, k:].copy()
        new, hs = old.copy(), small[:, k:]
        times = t[:, None] + (k + 1) * hs
        where = np.broadcast_to(piece[:, None], times.shape)
        done = np.zeros(times.shape, bool)
        for _ in range(16):
            F, D = lanes.field(times, where, new, logit=True)
            R = new - old - hs[..., None] * F
            with np.errstate(all="ignore"):
                d = _solve(np.eye(n) - hs[..., None, None] * D, R)
            d = np.where(done[..., None], 0.0, np.nan_to_num(d, nan=1e3, posinf=1e3, neginf=-1e3))
            new = new - np.clip(d, -30, 30)
            done |= np.max(np.abs(d) / (1 + np.abs(new)), axis=-1) < 1e-12
            if done.all():
                break
        ok &= done.all(axis=1)
        now[:, k:] = new
    table = [now[:, j] for j in range(COLUMNS)]
    for level in range(1, COLUMNS):
        last = table[-1]
        for j in range(COLUMNS - 1, level - 1, -1):
            ratio = (j + 1) / (j + 1 - level)
            table[j] = table[j] + (table[j] - table[j - 1]) / (ratio - 1)
    return table[-1], np.abs(table[-1] - last), ok, None


def _march(lanes, attempt, order, tol, stops=None, max_iterations=20000):
    """Integrate all lanes; returns each lane's accepted times and states, and who arrived."""
    N, n = lanes.y0.shape
    y, t = lanes.y0.copy(), np.zeros(N)
    if lanes.three and attempt is _radau_try:
        y[:, 2] = -np.logaddexp(0, -y[:, 2])  # logit f to ln f
    first = y.copy()
    piece = np.zeros(N, int)
    ends = lanes.corners[:, 1:, 0]
    h = 1e-7 * lanes.T
    stop = np.zeros(N, int)
    # Small slow currents matter as well: they are held to a thousandth of i_c0.
    reach = np.tile([1.0, 1e-3, 1.0][:n], (N, 1))
    log = [[] for _ in range(N)]
    alive = np.arange(N)
    for _ in range(max_iterations):
        if not len(alive):
            break
        L = lanes.take(alive)
        end = ends[alive, piece[alive]]
        if stops is not None:
            end = np.minimum(end, stops[alive, np.minimum(stop[alive], stops.shape[1] - 1)])
        left = end - t[alive]
        hits = h[alive] >= left * (1 - 1e-12)
        step = np.where(hits, left, np.minimum(h[alive], 0.55 * left))
        new, error, fine, half = attempt(L, t[alive], piece[alive], y[alive], step)
        weight = np.maximum(reach[alive], 1e-30)
        size = np.max(error / weight, axis=1) / tol
        size = np.where(np.isfinite(size) & fine, size, 1e9)
        good = size <= 1
        # A rounding-sized step that still fails will never pass; near t = 0 it may be far shorter.
        dead = (step < np.maximum(1e-15 * t[alive], 1e-60 * lanes.T[alive])) & ~good
        factor = np.clip(0.85 * np.maximum(size, 1e-30) ** (-1 / order), 0.2, 4.0)
        h[alive] = np.where(good & hits, np.maximum(h[alive], step * factor), step * factor)
        for k, lane in enumerate(alive):
            if good[k]:
                if half is not None:
                    log[lane].append((t[lane] + step[k] / 2, half[k], False))
                t[lane] = end[k] if hits[k] else t[lane] + step[k]
                y[lane] = new[k]
                edge = hits[k] and end[k] == ends[lane, piece[lane]]
                log[lane].append((t[lane], new[k], edge))
                if hits[k] and stops is not None and stop[lane] < stops.shape[1]:
                    stop[lane] += int(end[k] == stops[lane, stop[lane]])
                if edge and t[lane] < lanes.T[lane]:
                    piece[lane] += 1
                    h[lane] = min(h[lane], 1e-6 * lanes.T[lane])
                    if lanes.ideal[lane]:
                        y[lane, 0] = lanes.corners[lane, piece[lane], 1] / lanes.V_m[lane]
        moved = np.abs(y[alive] - first[alive])
        reach[alive, :2] = np.maximum(reach[alive], moved)[:, :2]
        alive = alive[~dead & (t[alive] < lanes.T[alive])]
    return log, t >= lanes.T


def _physical(lanes, y, logit):
    """Reduced states to {"u", "i_c", "f"}."""
    out = {"u": y[..., 0] * lanes.V_m[:, None], "i_c": y[..., 1] * lanes.i_c0[:, None]}
    if lanes.three:
        out["f"] = 0.5 * (1 + np.tanh(y[..., 2] / 2)) if logit else np.exp(y[..., 2])
    return out


def radau(cases, samples=64, tol=1e-11):
    """Sample times chosen by the method's own steps, the states there, and who arrived."""
    lanes = Lanes(cases)
    log, arrived = _march(lanes, _radau_try, 9, tol)
    n = lanes.y0.shape[1]
    times, states = np.empty((len(cases), samples)), np.full((len(cases), samples, n), np.nan)
    for k, entries in enumerate(log):
        entries = entries or [(0.0, np.full(n, np.nan), False)]
        # Not at edges, where a sample would be ambiguous; the last one is the end.
        usable = [e for e in entries[:-1] if not e[2]] + entries[-1:]
        at = np.unique(np.round(np.linspace(0, len(usable) - 1, samples)).astype(int))
        at = np.concatenate([np.zeros(samples - len(at), int), at])
        times[k] = [usable[j][0] for j in at]
        states[k] = [usable[j][1] for j in at]
    return times, _physical(lanes, states, logit=False), arrived


def followed(cases, y0, stops, tol=1e-11):
    """From given states (u/V_m, i_c/i_c0, logit f) by `radau`: for each lane its accepted times and
    states (the gate as ln f), with all its `stops` (lanes, n) among them; and who arrived."""
    lanes = Lanes(cases)
    lanes.y0 = y0
    log, arrived = _march(lanes, _radau_try, 9, tol, stops, 6000)
    return [{entry[0]: entry[1] for entry in entries} for entries in log], arrived


def euler(cases, times, tol=1e-10):
    """The states at the given times (lanes, samples), and who arrived."""
    lanes = Lanes(cases)
    order = np.array([np.unique(row, return_inverse=True)[1] for row in times])
    stops = np.full_like(times, np.inf)
    for k, row in enumerate(times):
        own = np.unique(row)
        stops[k, : len(own)] = own
    log, arrived = _march(lanes, _euler_try, COLUMNS, tol, stops)
    states = np.full((*times.shape, lanes.y0.shape[1]), np.nan)
    for k, entries in enumerate(log):
        found = {e[0]: e[1] for e in entries}
        kept = np.array(
            [found.get(s, np.full(states.shape[-1], np.nan)) for s in np.unique(times[k])]
        )
        states[k] = kept[order[k]]
    return _physical(lanes, states, logit=True), arrived


def ranges(cases, truth):
    """Largest minus smallest value of each quantity over a run, (lanes,).

    A slow current that moves by less than a thousandth of i_c0, and an occupation that moves by
    less than a hundredth, do next to nothing: there the range is taken as that.
    """
    least = {"i_c": np.array([1e-3 * c["i_c0"] for c in cases]), "f": 1e-2}
    return {
        k: np.maximum(np.max(v, axis=1) - np.min(v, axis=1), least.get(k, 0.0))
        for k, v in truth.items()
    }


def deviation(cases, values, truth):
    """The largest difference of any quantity in units of its range, (lanes,)."""
    span = ranges(cases, truth)
    ideal = np.array([c["drive"] == "V" and c.get("R_s", 0.0) == 0 for c in cases])
    each = [np.max(np.abs(values[k] - v), axis=1) / span[k] for k, v in truth.items()]
    # With nothing in series u is what is applied.
    each[0] = np.where(ideal, 0.0, each[0])
    return np.max(np.stack(each), axis=0)


def reference(cases, samples=64, tol=1e-11):
    """Times, states by `radau`, and how far `euler` is from them (inf where one gave up)."""
    times, truth, arrived = radau(cases, samples, tol)
    other, also = euler(cases, times, 10 * tol)
    gap = np.where(arrived & also, deviation(cases, other, truth), np.inf)
    return times, truth, np.where(np.isfinite(gap), gap, np.inf)
