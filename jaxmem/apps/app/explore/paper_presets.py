"""The paper's panels as states of the page: the same sets as `jaxmem reproduce` draws."""

from jaxmem.apps.app.explore.exploration import Exploration
from jaxmem.apps.paper import impedance, oscillation, transients

# What is to be seen of it, beside the panels that say it themselves.
STEADY = {"1a": "the steady current and its parts", "1b": "the resistance of the slow path"}
CIRCUITS = {"1c": "1d", "1e": "1f"}


def paper_presets() -> dict[str, tuple[str, Exploration]]:
    """By the paper's name of the panel: what is to be seen, and the state that shows it."""
    found = {
        name: (words, Exploration("paper-2d", drive="I = Constant(level=3)", bias=0.9))
        for name, words in STEADY.items()
    }
    for name, (u, taus) in impedance.BIASES.items():
        state = _of_taus(*taus, drive="I = Constant(level=1)", bias=u)
        found[name] = (f"impedance at u = {u:g}", state)
    for name, beside in CIRCUITS.items():
        found[name] = ("the circuit with its elements", found[beside][1])
    for name, (tau_m, tau_d, dt) in transients.PULSES.items():
        pulse = f"I = Pulse(high={transients.CURRENT:g}, width={dt:g})"
        state = _of_taus(tau_m, tau_d, None, drive=pulse, until=3.5 * dt, bias=0.9)
        found[name] = (transients.SHOWS[name], state)
    for k, (tau_m, tau_d, end) in enumerate(transients.STEPS.values(), 1):
        state = _of_taus(
            tau_m, tau_d, None, R_s=transients.R_S, until=0.3 * end, bias=0.9,
            drive=f"V = Step(high={transients.V_APP:g})",
        )  # fmt: skip
        found[f"3 set {k}"] = ("the current after a step of voltage behind R_s", state)
    taus = oscillation.TAUS
    for name, u in zip(("5a", "5b", "5c"), ("0.95", "1", "1.1"), strict=True):
        level = float(oscillation.spiking_device().steady_current(float(u)))
        state = _of_taus(
            *taus.values(), drive=f"I = Step(high={level:.10g})", until=30.0, bias=float(u)
        )
        found[name] = (f"from rest under I({u}) it spikes for ever", state)
    return dict(sorted(found.items()))


def _of_taus(tau_m, tau_d, tau_k, *, R_s: float = 0.0, **more) -> Exploration:
    """R_b = 1, so that tau_m is C_m."""
    state = Exploration("paper-2d" if tau_k is None else "paper-3d", **more)
    values = {"C_m": tau_m, "tau_d": tau_d, "R_s": R_s} | (
        {} if tau_k is None else {"tau_k": tau_k}
    )
    for name, value in values.items():
        state = state.with_value(name, value)
    return state
