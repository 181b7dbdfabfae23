"""A test bench as the file of a simulator."""

import numpy as np

from jaxmem.circuits.circuit import Circuit
from jaxmem.netlists.accuracy import Accuracy
from jaxmem.netlists.bench import FILES, Bench, Simulator, bench_of
from jaxmem.netlists.equations import equations_of
from jaxmem.netlists.text import shortest

# Frequencies in a decade.
EACH = 10
# Measured by `python -m benchmarks netlists` (docs/decisions/0044).
DEFAULTS = (
    "The options below keep u and the states to 1e-4 of their ranges. At a simulator's own expect "
    "1e-2, a tenth of the devices worse than 0.1; where it spikes edges may be off by all of it."
)


def testbench(
    circuit: Circuit,
    until: float,
    simulator: Simulator = "ngspice",
    *,
    max_step: float | None = None,
    name: str = "memristor",
    file: str | None = None,
) -> str:
    """A file that a simulator runs: a device under its drive, at rest, for small signals, in time.

    Operating point and impedance are those at the largest value of the drive's straight lines; the
    transient begins at rest, as `solve` does. The options keep the transient to 1e-4 of its range
    (docs/decisions/0044).

    **Arguments:**

    - `circuit`: one device and its drive: straight lines and sines.
    - `until`: end time [s].
    - `simulator`: `"ngspice"`, `"ltspice"` (not tested) or `"vacask"`.
    - `max_step`: the largest step [s]; a 40,000th of the run if it is left out. A run of many
      spikes wants a 6,000th of their period.
    - `name`: of the subcircuit or module; `file`: in which it stands.

    **Returns:** the text of the file.

    **Raises:** `ValueError` for a drive that no source gives, and as `spice_netlist`.
    """
    if simulator not in FILES:
        raise ValueError(f"simulator is one of {', '.join(FILES)}, got {simulator!r}")
    if not 0 < until < np.inf:
        raise ValueError(f"testbench: the end time must be positive and finite, got {until}")
    made = equations_of(circuit.device)
    return bench_text(bench_of(made, circuit, until, simulator, max_step, name, file), simulator)


def bench_text(bench: Bench, simulator: Simulator) -> str:
    """The text of a test bench."""
    write = {"ngspice": _ngspice, "ltspice": _ltspice, "vacask": _vacask}[simulator]
    return "\n".join([*write(bench), ""])


def _spice_source(bench: Bench, ac: bool) -> list[str]:
    """Current sources side by side, voltage sources one on the other."""
    s, bias = bench.stimulus, shortest(bench.bias)
    waves = []
    straight = len(s.times) > 1 or not s.sines or s.values[0] != 0
    if straight:
        points = [f"{shortest(t)} {shortest(v)}" for t, v in zip(s.times, s.values, strict=True)]
        waves.append(f"PWL({'  '.join(points)})" if len(points) > 1 else "")
    waves += [
        f"SIN({shortest(sine.offset)} {shortest(sine.amplitude)} {shortest(sine.freq)} "
        f"{shortest(sine.start)})"
        for sine in s.sines
    ]
    lines = []
    for k, wave in enumerate(waves, 1):
        # Operating point and small signals are those of the bias, which the first source gives.
        dc = f"DC {bias if k == 1 else 0}" + (" AC 1" if k == 1 and ac else "")
        if bench.voltage:
            plus, minus = ("a" if k == 1 else f"a{k}"), ("0" if k == len(waves) else f"a{k + 1}")
            lines.append(f"V{k} {plus} {minus} {dc} {wave}".rstrip())
        else:
            lines.append(f"I{k} 0 a {dc} {wave}".rstrip())
    return [piece for line in lines for piece in _continued(line)]


def _continued(line: str) -> list[str]:
    pieces, rest = [], line.split("  ")
    current = rest[0]
    for part in rest[1:]:
        if len(current) + len(part) > 96:
            pieces.append(current)
            current = f"+ {part}"
        else:
            current = f"{current}  {part}"
    return [*pieces, current]


def _options(a: Accuracy) -> str:
    return f"reltol={a.reltol:.3g} abstol={a.abstol:.3g} vntol={a.vntol:.3g} chgtol={a.chgtol:.3g}"


def _about(bench: Bench) -> list[str]:
    what = "V" if bench.voltage else "I"
    lines = [
        f"Test bench: {what}(t) over {bench.until:.6g} s; operating point and impedance at "
        f"{what} = {bench.bias:.6g}.",
        DEFAULTS,
    ]
    if bench.stimulus.shift:
        lines.append(f"The simulator's time is {bench.stimulus.shift:.6g} s ahead of the drive's.")
    return lines


