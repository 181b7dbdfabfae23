"""One spectrum and one loop with known numbers, in the layouts of instruments and programs."""

import io
import json
from typing import NamedTuple

import numpy as np

FREQ = np.geomspace(1e5, 0.1, 31)
OMEGA = 2j * np.pi * FREQ
Z = 40 + 1 / (1e-8 * OMEGA + 1 / 12e3 + 1 / (30e3 + 150 * OMEGA))
BIAS, DC = 0.3, 2e-5

TIME = 0.05 * np.arange(60) + 1.0
VOLT = np.interp(np.arange(60) / 60, [0, 0.25, 0.75, 1], [0, 0.8, -0.8, 0])
AMPERE = 1e-3 * VOLT * (1.5 + np.sin(2 * np.pi * np.arange(60) / 60 - 0.6))
ASKED = VOLT + 2e-4


class Export(NamedTuple):
    """A file: its name, its bytes, and whether it holds a spectrum or a loop.

    `digits` is the relative size of the last digit that the layout keeps; `current` is zero for an
    open circuit; `starts` is the first time [s].
    """

    name: str
    data: bytes
    kind: str = "spectra"
    digits: float = 1e-5
    current: bool = True
    starts: float = 1.0
    encoding: str = "utf-8"


def _rows(*columns, sep="\t", form="%.6e", decimal=".", end="\n"):
    cells = lambda row: (c if isinstance(c, str) else (form % c).replace(".", decimal) for c in row)
    return "".join(sep.join(cells(row)) + end for row in zip(*columns, strict=True))


def _spectra():
    n = np.arange(len(FREQ))
    flat = lambda value: value + 0 * FREQ
    deg, mod = np.angle(Z, deg=True), abs(Z)
    full = (FREQ, Z.real, -Z.imag, mod, deg)
    names = "freq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm\t|Z|/Ohm\tPhase(Z)/deg\ttime/s\t<Ewe>/V\t<I>/mA\t"
    names += "cycle number\tx\tR/Ohm"
    body = _rows(*full, 5.0 + n, flat(BIAS), flat(1e3 * DC), flat(1.0), flat(0.9), flat(0.0))
    yield (
        "biologic.mpt",
        f"EC-Lab ASCII FILE\nNb header lines : 4\n\n{names}\n{body}".replace("\n", "\r\n"),
    )
    names = "\tPt\tTime\tFreq\tZreal\tZimag\tZsig\tZmod\tZphz\tIdc\tVdc\n"
    names += "\t#\ts\tHz\tohm\tohm\tV\tohm\t°\tA\tV\n"
    body = _rows(1.0 * n, 2.0 + n, FREQ, Z.real, Z.imag, flat(1.0), mod, deg, flat(DC), flat(BIAS))
    body = "".join(f"\t{line}\n" for line in body.splitlines())
    yield "gamry.DTA", f"EXPLAIN\nTAG\tEISPOT\nZCURVE\tTABLE\n{names}{body}"
    names = "Segment #, Point #, E(V), I(A), Elapsed Time(s), Frequency(Hz), Z Real, Z Imag"
    body = _rows(flat(1.0), n, flat(BIAS), flat(DC), n + 1.0, FREQ, Z.real, Z.imag, sep=",")
    head = "<Application>\nName=VersaStudio\n</Application>\n"
    yield "versa.par", f"{head}<Segment1>\nType=2\nDefinition={names}\n{body}</Segment1>\n"
    names = "Index\tFrequency (Hz)\tZ' (Ω)\t-Z'' (Ω)\tZ (Ω)\t-Phase (°)\tTime (s)"
    yield "nova.txt", f"{names}\n{_rows(n, FREQ, Z.real, -Z.imag, mod, -deg, n + 3.0)}"
    names = " f/Hz \t Z'/Ohm \t -Z''/Ohm \t time/s \t Edc/V \t Idc/A \t"
    body = _rows(FREQ, Z.real, -Z.imag, flat(1.0), flat(BIAS), flat(DC), form=" %.5e", end="\t\n")
    yield (
        "gpes.P00",
        f"Procedure : a\n01.01.2026\nDescription\nt = 1 s\n{names}\n {len(n)} \n{body}",
    )
    names = "Data: Frequency\tData: Z'\tData: Z''\tData: |Z|\tData: Theta (Z)"
    body = _rows(FREQ, Z.real, Z.imag, mod, deg)
    yield (
        "relaxis.txt",
        f"RelaxIS 3.0 Spectrum export\nDate: 1/1/2026\n{names}\nModel: x\t\t\n{body}",
    )
    names = "freq / Hz,neg. Phase / °,Idc / uA,Z / Ohm,Z' / Ohm,Z'' / Ohm,Cs / F"
    body = _rows(FREQ, -deg, flat(1e6 * DC), mod, Z.real, -Z.imag, flat(1e-9), sep=",")
    yield "palmsens.csv", f"Date and time:,2026\nNotes:,\n{names}\n{body}", "utf-16"
    yield "palmsens.pssession", session(), "utf-16"
    names = "Number,Frequency/Hz,Impedance/Ohm,Phase/deg,Significance,Time/s"
    body = _rows(n, FREQ, mod, deg, flat(0.999), n + 1.0, sep=",")
    yield "zahner.txt", f"Sample: a\nPotential: 300mV\n\n{names}\n{body}"
    names = "Freq/Hz, Z'/ohm, Z\"/ohm, Z/ohm, Phase/deg"
    body = _rows(FREQ, Z.real, Z.imag, mod, deg, sep=", ")
    yield "chi.txt", f"Feb. 20, 2020\nA.C. Impedance\nInit E (V) = 0\n\n{names}\n\n{body}"
    names = "  Freq(Hz)\tAmpl\tBias\tTime(Sec)\tZ'(a)\tZ''(b)\tGD\tErr\tRange\n"
    body = _rows(FREQ, *map(flat, (0.01, BIAS)), n + 1.5, Z.real, Z.imag, *map(flat, (0, 0, 3)))
    yield "zplot.z", f"ZPLOT2 ASCII\n{names}  End Comments\n{body}"
    names = "Potential (V)\tCurrent (A)\tElapsed Time (s)\tFrequency (Hz)\tZre (ohms)\tZim (ohms)\t"
    body = _rows(flat(BIAS), flat(DC), n + 1.0, FREQ, Z.real, Z.imag)
    yield "parstat.txt", f"{names}\n{body}"
    names = "Frequency(Hz), |Z|(Ohm)-data, theta-z(deg)-data"
    body = _rows(FREQ, mod, deg, sep=",")
    yield "keysight.csv", f"!Agilent Technologies,E4990A\n!\nBEGIN CH1_DATA\n{names}\n{body}END\n"
    yield "plain.csv", f"freq_Hz,Re_Z_ohm,Im_Z_ohm\n{_rows(FREQ, Z.real, Z.imag, sep=',')}"
    names = "Frequenz [Hz];Realteil Z [Ohm];Imaginärteil Z [Ohm];Betrag Z [Ohm];Phasenwinkel [Grad]"
    body = _rows(FREQ, Z.real, Z.imag, mod, deg, sep=";", decimal=",")
    yield "german.csv", f"{names}\n{body}", "cp1252"
    names = "Fréquence (kHz)\tPartie réelle (kΩ)\tPartie imaginaire (kΩ)\tDéphasage (°)"
    yield "french.txt", f"{names}\n{_rows(FREQ / 1e3, Z.real / 1e3, Z.imag / 1e3, deg)}"
    names = "Frecuencia (Hz),Parte real (ohm),Parte imaginaria (ohm),Módulo (ohm),Fase (°)"
    yield "spanish.csv", f"{names}\n{_rows(FREQ, Z.real, Z.imag, mod, deg, sep=',')}"
    names = "频率（Hz）,实部（Ω）,虚部（Ω）,阻抗模（Ω）,相位（°）"
    yield "chinese.csv", f"{names}\n{_rows(FREQ, Z.real, Z.imag, mod, deg, sep=',')}", "gb18030"


