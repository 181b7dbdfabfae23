"""Devices as netlists of circuit simulators, with test benches."""

from jaxmem.netlists.bench_files import testbench as testbench
from jaxmem.netlists.bias_table import ElementTable as ElementTable
from jaxmem.netlists.bias_table import element_table as element_table
from jaxmem.netlists.spice import spice_netlist as spice_netlist
from jaxmem.netlists.verilog import verilog_a as verilog_a
