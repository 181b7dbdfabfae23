"""Are circuits of a user's own fitted without a guess, and are they what the peers mean by them?

Eleven circuits of one to three arcs, constant-phase elements, diffusion and an inductive loop,
0.3 % noise, starts read off the data alone. Good: every fit ends at or below chi2 of the truth.
Their impedances are compared with those by hand and, where they are installed, with
impedance.py's, at values within a factor of ten of the truth, and with pyimpspec's, as codes with
values in braces.
"""

import importlib
import warnings

import numpy as np

from benchmarks.harness import Clock, installed
from benchmarks.problems.circuits_written import CIRCUITS, FREQ, NOISE, spectrum
from benchmarks.table import Row
from fitting import MultiStart, Spectrum, fit
from fitting.models.network import network_model
from fitting.study.spec import STARTS_OF_CIRCUIT
from jaxmem.fields import quantities
from jaxmem.networks import letters_of, read_network, with_values

COUNTS = {"spectra": (4, "spectra of each circuit"), "draws": (50, "of values, for the peers")}


def reached(name, count, seed):
    """The fits of one circuit."""
    circuit = CIRCUITS[name]
    starts, below, seconds, describes, off = [], 0, [], 0, []
    for k in range(count):
        Z, noisy = spectrum(circuit, seed + k)
        data = Spectrum(FREQ, noisy, sigma=NOISE * np.abs(Z))
        setup = network_model(read_network(circuit.text), spectrum=data)
        with Clock() as clock:
            found = fit(
                data, setup.model, setup.space, seed=seed,
                starts=MultiStart(STARTS_OF_CIRCUIT, setup.box), throw=False,
            )  # fmt: skip
        r = (noisy - Z) / (NOISE * np.abs(Z))
        below += bool(found.chi2 <= np.sum(np.abs(r) ** 2))
        starts.append(found.searches.minima[0].starts)
        describes += found.describes == "yes"
        seconds.append(clock.wall)
        truth = np.array(list(circuit.truth.values()))
        off.append((found.z - found.problem.coordinates.to_search(truth)) / found.standard_errors)
    return {
        "circuit": name, "text": circuit.text, "fits": count, "at_or_below_the_truth": below,
        "described": describes, "starts": STARTS_OF_CIRCUIT + 1, "starts_at_best": starts,
        "rms_of_errors_in_standard_deviations": float(np.sqrt(np.mean(np.square(off)))),
        "seconds_first": round(seconds[0], 2),
        "seconds_later": round(float(np.median(seconds[1:] or seconds)), 2),
    }  # fmt: skip


def compared(theirs, draws, seed):
    """The largest difference in Z of all circuits and draws, as a share of |Z|."""
    worst, rng = {}, np.random.default_rng(seed)
    for name, circuit in CIRCUITS.items():
        network, worst[name] = read_network(circuit.text), 0.0
        for _ in range(draws):
            values = {
                p: rng.uniform(0.3, 1.0) if p.endswith(".n") else v * 10 ** rng.uniform(-1, 1)
                for p, v in circuit.truth.items()
            }
            ours = with_values(network, values)
            worst[name] = max(worst[name], _apart(ours, theirs(circuit, values)))
    return {"draws": draws, "largest": max(worst.values()), "each": worst}


def _apart(network, Z):
    """The largest difference of a circuit's impedance and Z, as a share."""
    # impedance.py's hyperbolic functions overflow where sqrt(s tau) is past 700.
    fine = np.isfinite(Z)
    ours = np.asarray(network.impedance(2j * np.pi * FREQ))
    return float(np.max(np.abs(ours - Z)[fine] / np.abs(Z)[fine]))


def by_hand(circuit, values):
    return circuit.impedance(2j * np.pi * FREQ, *values.values())


def by_impedance_py(circuit, values):
    circuits = importlib.import_module("impedance.models.circuits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = circuits.CustomCircuit(circuit.text, initial_guess=list(values.values()))
        return np.asarray(theirs.predict(FREQ, use_initial=True))


def of_codes(draws, seed):
    """The same circuits as codes with values in braces, read here and by pyimpspec; diffusion as
    such codes define it."""
    pyimpspec = importlib.import_module("pyimpspec")
    worst, rng = {}, np.random.default_rng(seed)
    for name, circuit in CIRCUITS.items():
        layout, worst[name] = read_network(circuit.text).layout, 0.0
        for _ in range(draws):
            code = _code(layout, rng)
            Z = np.asarray(pyimpspec.parse_cdc(code).get_impedances(FREQ))
            worst[name] = max(worst[name], _apart(read_network(code), Z))
    return {"draws": draws, "largest": max(worst.values()), "each": worst}


def _code(layout, rng, inside=False):
    """A circuit description code of a layout, with values drawn over four decades."""
    if isinstance(layout, str):
        letter = letters_of(layout).replace("CPE", "Q")
        (element,) = read_network(letter, "CDC").elements.values()
        said = {}
        for field in quantities(element):
            size = 0.5 if field in element.exponents else 10 ** rng.uniform(-2, 2)
            said["Y" if (letter, field) == ("Q", "Q") else field] = (
                rng.uniform(0.3, 1.0) if (letter, field) == ("Q", "n") else size
            )
        return f"{letter}{{{','.join(f'{name}={value:.17E}' for name, value in said.items())}}}"
    how, *parts = layout
    text = "".join(_code(part, rng, how == "parallel") for part in parts)
    if how == "parallel":
        return f"({text})"
    return f"[{text}]" if inside else text


def run(options):
    seed = options.seed
    parts = {"fits": lambda: [reached(name, options.spectra, seed) for name in CIRCUITS]}
    parts["by hand"] = lambda: compared(by_hand, options.draws, seed)
    if installed("impedance"):
        parts["impedance.py"] = lambda: compared(by_impedance_py, options.draws, seed)
    if installed("pyimpspec"):
        parts["pyimpspec"] = lambda: of_codes(options.draws, seed)
    return parts


def good(result):
    return all(row["at_or_below_the_truth"] == row["fits"] for row in result["fits"])


def _sum(result, key):
    return sum(row[key] for row in result["fits"])


ROW = Row(
    counted=lambda r: (
        f"{_sum(r, 'at_or_below_the_truth')} of {_sum(r, 'fits')} fits at or below "
        f"the truth's chi2, {min(min(row['starts_at_best']) for row in r['fits'])} to "
        f"{max(max(row['starts_at_best']) for row in r['fits'])} of {r['fits'][0]['starts']} starts"
    ),
    error=lambda r: f"Z by hand within {r['by hand']['largest']:.0e}",
    time=lambda r: "{:.1f} s a spectrum".format(
        np.median([row["seconds_later"] for row in r["fits"]])
    ),
    peer=lambda r: (
        f"Z of impedance.py within {r['impedance.py']['largest']:.0e}, of pyimpspec "
        f"({r['pyimpspec']['circuits']} circuits) within {r['pyimpspec']['largest']:.0e}"
    ),
)
