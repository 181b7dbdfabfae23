"""The published oscillators as text, for AUTO, NumPy and SciPy (see `oracles/written_field.py`).

Written from the papers' equations, not from the branches in `published.py`.
"""

FITZHUGH_NAGUMO = """
v' = drive + v - v**3/3 - w
w' = eps*(v + a - b*w)
"""

MORRIS_LECAR = """
m = 0.5*(1 + tanh((v + 1.2)/18))
w_rest = 0.5*(1 + tanh((v - V3)/V4))
v' = (drive - g_Ca*m*(v - 120) - 8*w*(v + 84) - 2*(v + 60))/20
w' = phi*cosh((v - V3)/(2*V4))*(w_rest - w)
"""

# At u = 25 and u = 10 exactly the quotients would be 0/0; no run lands there.
HODGKIN_HUXLEY = """
a_m = 0.1*(25 - v)/(exp((25 - v)/10) - 1)
b_m = 4*exp(-v/18)
a_h = 0.07*exp(-v/20)
b_h = 1/(exp((30 - v)/10) + 1)
a_n = 0.01*(10 - v)/(exp((10 - v)/10) - 1)
b_n = 0.125*exp(-v/80)
v' = drive - 120*m**3*h*(v - 115) - 36*n**4*(v + 12) - 0.3*(v - 10.599)
m' = a_m*(1 - m) - b_m*m
h' = a_h*(1 - h) - b_h*h
n' = a_n*(1 - n) - b_n*n
"""

KOPER_GASPARD = """
theta = exp(-0.5*max(e - 35.0, 0.0)**2)
k = 2.5*theta**2 + 0.01*exp(0.5*(e - 30))
e' = (drive - e)/R - 120*k*c
c' = -1.25*sqrt(d)*k*c + 2*d*(w - c)
w' = 1.6*d*(2 - 3*w + c)
"""

VAN_DER_POL = """
v' = mu*(drive - v**3/3 + v - x)
x' = (v - b*x)/mu
"""

PERSISTENT_SODIUM = """
m = 1/(1 + exp((-20 - v)/15))
n_rest = 1/(1 + exp((V_n - v)/5))
v' = drive - 8*(v - E_L) - 20*m*(v - 60) - 10*n*(v + 90)
n' = (n_rest - n)/tau
"""

WANG_BUZSAKI = """
a_m = 0.1*(v + 35)/(1 - exp(-0.1*(v + 35)))
b_m = 4*exp(-(v + 60)/18)
m = a_m/(a_m + b_m)
a_h = 0.07*exp(-(v + 58)/20)
b_h = 1/(exp(-0.1*(v + 28)) + 1)
a_n = 0.01*(v + 34)/(1 - exp(-0.1*(v + 34)))
b_n = 0.125*exp(-(v + 44)/80)
v' = drive - 0.1*(v + 65) - 35*m**3*h*(v - 55) - 9*n**4*(v + 90)
h' = 5*(a_h*(1 - h) - b_h*h)
n' = 5*(a_n*(1 - n) - b_n*n)
"""

# Poole-Frenkel conduction and Newton's cooling (Slesazeck et al. 2015); the time is in 10 ns.
THERMAL_SWITCH = """
cur = v/R_0*exp(-(E_a - b*sqrt(max(v, -v)))/(8.617333262e-5*T))
v' = 1e-8*((drive - v)/R_s - cur)/C_m
T' = 1e-8*(cur*v - (T - 300)/R_th)/C_th
"""