def _loops():
    n = np.arange(len(TIME))
    names = "mode\ttime/s\tcontrol/V\tEwe/V\t<I>/mA\tcycle number\tx\tR/Ohm"
    body = _rows(0.0 * n + 2, TIME, ASKED, VOLT, 1e3 * AMPERE, *(0.0 * n,) * 3)
    head = "EC-Lab ASCII FILE\nNb header lines : 4\nCyclic Voltammetry\n"
    yield "biologic_cv.mpt", f"{head}{names}\n{body}".replace("\n", "\r\n")
    names = "\tPt\tT\tVf\tIm\tVu\n\t#\ts\tV vs. Ref.\tA\tV\n"
    body = "".join(f"\t{row}\n" for row in _rows(n, TIME, VOLT, AMPERE, VOLT).splitlines())
    yield "gamry_cv.DTA", f"EXPLAIN\nTAG\tCV\nCURVE1\tTABLE\t60\n{names}{body}"
    body = "".join(f"\t{row}\n" for row in _rows(VOLT, AMPERE).splitlines())
    head = "VFP600\nTAG\tVFP600\nFREQ\tQUANT\t2.00000E+1\tAcquisition Frequency (Hz)\n"
    yield "vfp600.DTA", f"{head}VFPCURVE\tTABLE\n\tVoltage\tCurrent\n\tV\tA\n{body}"
    names = "Index\tPotential applied (V)\tTime (s)\tWE(1).Current (A)\tWE(1).Potential (V)"
    yield "nova_cv.txt", f"{names}\n{_rows(n, ASKED, TIME, AMPERE, VOLT)}"
    names = "Index\tTime (s)\tWE(1).Potential (V)\tCorrected time (s)\tOCP value (V)"
    body = _rows(n, TIME, VOLT, TIME - 1, form="%.6e").splitlines()
    yield (
        "nova_ocp.txt",
        "\n".join([names, body[0] + "\t0.5", *(row + "\t" for row in body[1:]), ""]),
    )
    names = "Index,Reading,Unit,Range Digits,Value,Unit,Digits,Source Limit,Date,Time,Relative Time"
    word = lambda text: [text] * len(n)
    body = _rows(n, AMPERE, word("Amp DC"), word("6.5"), VOLT, word("Volt DC"), word("6.5"),
                 word("F"), word("01/02/2026"), word("10:11:12"), TIME, sep=",")  # fmt: skip
    yield "keithley2450.csv", f"Model,2450\nSerial,1\n{names}\n{body}"
    over, status = word("+9.910000e+37"), word("+2.150000e+04")
    yield "keithley2400.csv", _rows(VOLT, AMPERE, over, TIME, status, sep=",", form="%+.6e")
    names = "SMU-1 Time (s),SMU-1 Voltage (V),SMU-1 Current (A)"
    yield "kickstart.csv", f"KickStart,2.9\n\n{names}\n{_rows(TIME, VOLT, AMPERE, sep=',')}"
    names = '"Ch1 Source (V)","Ch1 Voltage (V)","Ch1 Current (A)","Ch1 Time (s)"'
    yield "b2900.csv", f"{names}\n{_rows(ASKED, VOLT, AMPERE, TIME, sep=',')}"
    body = _rows(word("DataValue"), TIME, VOLT, AMPERE, sep=", ")
    yield "easyexpert.csv", f"SetupTitle, I/V\nDimension1, 60\nDataName, Time, V1, I1\n{body}"
    body = _rows(TIME, VOLT, -AMPERE, form="%.14e")
    yield "ltspice.txt", f"time\tV(n001)\tI(V1)\n{body}"
    yield "wrdata.dat", _rows(TIME, VOLT, TIME, AMPERE, sep=" ", form="%15.8e")
    yield "ngspice.raw", raw()
    names = "Zeit (s);Spannung (V);Strom (mA)"
    body = _rows(TIME, VOLT, 1e3 * AMPERE, sep=";", decimal=",")
    yield "deutsch.csv", f"{names}\n{body}", "cp1252"
    names = "时间（s）\t电压（V）\t电流（μA）"
    yield "chinese.txt", f"{names}\n{_rows(TIME, VOLT, 1e6 * AMPERE)}", "gb18030"
    yield "plain_loop.csv", f"t_s,V_V,I_A\n{_rows(TIME, VOLT, AMPERE, sep=',')}"
    yield (
        "palmsens_cv.csv",
        f"Notes:,\ns,V,µA\n{_rows(TIME, VOLT, 1e6 * AMPERE, sep=',')}",
        "utf-16",
    )


