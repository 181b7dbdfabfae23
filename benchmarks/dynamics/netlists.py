"""Do ngspice and VACASK agree with the library on devices that it exports?

Draws devices of every kind with a drive (`problems/drawn_netlists.py`), writes netlist and test
bench and runs both simulators with the settings of the bench: operating point and states against
`operating_points`, impedance against `linearize` at the simulator's own u, the transient against
`solve` at the simulator's own times, as shares of each signal's range. Spike rates are those of
runs that have settled, against `limit_cycle`. Then the same decks at the simulators' default
options, and two circuits of two devices against the same by hand.
"""

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from benchmarks.harness import Absent
from benchmarks.oracles import simulators
from benchmarks.oracles.simulators import DidNotFinish
from benchmarks.problems import coupled_netlists
from benchmarks.problems.drawn_netlists import draw_cases
from benchmarks.table import Row
from jaxmem.netlists.bench import bench_of
from jaxmem.netlists.bench_files import bench_text
from jaxmem.netlists.equations import equations_of
from jaxmem.netlists.spice import subcircuit
from jaxmem.netlists.verilog import module_text

COUNTS = {"cases": (50, "devices")}
LIMITS = {"operating_point": 1e-6, "impedance": 1e-6, "transient": 1e-4, "rate": 1e-4}
# Times at which a transient is compared.
SAMPLES = 1500
# A run for a rate lasts until what its start has left is this share, in periods at most so many.
SETTLED, LEAST, MOST = 1e-6, 10, 100
ROW = Row(
    counted=lambda r: "; ".join(
        f"{tool}: {sum(map(within, cases))} of {len(cases)} within all limits"
        f", {sum(c['converged'] for c in r['defaults'] if c['tool'] == tool)} converge at defaults"
        for tool, cases in _by_tool(r["settings"]).items()
    ),
    error=lambda r: "; ".join(
        f"{key} {max(c[key] for c in r['settings'] if c.get(key) is not None):.1e}"
        for key in LIMITS
    ),
)


def within(row) -> bool:
    """Whether what was compared is within its limits."""
    return all(row[key] < limit for key, limit in LIMITS.items() if row.get(key) is not None)


def _by_tool(rows):
    return {
        tool: [r for r in rows if r["tool"] == tool]
        for tool in dict.fromkeys(r["tool"] for r in rows)
    }


def tools() -> list[str]:
    """Which of the two simulators are here."""
    return [name for name in ("ngspice", "vacask") if getattr(simulators, name)()]


class Exported:
    """A case as files in a folder, with equations and operating point that are computed once."""

    def __init__(self, case, max_step=None):
        self.case = case
        self.made = equations_of(case.circuit.device)
        self.bench = {
            tool: bench_of(self.made, case.circuit, case.until, tool, max_step) for tool in tools()
        }

    def run(self, tool, *, defaults=False) -> "Answer":
        """What a simulator answers; with `defaults` at its own options and largest step."""
        with tempfile.TemporaryDirectory() as folder:
            where, bench = Path(folder), self.bench[tool]
            text = bench_text(bench, tool)
            if tool == "ngspice":
                where.joinpath(bench.file).write_text(subcircuit(self.made, bench.name, "ngspice"))
                where.joinpath("bench.cir").write_text(without_options(text) if defaults else text)
                simulators.run_ngspice(where)
                op, small = (
                    simulators.table(where / "op.txt"),
                    simulators.table(where / "impedance.txt"),
                )
                transient = simulators.table(where / "transient.txt")
                Z = small["re_z"] + 1j * small["im_z"]
                return Answer(self, op, small["frequency"], Z, transient, "v({})", "v(x1.{})")
            where.joinpath(bench.file).write_text(module_text(self.made, bench.name))
            where.joinpath("bench.sim").write_text(without_options(text) if defaults else text)
            simulators.run_vacask(where)
            small = simulators.raw(where / "small.raw")
            Z = -1 / small["v1:flow(br)"] if bench.voltage else small["a"]
            freq = small["frequency"].real
            return Answer(self, simulators.raw(where / "op.raw"), freq,
                          Z + 2j * np.pi * freq * float(self.made.device.L_s),
                          simulators.raw(where / "transient.raw"), "{}", "x1:{}")  # fmt: skip


