"""The chapter on a circuit of the user's own: drawn, with what its letters mean."""

from fitting.estimate.result import Fit
from fitting.report.section import Section
from jaxmem import plots
from jaxmem.fields import quantities
from jaxmem.networks import Network, as_device, conversions
from jaxmem.output.numbers import engineering
from jaxmem.plots.network_diagram import room_of


def network_section(fit: Fit) -> Section | None:
    """The circuit of a fit as a drawing, the definitions of its elements, and what equals it.

    None for a fit of a device.
    """
    network = fit.model
    if not isinstance(network, Network):
        return None
    meant = network.definitions()
    lines = [f"{network.text}, in the definitions of {network.notation}, with s = j omega:"]
    lines += [f"{letter}: Z = {formula}" for letter, formula in meant.items()]
    held = _held(fit, network)
    told = [f"{name} = {engineering(*value)}" for name, value in held.items()]
    lines += [f"Held: {', '.join(told)}."] if told else []
    device = as_device(network)
    if device is not None:
        what = ", ".join(device.branches)
        lines.append(
            f"This circuit is a device of branches: {what}. Written so (jaxmem.as_device) it also "
            "answers in time; a circuit has an impedance only."
        )
    else:
        lines.append(
            "This circuit has an impedance only: it cannot be simulated, asked for spikes or "
            "exported."
        )
    lines += conversions(network)
    wide, high = room_of(network.layout)
    panel = plots.Panel([plots.NetworkDiagram(network.layout, _labels(fit, network))])
    figure = plots.Figure([[panel]], (min(12.0, 0.6 * wide + 1.2), min(9.0, 0.6 * high + 0.9)))
    record = {
        "text": network.text, "notation": network.notation, "definitions": meant,
        "is_a_device": device is not None,
        "held": {name: value for name, (value, _) in held.items()},
    }  # fmt: skip
    return Section("circuit", "Circuit", tuple(lines), record, figure=figure)


def _held(fit: Fit, network: Network) -> dict[str, tuple[float, str]]:
    """Value and unit of each parameter that is not free."""
    found = {}
    for name, (element, field) in network.parameters().items():
        if name not in fit.names:
            kind = network.elements[element]
            found[name] = float(getattr(kind, field)), quantities(kind)[field]["unit"]
    return found


def _labels(fit: Fit, network: Network) -> dict[str, str]:
    """Name and values at each element."""
    known = {p.name: p for p in fit.parameters}
    labels = {name: name for name in network.elements}
    for name, (element, _) in network.parameters().items():
        if name in known:
            p = known[name]
            symbol = "" if name == element else f"{name.partition('.')[2]} "
            labels[element] += f"\n{symbol}{engineering(p.value, p.unit, 3)}"
    return labels