def _ngspice(b: Bench) -> list[str]:
    L_s = float(b.made.device.L_s)
    shown = " ".join(["v(a)", *(["i(v1)"] if b.voltage else []),
                      *(f"v(x1.{node.name})" for node in b.made.nodes)])  # fmt: skip
    Z = "-1/i(v1)" if b.voltage else "v(a)"
    lead = f" + 2*pi*abs(frequency)*{shortest(L_s)}" if L_s else ""
    return [
        "* Run: ngspice -b bench.cir", *(f"* {line}" for line in _about(b)),
        "* It writes op.txt, impedance.txt (Hz, Re Z, Im Z) and transient.txt, names in line 1.",
        f".include {b.file}",
        *_spice_source(b, ac=True),
        f"X1 a 0 {b.name}",
        f".options {_options(b.accuracy)}", "+ trtol=1 itl1=500 itl4=50",
        ".control", "set numdgt=15", "set wr_singlescale", "set wr_vecnames",
        "* Small signals are as right as the operating point, which is computed closely.",
        f"option {_options(b.accuracy.closely())}", "op", f"wrdata op.txt {shown}",
        f"ac dec {EACH} {b.band[0]:g} {b.band[1]:g}",
        f"let re_z = real({Z})", f"let im_z = imag({Z}){lead}", "wrdata impedance.txt re_z im_z",
        f"option {_options(b.accuracy)}",
        f"tran {shortest(b.until / 2000)} {shortest(b.until)} 0 {shortest(b.accuracy.max_step)}",
        f"wrdata transient.txt {shown}",
        ".endc", ".end",
    ]  # fmt: skip


def _ltspice(b: Bench) -> list[str]:
    return [
        "* NOT TESTED: open in LTspice and run, or LTspice -b bench_ltspice.cir",
        *(f"* {line}" for line in _about(b)),
        f".include {b.file}",
        *_spice_source(b, ac=True),
        f"X1 a 0 {b.name}",
        f".options {_options(b.accuracy)}", ".options trtol=1 plotwinsize=0 numdgt=15",
        f".tran 0 {shortest(b.until)} 0 {shortest(b.accuracy.max_step)}",
        f";.ac dec {EACH} {b.band[0]:g} {b.band[1]:g}", ";.op",
        ".end",
    ]  # fmt: skip


def _vacask(b: Bench) -> list[str]:
    kind = "vsource" if b.voltage else "isource"
    s, sources = b.stimulus, []
    wave = []
    if len(s.times) > 1 or not s.sines or s.values[0] != 0:
        numbers = [shortest(x) for pair in zip(s.times, s.values, strict=True) for x in pair]
        wave.append(("pwl", f" wave=[{', '.join(numbers)}]") if len(numbers) > 2 else ("dc", ""))
    wave += [
        (
            "sine",
            f" sinedc={shortest(x.offset)} ampl={shortest(x.amplitude)} "
            f"freq={shortest(x.freq)} delay={shortest(x.start)}",
        )
        for x in s.sines
    ]
    for k, (_, shape) in enumerate(wave, 1):
        own = f'dc={shortest(b.bias) if k == 1 else 0} mag={1 if k == 1 else 0} type="dc"{shape}'
        if b.voltage:
            plus, minus = ("a" if k == 1 else f"a{k}"), ("0" if k == len(wave) else f"a{k + 1}")
            sources.append(f"v{k} ({plus} {minus}) source {own}")
        else:
            sources.append(f"i{k} (0 a) source {own}")
    a, letter = b.accuracy, "v" if b.voltage else "i"
    return [
        "Test bench for VACASK. Run: vacask bench.sim",
        *(f"// {line}" for line in _about(b)),
        "// It writes op.raw, small.raw (the voltage of a is Z) and transient.raw."
        if not b.voltage else
        "// It writes op.raw, small.raw (-1 over the current of v1 is Z) and transient.raw.",
        f'load "{b.file}"', "ground 0", f"model device {b.name}", f"model source {kind}",
        "x1 (a 0) device", *sources,
        "control",
        "  // Small signals are as right as the operating point, which is computed closely.",
        f"  options {_options(a.closely())}",
        "  analysis op op",
        f'  analysis small ac from={b.band[0]:g} to={b.band[1]:g} mode="dec" points={EACH}',
        f"  options {_options(a)}",
        *(f'  alter instance("{letter}{k}") type="{shape}"'
          for k, (shape, _) in enumerate(wave, 1)),
        f"  analysis transient tran step={shortest(a.max_step)} stop={shortest(b.until)} "
        f"maxstep={shortest(a.max_step)}",
        "endc",
    ]  # fmt: skip