def without_options(text) -> str:
    """A deck without its options and its largest step."""
    kept = []
    for line in text.splitlines():
        words = line.split()
        if line.strip().startswith((".option", "option", "+ trtol")):
            continue
        if words[:1] == ["tran"]:
            # The largest step of ngspice follows the printed one, and is a 50th of the run at most.
            line = f"tran {float(words[2]) / 50!r} {words[2]}"
        if words[:2] == ["analysis", "transient"]:
            stop = float(words[4].split("=")[1])
            line = f"  analysis transient tran step={stop / 2000!r} stop={stop!r}"
        kept.append(line)
    return "\n".join([*kept, ""])


class Answer:
    """What a simulator answered, in the library's words."""

    def __init__(self, exported, op, freq, Z, transient, node, state):
        self.exported, self.freq, self.Z = exported, freq, Z
        self._node, self._state = node, state
        self.op, self.transient = op, transient

    def _read(self, columns):
        """Voltage at the terminals [V] and physical states, each an array over the rows."""
        made = self.exported.made
        z = [n.offset + np.real(columns[self._state.format(n.name)]) * n.unit for n in made.nodes]
        a = np.real(columns[self._node.format("a")])
        if not z:
            return a, np.zeros((len(a), 0))
        return a, np.asarray(jax.vmap(made.device.unchart)(jnp.stack(z, axis=1)))

    def operating_point(self) -> float:
        """The largest deviation from the nearest equilibrium, each of its size."""
        made, bench = self.exported.made, next(iter(self.exported.bench.values()))
        letter = "V" if bench.voltage else "I"
        found = jm.operating_points(made.device, **{letter: bench.bias})
        (a,), (x,) = self._read(self.op)
        worst = []
        for k in range(int(found.count)):
            theirs = np.append(float(found.V[k]), np.asarray(found.x[k]))
            scale = np.abs(theirs) + 1e-6 * self._sizes()
            worst.append(np.max(np.abs(np.append(a, x) - theirs) / scale))
        return float(min(worst))

    def _sizes(self):
        made = self.exported.made
        rests = np.array([z for _, z in made.scales.rests]).reshape(-1, len(made.nodes))
        states = (
            np.asarray(jax.vmap(made.device.unchart)(jnp.asarray(rests))) if made.nodes else rests
        )
        return np.append(made.scales.volt, np.abs(states).max(axis=0, initial=0.0))

    def impedance(self) -> float:
        """The largest relative deviation of Z from that of `linearize` at the simulator's own u."""
        made = self.exported.made
        (a,), (x,) = self._read(self.op)
        bench = next(iter(self.exported.bench.values()))
        u = a - float(made.device.R_s) * self._current(bench, a)
        point = jm.OperatingPoint(*map(jnp.asarray, (u, x, 0.0, a, 1)))
        Z = np.asarray(jm.linearize(made.device, point).impedance(2 * np.pi * self.freq))
        return float(np.max(np.abs(self.Z / Z - 1)))

    def _current(self, bench, a):
        if not bench.voltage:
            return bench.bias
        word = "i(v1)" if "i(v1)" in self.op else "v1:flow(br)"
        return -float(np.real(self.op[word][0]))

    def deviation(self) -> float:
        """The largest deviation of u and the states from `solve`, in units of their ranges."""
        t = self.transient["time"]
        case = self.exported.case
        if t[-1] < (1 - 1e-9) * case.until:
            raise DidNotFinish(f"the transient ends at {t[-1]:g} of {case.until:g} s")
        rows = np.linspace(0, len(t) - 1, SAMPLES).astype(int)
        rows = np.unique(rows)
        # One length of arrays is one compiled program.
        late = np.linspace(t[-1], t[-1] * (1 + 1e-6), SAMPLES - len(rows) + 1)[1:]
        edges = case.circuit.drive.wave.finite_edges()
        first = min(0.0, *edges[:1]) if len(edges) else 0.0
        run = jm.solve(case.circuit, first + np.append(t[rows], late), rtol=1e-9)
        a, x = self._read({name: values[rows] for name, values in self.transient.items()})
        theirs = np.column_stack([run.V, run.x])[: len(rows)]
        ours = np.column_stack([a, x])
        # The simulator's sources have ramps where the drive has jumps.
        after = t[rows] > 1e-8 * case.until
        size = np.ptp(theirs[after], axis=0) + 1e-9 * np.abs(theirs[after]).max(axis=0) + 1e-300
        return float(np.max(np.abs(ours - theirs)[after] / size))

    def period(self) -> float:
        """The time from spike to spike at the end of the run [s]: rising middles of the range."""
        t, a = self.transient["time"], np.real(self.transient[self._node.format("a")])
        late = t > 0.7 * t[-1]
        middle = (a[late].max() + a[late].min()) / 2
        up = np.flatnonzero(late[:-1] & (a[:-1] < middle) & (a[1:] >= middle))
        at = t[up] + (middle - a[up]) / (a[up + 1] - a[up]) * (t[up + 1] - t[up])
        return float((at[-1] - at[0]) / (len(at) - 1)) if len(at) > 2 else float("nan")


