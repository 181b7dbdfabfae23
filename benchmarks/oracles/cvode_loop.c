/* Transients of many devices by CVODE (SUNDIALS), one after the other: what an ensemble is compared
 * with. BDF, a Jacobian by hand that is made anew at every step, states (u, i_c, logit f), each with
 * a tolerance in its own unit. The drive is constant between edges; each edge is a new start.
 */
#include <cvode/cvode.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_types.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunmatrix/sunmatrix_dense.h>

typedef struct {
  double R_b, C_m, i_c0, V_T, V_m, tau_d, tau_k, R_s, level;
  int three, voltage;
} Device;

static double logistic(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

static int field(realtype t, N_Vector y, N_Vector rate, void *given) {
  const Device *d = given;
  const double *v = NV_DATA_S(y);
  double *r = NV_DATA_S(rate);
  double I = d->voltage ? (d->level - v[0]) / d->R_s : d->level;
  double x = (v[0] - d->V_T) / d->V_m;
  r[0] = (I - v[0] / d->R_b - v[1]) / d->C_m;
  if (d->three) {
    double a = exp(fmin(-v[2], 100.0)), b = expm1(fmin(v[2] - x, 100.0));
    r[1] = (d->i_c0 * logistic(v[2]) - v[1]) / d->tau_d;
    r[2] = -(1 + a) * b / d->tau_k;
  } else
    r[1] = (d->i_c0 * logistic(x) - v[1]) / d->tau_d;
  return 0;
}

static int jacobian(realtype t, N_Vector y, N_Vector rate, SUNMatrix J, void *given, N_Vector a,
                    N_Vector b, N_Vector c) {
  const Device *d = given;
  const double *v = NV_DATA_S(y);
  double x = (v[0] - d->V_T) / d->V_m;
  SUNMatZero(J);
  SM_ELEMENT_D(J, 0, 0) = (-1 / d->R_b - (d->voltage ? 1 / d->R_s : 0)) / d->C_m;
  SM_ELEMENT_D(J, 0, 1) = -1 / d->C_m;
  SM_ELEMENT_D(J, 1, 1) = -1 / d->tau_d;
  if (d->three) {
    double f = logistic(v[2]), own = v[2] - x;
    double e = exp(fmin(-v[2], 100.0)), g = exp(fmin(own, 100.0));
    SM_ELEMENT_D(J, 1, 2) = d->i_c0 * f * (1 - f) / d->tau_d;
    SM_ELEMENT_D(J, 2, 2) = ((-v[2] < 100 ? e * (g - 1) : 0) - (own < 100 ? (1 + e) * g : 0)) / d->tau_k;
    SM_ELEMENT_D(J, 2, 0) = (own < 100 ? (1 + e) * g : 0) / d->V_m / d->tau_k;
  } else {
    double f = logistic(x);
    SM_ELEMENT_D(J, 1, 0) = d->i_c0 * f * (1 - f) / d->V_m / d->tau_d;
  }
  return 0;
}

/* The voltage at rest, by bisection and Newton. */
static double rest(const Device *d, double level) {
  double low = -1e3, high = 1e3, u = 0;
  for (int k = 0; k < 200; k++) {
    double f = logistic((u - d->V_T) / d->V_m), I = u / d->R_b + d->i_c0 * f;
    double slope = 1 / d->R_b + d->i_c0 * f * (1 - f) / d->V_m;
    double off = d->voltage ? d->R_s * I + u - level : I - level;
    double lean = d->voltage ? d->R_s * slope + 1 : slope;
    if (off < 0) low = u; else high = u;
    double next = u - off / lean;
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (next == u || fabs(next - u) < 1e-15 * fabs(u)) return next;
    u = next;
  }
  return u;
}

/* numbers: 8 a device (R_b ... R_s); pieces of the drive: their ends, levels; out: (count, samples, n).
 * Returns how many devices failed. */
int cvode_loop(int count, int three, int voltage, const double *numbers, int pieces,
               const double *ends, const double *levels, double before, int samples,
               const double *t, double rtol, double atol, double *out, long *steps) {
  int n = three ? 3 : 2, failed = 0;
  SUNContext context;
  SUNContext_Create(NULL, &context);
  N_Vector y = N_VNew_Serial(n, context), tolerance = N_VNew_Serial(n, context);
  SUNMatrix J = SUNDenseMatrix(n, n, context);
  SUNLinearSolver solver = SUNLinSol_Dense(y, J, context);
  void *memory = CVodeCreate(CV_BDF, context);
  Device d;
  double *v = NV_DATA_S(y), *a = NV_DATA_S(tolerance);
  CVodeInit(memory, field, t[0], y);
  *steps = 0;
  for (int k = 0; k < count; k++) {
    const double *p = numbers + 8 * k;
    d = (Device){p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], before, three, voltage};
    double u = rest(&d, before), x = (u - d.V_T) / d.V_m;
    v[0] = u, v[1] = d.i_c0 * logistic(x);
    a[0] = atol * d.V_m, a[1] = atol * d.i_c0;
    if (three) v[2] = x, a[2] = atol;
    int sample = 0, bad = 0;
    double now = t[0];
    for (int piece = 0; piece < pieces && !bad; piece++) {
      d.level = levels[piece];
      CVodeReInit(memory, now, y);
      CVodeSVtolerances(memory, rtol, tolerance);
      CVodeSetUserData(memory, &d);
      if (k == 0 && piece == 0) {
        CVodeSetLinearSolver(memory, solver, J);
        CVodeSetJacFn(memory, jacobian);
        CVodeSetLSetupFrequency(memory, 1);
        CVodeSetJacEvalFrequency(memory, 1);
        CVodeSetMaxNumSteps(memory, 100000);
        // At 1e-12 it says at every device that its first step is short.
        CVodeSetMaxHnilWarns(memory, -1);
      }
      CVodeSetStopTime(memory, ends[piece]);
      int last = piece == pieces - 1;
      for (; sample < samples && (last ? t[sample] <= ends[piece] : t[sample] < ends[piece]); sample++) {
        if (t[sample] > now && CVode(memory, t[sample], y, &now, CV_NORMAL) < 0) { bad = 1; break; }
        for (int i = 0; i < n; i++) out[(k * (long)samples + sample) * n + i] = v[i];
      }
      if (!bad && !last && ends[piece] > now && CVode(memory, ends[piece], y, &now, CV_NORMAL) < 0) bad = 1;
      long made = 0;
      CVodeGetNumSteps(memory, &made);
      *steps += made;
    }
    if (bad) {
      failed++;
      for (int i = sample * n; i < samples * n; i++) out[k * (long)samples * n + i] = NAN;
    }
  }
  CVodeFree(&memory);
  SUNLinSolFree(solver);
  SUNMatDestroy(J);
  N_VDestroy(y);
  N_VDestroy(tolerance);
  SUNContext_Free(&context);
  return failed;
}
