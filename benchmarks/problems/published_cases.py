"""Which published oscillator is asked what: a branch, the same as text, and drives of interest."""

from collections.abc import Callable
from typing import NamedTuple

import jaxmem as jm
from benchmarks.problems import published as p
from benchmarks.problems import written_models as text

ML_SNIC = dict(g_Ca=4.0, V3=12.0, V4=17.4)
HEATED = dict(R_0=100.0, E_a=0.2, b=0.02, C_th=1e-14, R_th=1e6)
IZHIKEVICH = dict(E_L=-80.0, V_n=-25.0, tau=1.0)


class Published(NamedTuple):
    """A model, and what is asked of it.

    `low`, `high`: drives of its branch of equilibria, `y` near the equilibrium at `low`. `at`:
    drives with a stable cycle; `none`: drives without. `start`: a state from which the cycles at
    `at` are reached, `walked` where AUTO's branch need not pass them. `end`: how the branch from
    the first Hopf point ends, "hopf" at another one, "infinite" at a period without bound.
    `second`: the text's unit of time.
    """

    device: Callable[[], jm.Device]
    text: str
    values: dict
    u_range: tuple | None
    low: float
    high: float
    y: list
    at: tuple
    none: tuple = ()
    end: str = "hopf"
    drive: str = "current"
    auto: dict | None = None
    canard: bool = False
    start: list | None = None
    tolerance: float = 1e-8
    intervals: int | None = None
    second: float = 1.0
    rheobase: bool = True


def lienard(mu, at, tolerance=1e-8, intervals=None):
    values = dict(mu=mu, b=0.5)
    return Published(
        lambda: jm.Device(1 / mu, {"v": p.Lienard(**values)}), text.VAN_DER_POL, values,
        (-2.5, 2.5), -3.0, 3.0, [-2, -4], at, (-2.0,), canard=True, start=[2.0, 0.0],
        tolerance=tolerance, intervals=intervals,
        auto=dict(DSMAX=0.02 / mu, NMX=int(600 * mu)) if mu < 200 else None,
    )  # fmt: skip


CASES = {
    "fitzhugh_nagumo": Published(
        lambda: jm.Device(1.0, {"membrane": p.FitzHughNagumo(0.7, 0.8, 0.08)}),
        text.FITZHUGH_NAGUMO, dict(a=0.7, b=0.8, eps=0.08), (-2.0, 2.0), -1.0, 3.0, [-1.5, -1.0],
        at=(0.3245, 0.326, 0.3312, 0.332, 0.5, 1.0, 1.419), none=(0.2, 0.3235, 1.5),
        start=[2.0, 0.0],
    ),
    "morris_lecar_hopf": Published(
        lambda: jm.Device(20.0, {"membrane": p.MorrisLecar(4.4, 2.0, 30.0, 0.04)}),
        text.MORRIS_LECAR, dict(g_Ca=4.4, V3=2.0, V4=30.0, phi=0.04), (-75.0, 60.0), 0.0, 300.0,
        [-60, 0], at=(88.5, 92.0, 95.0, 150.0, 214.0), none=(50.0, 87.0, 220.0),
        start=[30.0, 0.0],
    ),
    "morris_lecar_snic": Published(
        lambda: jm.Device(20.0, {"membrane": p.MorrisLecar(**ML_SNIC, phi=0.0667)}),
        text.MORRIS_LECAR, ML_SNIC | {"phi": 0.0667}, (-80.0, 60.0), -30.0, 200.0, [-60, 0],
        at=(40.0, 42.0, 60.0, 95.0, 110.0), none=(30.0, 39.9, 120.0), end="infinite",
        start=[30.0, 0.0],
    ),
    "morris_lecar_homoclinic": Published(
        lambda: jm.Device(20.0, {"membrane": p.MorrisLecar(**ML_SNIC, phi=0.23)}),
        text.MORRIS_LECAR, ML_SNIC | {"phi": 0.23}, (-80.0, 60.0), -30.0, 200.0, [-60, 0],
        at=(35.01, 35.5, 38.0, 40.4), none=(30.0, 34.9, 41.0), end="infinite", start=[20.0, 0.1],
    ),
    "hodgkin_huxley": Published(
        lambda: jm.Device(1.0, {"membrane": p.HodgkinHuxley()}), text.HODGKIN_HUXLEY, {},
        (-20.0, 60.0), -5.0, 200.0, [0, 0.05, 0.6, 0.3],
        at=(6.27, 6.5, 7.88, 9.0, 10.0, 50.0, 150.0), none=(3.0, 6.2, 160.0),
        start=[60.0, 0.1, 0.5, 0.4],
    ),
    "koper_gaspard": Published(
        lambda: jm.Device(1.0, {"reaction": p.KoperGaspard(0.11913)}, R_s=0.02),
        text.KOPER_GASPARD, dict(R=0.02, d=0.11913), (20.0, 45.0), 20.0, 60.0, [20, 1, 1],
        at=(36.6057, 36.61, 36.7, 36.75), none=(30.0, 36.6, 36.8), drive="voltage",
        start=[36.0, 0.25, 0.75],
    ),
    "van_der_pol_10": lienard(10.0, (0.0, 1.0)),
    "van_der_pol_30": lienard(30.0, (0.0,)),
    "van_der_pol_100": lienard(100.0, (0.0, 1.2)),
    "van_der_pol_1000": lienard(1000.0, (0.0,), 1e-6),
    "van_der_pol_1000_fine": lienard(1000.0, (0.0,), intervals=400),
    "persistent_sodium": Published(
        lambda: jm.Device(1.0, {"membrane": p.PersistentSodium(**IZHIKEVICH)}),
        text.PERSISTENT_SODIUM, IZHIKEVICH, (-90.0, 40.0), -20.0, 400.0, [-70, 0],
        at=(4.52, 10.0, 100.0, 195.0), none=(0.0, 4.5, 220.0), end="infinite", start=[0.0, 0.0],
    ),
    "persistent_sodium_low_threshold": Published(
        lambda: jm.Device(
            1.0, {"membrane": p.PersistentSodium(**IZHIKEVICH | dict(E_L=-78.0, V_n=-45.0))}
        ),
        text.PERSISTENT_SODIUM, IZHIKEVICH | dict(E_L=-78.0, V_n=-45.0), (-90.0, 40.0), -20.0,
        600.0, [-70, 0], at=(14.7, 40.0, 200.0, 350.0), none=(10.0, 360.0), start=[0.0, 0.0],
    ),
    "wang_buzsaki": Published(
        lambda: jm.Device(1.0, {"membrane": p.WangBuzsaki()}), text.WANG_BUZSAKI, {},
        (-90.0, 20.0), -1.0, 50.0, [-65, 0.8, 0.1], at=(0.17, 1.0, 10.0, 24.0),
        none=(0.1, 0.15, 27.0), end="infinite", start=[0.0, 0.5, 0.1],
    ),
    "thermal_switch": Published(
        lambda: jm.Device(3e-12, {"switch": jm.ThermalSwitch(**HEATED)}, R_s=2e5),
        text.THERMAL_SWITCH, HEATED | dict(R_s=2e5, C_m=3e-12), None, -60.0, 60.0, [-1.0, 500.0],
        at=(20.0, 30.0), drive="voltage", start=[1.0, 400.0], second=1e-8, rheobase=False,
    ),
}  # fmt: skip