def compare(case) -> list[dict]:
    """The deviations of each simulator at the settings of the bench."""
    rows = []
    exported = Exported(case)
    for tool in tools():
        row = {"tool": tool, "kind": case.kind}
        try:
            answer = exported.run(tool)
            row |= {"operating_point": answer.operating_point(), "impedance": answer.impedance()}
            row |= {"transient": answer.deviation()}
            if case.period:
                row["rate"] = rate_deviation(case, tool)
        except DidNotFinish as why:
            row |= {key: float("inf") for key in LIMITS if key not in row} | {
                "why": str(why)[-300:]
            }
        rows.append(row)
    return rows


def rate_deviation(case, tool) -> float | None:
    """The relative deviation of the spike rate from that of `limit_cycle`; None without a cycle,
    or with one that is reached too slowly."""
    I = float(case.circuit.drive.wave.high)
    cycle = jm.limit_cycle(
        jm.Circuit(case.circuit.device, jm.CurrentDrive(jm.Constant(I))), throw=False
    )
    period = float(cycle.period)
    if not np.isfinite(period):
        return None
    left = float(np.sort(np.abs(np.asarray(cycle.multipliers)))[-2])
    periods = LEAST + np.log(SETTLED) / np.log(min(max(left, 1e-12), 1 - 1e-12))
    if periods > MOST:
        return None
    longer = case._replace(until=periods * period)
    answer = Exported(longer, max_step=period / 6000).run(tool)
    return abs(answer.period() / period - 1)


def at_defaults(case) -> list[dict]:
    """What a simulator's default options make of it."""
    rows = []
    exported = Exported(case)
    for tool in tools():
        row = {"tool": tool, "kind": case.kind}
        try:
            row["transient"] = exported.run(tool, defaults=True).deviation()
            row["converged"] = True
        except DidNotFinish as why:
            row |= {"converged": False, "why": str(why)[-300:]}
        rows.append(row)
    return rows


def each(cases, function) -> list[dict]:
    """The rows of all cases, each said when it is there."""
    rows = []
    for k, case in enumerate(cases):
        for row in function(case):
            rows.append({"case": k} | row)
            said = {key: f"{v:.1e}" if isinstance(v, float) else v for key, v in row.items()}
            print(k, said, flush=True)
    return rows


def network(kind, tool, folder) -> float:
    """Two exported devices in one circuit against the same by hand: the largest deviation of u."""
    for name, text in coupled_netlists.netlists(tool).items():
        Path(folder, name).write_text(text)
    file, start, table, read, node = (
        ("bench.cir", simulators.run_ngspice, "transient.txt", simulators.table, "v({})")
        if tool == "ngspice" else
        ("bench.sim", simulators.run_vacask, "transient.raw", simulators.raw, "{}")
    )  # fmt: skip
    Path(folder, file).write_text(coupled_netlists.circuit_file(kind, tool))
    start(folder)
    found = read(Path(folder, table))
    rows = np.unique(np.linspace(1, len(found["time"]) - 1, SAMPLES).astype(int))
    theirs = coupled_netlists.by_hand(kind, np.append(0.0, found["time"][rows]))[1:]
    ours = np.column_stack([np.real(found[node.format(a)])[rows] for a in ("a1", "a2")])
    return float(np.max(np.abs(ours - theirs) / np.ptp(theirs, axis=0)))


def networks() -> dict:
    """Both circuits of two devices in both simulators."""
    found = {}
    for kind in coupled_netlists.KINDS:
        for tool in tools():
            with tempfile.TemporaryDirectory() as folder:
                found[f"{kind}, {tool}"] = network(kind, tool, folder)
    return found


def run(options):
    if not tools():
        raise Absent("neither ngspice nor VACASK is here")
    cases = draw_cases(options.seed, options.cases)
    return {
        "settings": lambda: each(cases, compare),
        "defaults": lambda: each(cases, at_defaults),
        "networks": networks,
    }


def good(result) -> bool:
    """Whether all are within the limits, and 48 of 50 converge at default options."""
    defaults = result["defaults"]
    lost = sum(not row["converged"] for row in defaults)
    return all(map(within, result["settings"])) and lost <= 0.04 * len(defaults)
