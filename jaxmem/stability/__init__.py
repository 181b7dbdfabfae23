"""Whether a device stays where it is, and where it begins to oscillate."""

from jaxmem.stability.change import Change as Change
from jaxmem.stability.change import smallest_change as smallest_change
from jaxmem.stability.cycle import LimitCycle as LimitCycle
from jaxmem.stability.cycle import limit_cycle as limit_cycle
from jaxmem.stability.cycle_branch import CycleBranch as CycleBranch
from jaxmem.stability.cycle_branch import cycle_branch as cycle_branch
from jaxmem.stability.hopf import HopfPoints as HopfPoints
from jaxmem.stability.hopf import hopf_points as hopf_points
from jaxmem.stability.hopf_curve import HopfCurve as HopfCurve
from jaxmem.stability.hopf_curve import hopf_curve as hopf_curve
from jaxmem.stability.loop import LoopGain as LoopGain
from jaxmem.stability.loop import SecondLag as SecondLag
from jaxmem.stability.loop import loop_gain as loop_gain
from jaxmem.stability.loop import second_lag as second_lag
from jaxmem.stability.map import LeastMargin as LeastMargin
from jaxmem.stability.map import least_margin as least_margin
from jaxmem.stability.map import least_margin_3d as least_margin_3d
from jaxmem.stability.polynomial import hopf_margin as hopf_margin
from jaxmem.stability.polynomial import unstable_count as unstable_count
