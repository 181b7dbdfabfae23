"""Does the Kramers-Kronig test accept valid spectra of every kind, and catch what is wrong?

    python benchmarks/kramers_kronig.py --seed 0 --cases 100

Draws spectra with random parameters over decades, adds noise or a violation, and counts. Writes
results/kramers_kronig.json. Where the package `impedance` is installed, its linKK sees the same
valid spectra; where measured data lie in ../shared/data, they are read too.
"""

import argparse
import contextlib
import json
import platform
import sys
import time
from collections import Counter
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from fitting.terms.linear_kk import kramers_kronig
from fitting.terms.spectrum import Spectrum

ROOT = Path(__file__).resolve().parents[1]
KINDS = (
    "one_rc",
    "two_rc",
    "slow_capacitive",
    "inductor",
    "inductor_cpe",
    "negative_real",
    "hopf_unstable",
)


def draw(kind, rng):
    """Frequencies [Hz] and noise-free impedance [ohm] of a random device of one kind.

    Scales and time constants range over decades; 30 to 80 points (6 to 12 a decade) reach half
    a decade to one and a half beyond the slowest and the fastest time constant. R_s is 1e-4 to
    0.3 of R_b; every second device has a lead inductance.
    """
    U = rng.uniform
    while True:
        R_b, tau_m = 10 ** U(1, 7), 10 ** U(-7, 0)
        R_s = R_b * 10 ** U(-4, -0.5)
        times, lags, g, n, second = [tau_m], [], 0.0, 1.0, None
        if kind == "two_rc":
            second = R_b * 10 ** U(-1, 1), tau_m * 10 ** U(-4, 4)
            times.append(second[1])
        elif kind == "slow_capacitive":
            g, lags = -U(0.1, 0.8) / R_b, [tau_m * 10 ** U(1, 5)]
        elif kind in ("inductor", "inductor_cpe"):
            g, lags = 10 ** U(-1, 1) / R_b, [tau_m * 10 ** U(0.3, 5)]
            n = U(0.75, 0.97) if kind == "inductor_cpe" else 1.0
        elif kind in ("negative_real", "hopf_unstable"):
            g = 10 ** U(0.3, 2.3) / R_b
            lags = [tau_m * 10 ** U(-2, 2), tau_m * 10 ** U(-2, 2)]
        times += lags
        L_s = R_s * min(times) * 10 ** U(-3, -1) if rng.random() < 0.5 else 0.0

        low = -np.log10(2 * np.pi * max(times)) - U(0.5, 1.5)
        high = -np.log10(2 * np.pi * min(times)) + U(0.5, 1.5)
        points = int(np.clip((high - low) * U(6, 12), 30, 80))
        freq = np.logspace(low, high, points)
        s = 2j * np.pi * freq
        slow = np.prod([1 + s * tau for tau in lags], axis=0) if lags else 1.0
        Z = 1 / ((1 + (s * tau_m) ** n) / R_b + g / slow)
        dip = Z.real.min()
        if second:
            Z = Z + second[0] / (1 + s * second[1])
        Z = Z + R_s + s * L_s
        if kind in ("negative_real", "hopf_unstable"):
            poly = np.polynomial.polynomial
            den = poly.polymul([1, lags[0]], [1, lags[1]])
            num = poly.polyadd(poly.polymul([1 / R_b, tau_m / R_b], den), [g])
            closed = poly.polyadd(poly.polymul([R_s, L_s], num), den)
            stable = [np.all(poly.polyroots(p).real < 0) for p in (num, closed)]
            # Unstable under current control, stable under voltage control: it can be measured.
            wanted = [True] if kind == "negative_real" else [False, True]
            if dip >= 0 or stable[: len(wanted)] != wanted:
                continue
        return freq, Z


def noisy(Z, rng, level=0.005):
    noise = rng.standard_normal(Z.size) + 1j * rng.standard_normal(Z.size)
    return Z + level * abs(Z) * noise


def sign_flip(freq, Z, rng):
    return Z.conj()


def outlier(freq, Z, rng):
    k, Z = rng.integers(Z.size), Z.copy()
    random = 0.1 * abs(Z[k]) * np.exp(2j * np.pi * rng.random())
    Z[k] += 0.1 * Z[k] if rng.random() < 0.5 else random
    return Z


def gain_drift(freq, Z, rng):
    x = np.linspace(0, 1, Z.size)  # in measuring order, here also linear in ln(freq)
    return Z * (1 + rng.choice([-0.2, 0.2]) * (x if rng.random() < 0.5 else x[::-1]))


