"""Impedance spectra, and traces in time, from files of any make.

`read_spectra` recognises a file by what is in it: CSV and delimited text (also as Autolab's GPES
and Nova, CH Instruments, Keysight, PalmSens, Parstat, PowerSuite, RelaxIS, Zahner and ZPlot
write it), NumPy .npz, BioLogic .mpt and .mpr, Gamry .DTA, PalmSens .pssession and VersaStudio .par.
`write_spectra_csv` writes what it reads back exactly.

`read_recordings` and `write_recording_csv` do the same for voltage and current against time, also
as Keithley, Keysight, LTspice and ngspice write them.
"""

from fitting.readers.in_time.recording import Recording as Recording
from fitting.readers.in_time.recording import write_recording_csv as write_recording_csv
from fitting.readers.recordings import read_recordings as read_recordings
from fitting.readers.source import ReadError as ReadError
from fitting.readers.spectra import read_spectra as read_spectra
from fitting.readers.spectra_csv import write_spectra_csv as write_spectra_csv
