"""Models that may be taken for a device: what an experiment should tell apart."""

from typing import Any, NamedTuple

from fitting.models.setup import device_model
from fitting.problem.space import Space
from jaxmem.devices import AbstractDevice, Memristor2D, Memristor3D, Polarisation

# The second lag of a 2D device that has one after all, as a share of its delay.
LAG = 0.3
# A slow capacitive branch carries so much of the conductance, and its time is the delay.
SHARE = 0.3
# What follows at once does so within this share of tau_d.
AT_ONCE = 1e-3


class RivalModel(NamedTuple):
    """Two models, of which one is taken for true, and the other is fitted to what it shows.

    - `name`: of the one that is fitted. `true_name`, `truth`: the one that is taken for true.
    - `model`, `space`: what is fitted, where it starts, and what is free in it.
    """

    name: str
    true_name: str
    truth: Any
    model: Any
    space: Space


def rival_models(device: AbstractDevice) -> list[RivalModel]:
    """What may be taken for a memristor in the paper's letters.

    - Of a 3D device: the 2D one, and that with a slow capacitive branch besides.
    - Of a 2D device: whether it has a second lag after all (of 30 % of tau_d); and whether, in the
      place of its chemical inductor's delay, there is a slow capacitive branch beside a current
      that follows at once. The richer model is taken for true, since it can always be fitted to
      what the simpler one shows.

    **Raises:** `ValueError` for another device: give rivals of your own.
    """
    if not isinstance(device, Memristor2D | Memristor3D):
        raise ValueError(
            f"no rivals are known of a {type(device).__name__}; give `RivalModel`s of your own"
        )
    extra = dict(device.extra)
    shared: dict[str, Any] = dict(
        R_b=device.R_b, C_m=device.C_m, i_c0=device.i_c0, V_T=device.V_T, V_m=device.V_m,
        R_s=device.R_s, L_s=device.L_s,
    )  # fmt: skip
    two = Memristor2D(**shared, tau_d=device.tau_d, extra=extra)
    branch = Polarisation(device.R_b / SHARE, device.tau_d * SHARE / device.R_b)
    slow = lambda model: type(model)(
        **{name: getattr(model, name) for name in _letters(model)},
        extra=extra | {"capacitive": branch},
    )
    made = lambda name, true_name, truth, model: RivalModel(
        name, true_name, truth, *device_model(model)[:2]
    )
    if isinstance(device, Memristor3D):
        found = [made("2D", "3D", device, two)]
        if "capacitive" not in extra:
            found.append(made("2D with a slow capacitive branch", "3D", device, slow(two)))
        return found
    three = Memristor3D(**shared, tau_d=device.tau_d, tau_k=LAG * device.tau_d, extra=extra)
    found = [made("2D", f"3D with tau_k = {LAG:g} tau_d", three, device)]
    if "capacitive" not in extra:
        at_once = slow(Memristor2D(**shared, tau_d=AT_ONCE * device.tau_d, extra=extra))
        _, space, _ = device_model(at_once)
        names = space.names(at_once)
        # With its delay free it would be the 2D device again.
        free = Space(*(f for f, n in zip(space.frees, names, strict=True) if n != "tau_d"))
        name = "a current that follows at once, and a slow capacitive branch"
        found.append(RivalModel(name, "2D", device, at_once, free))
    return found


def _letters(model):
    return [name for name in vars(model) if name != "extra"]
