"""Spectra of every kind that a linear, causal device has, and what spoils them."""

import numpy as np

from fitting import Spectrum

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
