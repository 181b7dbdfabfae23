"""Impedance spectra from files, of any make.

`read_spectra` recognises a file by what is in it: CSV and delimited text (also as CH Instruments,
Autolab, Parstat, PowerSuite and ZPlot write it), NumPy .npz, BioLogic .mpt and .mpr, Gamry .DTA
and VersaStudio .par. `write_spectra_csv` writes what it reads back exactly.
"""

from fitting.readers.read import read_spectra as read_spectra
from fitting.readers.source import ReadError as ReadError
from fitting.readers.write import write_spectra_csv as write_spectra_csv