def raw():
    """An ASCII raw file of ngspice."""
    names = ("time\ttime", "v(in)\tvoltage", "i(v1)\tcurrent")
    listed = "".join(f"\t{k}\t{name}\n" for k, name in enumerate(names))
    points = zip(TIME, VOLT, -AMPERE, strict=True)
    values = "".join(
        f" {k}\t{t:.15e}\n\t{v:.15e}\n\t{i:.15e}\n\n" for k, (t, v, i) in enumerate(points)
    )
    head = "Title: * rc\nDate: x\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: 3\n"
    return f"{head}No. Points: {len(TIME)}\nVariables:\n{listed}Values:\n{values}"


def session():
    """A session of PSTrace with one spectrum, whose arrays say the minus of theirs."""
    columns = {
        ("Frequency", "Hz"): FREQ, ("Z'", "Ω"): Z.real, ("-Z''", "Ω"): -Z.imag, ("Z", "Ω"): abs(Z),
        ("-Phase", "°"): -np.angle(Z, deg=True), ("Potential", "V"): BIAS + 0 * FREQ,
    }  # fmt: skip
    values = [
        {
            "type": "PalmSens.Data.DataArray",
            "description": quantity,
            "unit": {"type": "PalmSens.Units", "s": symbol, "q": quantity},
            "datavalues": [{"v": round(float(v), 7)} for v in column],
        }
        for (quantity, symbol), column in columns.items()
    ]
    eis = {"title": "a", "dataset": {"type": "PalmSens.Data.DataSetEIS", "values": values}}
    measured = {"title": "cell 7", "dataset": {"values": []}, "eisdatalist": [eis]}
    return (
        json.dumps({"type": "PalmSens.DataFiles.SessionFile", "measurements": [measured]})
        + "\ufeff"
    )


def npz():
    """A NumPy archive of the spectrum."""
    buffer = io.BytesIO()
    np.savez(buffer, freq=FREQ, Re=Z.real, Im=Z.imag)
    return buffer.getvalue()


def exports() -> dict[str, Export]:
    """All files, by name."""
    found = [Export("archive.npz", npz())]
    for kind, files in (("spectra", _spectra()), ("trace", _loops())):
        for name, text, *encoding in files:
            data = text.encode(*encoding)
            found.append(
                Export(
                    name,
                    data,
                    kind,
                    current=name != "nova_ocp.txt",
                    starts=0.0 if name in ("nova_ocp.txt", "vfp600.DTA") else 1.0,
                    encoding=(*encoding, "utf-8")[0],
                )
            )
    return {export.name: export for export in found}
