"""Devices as netlists of circuit simulators, with test benches."""

from jaxmem.netlists.bench import testbench as testbench
from jaxmem.netlists.spice import spice_netlist as spice_netlist
from jaxmem.netlists.verilog import verilog_a as verilog_a
