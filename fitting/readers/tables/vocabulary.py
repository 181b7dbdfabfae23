"""Names of the columns of spectra, as instruments and people write them.

A name is kept without case, accents and punctuation: `Re(Z)` is `rez`, `-Z'' (Ω)` is `z"`,
`Fréquence` is `frequence`. German, French, Spanish, Italian and Chinese words are those of
instruments.
"""

# role: (cores, dimensions allowed)
Vocabulary = dict[str, tuple[frozenset[str], frozenset[str]]]


def named_roles(*rows: tuple[str, str, str]) -> Vocabulary:
    """The table of roles from rows of role, cores and dimensions, words separated by blanks."""
    return {
        role: (frozenset(cores.split()), frozenset(units.split())) for role, cores, units in rows
    }


# A standard deviation; only the first two mean nothing else, so that the others need a unit.
_DEVIATION = (
    "sigma σ sd std stdev stddev standarddeviation err error uncertainty standardabweichung "
    "unsicherheit ecarttype incertitude desviacionestandar incertidumbre 标准差 不确定度"
).split()


def _deviation(*of: str) -> list[str]:
    """The names of a standard deviation of what has the names `of`."""
    return [name for word in _DEVIATION for part in of for name in (word + part, part + word)]


SPECTRUM = named_roles(
    (
        "freq",
        "freq freqs frequency frequencies frequenz frequence frecuencia 频率 f freqhz frequenza "
        "frequencia",
        "Hz rad/s 1/s",
    ),
    (
        "omega",
        "omega ω w angfreq angularfrequency pulsation kreisfrequenz 角频率",
        "rad/s 1/s",
    ),
    (
        "re",
        "re rez zre zreal real realz realpart realpartz realpartofz z' z'a zr r zprime z1 "
        "realteil realteilz zrealteil zreale partereale partiereelle reelle reel zreel "
        "partereal 实部 阻抗实部 z实部 realimpedance impedancereal resistance",
        "ohm",
    ),
    (
        "im",
        "im imz zim zimg zimag imag imagz imaginary imaginaryz zimaginary imaginarypart "
        'imaginarypartz imaginarypartofz z" z"b zi x zdoubleprime z2 imaginarteil imaginaerteil '
        "imaginarteilz zimaginarteil partieimaginaire imaginaire zimaginaire parteimaginaria "
        "imaginaria zimaginaria immaginaria zimmaginaria parteimmaginaria "
        "虚部 阻抗虚部 z虚部 imaginaryimpedance impedanceimaginary impedanceimag reactance",
        "ohm",
    ),
    (
        "mod",
        "|z| z mod abs modz zmod absz zabs mag zmag magnitude modulus impedance impedanz betrag "
        "betragz |impedanz| |impedance| module modulez moduleimpedance impedancia modulo moduloz "
        "|impedancia| 阻抗 阻抗模 阻抗模值 模值 模 |阻抗| impedancemodulus impedancemagnitude",
        "ohm",
    ),
    (
        "phase",
        "phase phasez zphz zphase theta thetaz θ θz phi phiz φ argz phaseangle angle phasenwinkel "
        "phasenverschiebung winkel dephasage anglephase fase fasez desfase angulofase 相位 相位角 "
        "相角 impedancephase phaseofz",
        "deg rad",
    ),
    ("u", "u", "V"),
    (
        "V",
        "v ewe ecell vdc edc e dcvoltage voltage potential vbias ubias ebias vapp bias biasvoltage "
        "dcbias dcpotential udc dc dcworkingelectrode spannung gleichspannung potenzial "
        "tension potentiel voltaje potencial 电压 电位 电势 直流电压",
        "V",
    ),
    (
        "I",
        "i idc dc current dccurrent ibias biascurrent bias iapp strom gleichstrom "
        "courant corriente 电流 直流电流 j currentdensity",
        "A",
    ),
    (
        "time",
        "time t elapsedtime times timesec correctedtime zeit temps tiempo 时间",
        "s",
    ),
    ("temperature", "temperature temp t temperatur temperatura 温度", "K"),
    ("label", "label name sample device probe echantillon muestra 样品", ""),
    (
        "group",
        "spectrum cycle cyclenumber zcycle cycleno sweep run scan segment segment# loop "
        "measurement zyklus zyklusnummer spektrum ciclo espectro 循环 循环数",
        "",
    ),
    ("ampl", "ampl amplitude", "V A"),
    ("sigma", " ".join(_deviation("", "z", "|z|", "modz")), "ohm %"),
    ("sigma_re", " ".join(_deviation("re", "rez", "zre", "zreal", "real", "z'")), "ohm %"),
    ("sigma_im", " ".join(_deviation("im", "imz", "zim", "zimag", "imag", 'z"')), "ohm %"),
)
# Without its unit `t` may be time or temperature, and a temperature may be in two scales; `Reading`
# is what its unit says. A current density is no current.
NEEDS_UNIT = {
    ("time", "t"),
    *(("temperature", core) for core in SPECTRUM["temperature"][0]),
    *((role, core) for role in ("V", "I") for core in ("reading", "value", "source", "dc")),
    *(("I", core) for core in ("j", "currentdensity")),
    *(
        (role, core)
        for role in ("sigma", "sigma_re", "sigma_im")
        for core in SPECTRUM[role][0]
        if not any(word in core for word in _DEVIATION[:2])
    ),
    *(("re", "resistance"), ("im", "reactance"), ("mod", "module"), ("mod", "modulo")),
}
# A current density whose unit is that of a current is not understood.
NEEDS_AREA = {("I", "j"), ("I", "currentdensity")}