def cases(kind, count, seed, level=0.005, spoil=None):
    """`count` spectra of one kind with noise and, if given, a violation."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    for _ in range(count):
        freq, Z = draw(kind, rng)
        Z = noisy(Z, rng, level)
        yield Spectrum(freq, Z if spoil is None else spoil(freq, Z, rng))


def measure(kind, count, seed, level, spoil=None):
    start = time.process_time()
    results = [kramers_kronig(spectrum) for spectrum in cases(kind, count, seed, level, spoil)]
    noise = np.array([r.noise for r in results])
    return {
        "kind": kind,
        "level": level,
        "violation": spoil.__name__ if spoil else None,
        "cases": count,
        "flagged": sum(r.passed is False for r in results),
        "said": dict(Counter(r.violation or "passed" for r in results)),
        "noise_quantiles_0_5_50_95_100": np.quantile(noise, [0, 0.05, 0.5, 0.95, 1]).tolist(),
        "noise_within_20_percent": int(np.sum(abs(noise / level - 1) <= 0.2)) if level else None,
        "admittance": sum(r.domain == "admittance" for r in results),
        "elements_mean": float(np.mean([r.elements for r in results])),
        "cpu_ms_each": 1e3 * (time.process_time() - start) / count,
    }


def peer(kind, count, seed):
    """Relative rms residual of impedance.py's linKK (c = 0.85), or None where it is absent.

    Of its two ways to fit, each with and without a series capacitance, the best counts.
    """
    try:
        from impedance.validation import linKK
    except ImportError:
        return None
    out = []
    for spectrum in cases(kind, count, seed):
        tries = []
        # impedance 1.7.1 evaluates the text of numbers, which NumPy 2 writes as np.float64(...).
        with np.printoptions(legacy="1.25"):
            for fit in ("real", "complex"):
                for cap in (False, True):
                    with contextlib.redirect_stdout(None):
                        _, _, _, re, im = linKK(
                            spectrum.freq, spectrum.Z, fit_type=fit, add_cap=cap
                        )
                    tries.append(float(np.sqrt(np.mean((re**2 + im**2) / 2))))
        out.append(min(tries))
    return {
        "kind": kind,
        "level": 0.005,
        "cases": count,
        "residual_quantiles_0_50_90_100": np.quantile(out, [0, 0.5, 0.9, 1]).tolist(),
        "residual_above_1_percent": int(np.sum(np.array(out) > 0.01)),
    }


def unwrap():
    """The perovskite cells, points above 6 MHz left out; empty where the data are absent."""
    out = []
    for path in sorted((ROOT.parent / "shared/data/perovskite_eis").glob("*.npz")):
        data = np.load(path)
        keep = data["freqs"] <= 6e6
        for k in (0, 24, 30, 47):
            Z = (data["Re"] + 1j * data["Im"])[keep, k]
            result = kramers_kronig(Spectrum(data["freqs"][keep], Z))
            rms = float(np.sqrt(np.mean(abs(result.residuals) ** 2) / 2))
            out.append(
                {
                    "file": path.name,
                    "index": k,
                    "noise": result.noise,
                    "rms": rms,
                    "elements": result.elements,
                    "domain": result.domain,
                    "reason": result.reason,
                }
            )
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=100, help="of each kind")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/kramers_kronig.json")
    args = parser.parse_args()

    runs = [(level, None) for level in (0.005, 0.001, 0.02, 0.0)]
    runs += [(0.005, spoil) for spoil in (sign_flip, outlier, gain_drift)]
    rows = []
    print(f"{'':27s}{'flagged':>12s}{'noise %: 5, 50, 95 of 100':>30s}{'in 20 %':>9s}{'ms':>6s}")
    for level, spoil in runs:
        print(f"-- {spoil.__name__ if spoil else 'valid'}, noise {100 * level:g} %")
        for kind in KINDS:
            row = measure(kind, args.cases, args.seed, level, spoil)
            rows.append(row)
            q = [100 * v for v in row["noise_quantiles_0_5_50_95_100"][1:4]]
            print(
                f"{kind:27s}{row['flagged']:7d}/{row['cases']:<4d}"
                f"{q[0]:12.4f}{q[1]:9.4f}{q[2]:9.4f}"
                f"{row['noise_within_20_percent'] if level else '-':>9}{row['cpu_ms_each']:6.0f}",
                flush=True,
            )
    peers = [p for kind in KINDS if (p := peer(kind, min(args.cases, 20), args.seed))]
    for p in peers:
        q = [100 * v for v in p["residual_quantiles_0_50_90_100"]]
        print(f"linKK {p['kind']:21s}{p['residual_above_1_percent']:7d} above 1 %; ", end="")
        print("residual % (0, 50, 90, 100 of 100): {:.2f} {:.2f} {:.2f} {:.2f}".format(*q))
    real = measured()
    for r in real:
        print(
            f"{r['file']} {r['index']:2d}: noise {100 * r['noise']:.2f} %, rms "
            f"{100 * r['rms']:.2f} %, {r['elements']} elements, {r['domain']}. {r['reason']}"
        )
    versions = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "impedance"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    report = {
        "seed": args.seed,
        "cases": args.cases,
        "machine": {"platform": platform.platform(), "processor": platform.machine()},
        "versions": versions,
        "synthetic": rows,
        "linKK": peers,
        "measured": real,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
