"""A synthetic recording, and how it is written and compared."""

import numpy as np

# A synthetic loop: one period of a triangle, with a current that depends on the past.
N = 40
T = 0.05 * np.arange(N) + 1.0
V = np.interp(np.arange(N) / N, [0, 0.25, 0.75, 1], [0, 0.8, -0.8, 0])
I = 1e-3 * V * (1.5 + np.sin(2 * np.pi * np.arange(N) / N - 0.6))


def rows(*columns, sep=",", decimal="."):
    text = lambda v: repr(float(v)).replace(".", decimal) if not isinstance(v, str) else v
    return "".join(sep.join(map(text, row)) + "\n" for row in zip(*columns, strict=True))


def same(recording, t=T, V=V, I=I, rtol=1e-12):
    for got, expected in zip((recording.t, recording.V, recording.I), (t, V, I), strict=True):
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-300)
    return True


def noted(recording, words):
    return any(words in note for note in recording.notes)


def mpt(names, *columns, decimal="."):
    top = "EC-Lab ASCII FILE\nNb header lines : 5\n\nCyclic Voltammetry\n"
    body = rows(*columns, sep="\t", decimal=decimal)
    return f"{top}{names}\t\n{body}".replace("\n", "\r\n")


CYCLE = np.repeat([1.0, 2.0], N // 2)
NAMES = "mode\ttime/s\tcontrol/V\tEwe/V\t<I>/mA\tcycle number\tI Range"


swapped = T.copy()
swapped[[5, 6]] = swapped[[6, 5]]


SHAPES = {
    "sine": lambda x: np.sin(2 * np.pi * x),
    "triangle": lambda x: 2 / np.pi * np.arcsin(np.sin(2 * np.pi * x)),
}
