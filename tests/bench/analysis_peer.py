"""The same analyses with NumPy, SciPy and scikit-learn; times in seconds as one line of JSON.

    python3 analysis_peer.py FOLDER

FOLDER holds loops.f64 (N x 64), voltage.f64, cube.f64 (3600 x 64), points.f64 (2500 x 2), real.f64, imaginary.f64 (N x 80)
and frequency.f64 as raw little-endian float64. Loop and oscillator fits are timed on the first few and scaled up.
"""
import json, os, sys, time
os.environ.setdefault("OMP_NUM_THREADS", "2")
import numpy as np
from scipy.optimize import least_squares
from scipy.special import erf
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

folder = sys.argv[1]
read = lambda name, *shape: np.fromfile(os.path.join(folder, name + ".f64")).reshape(*shape)
times = {}


def timed(name, run, scale=1.0):
    start = time.perf_counter()
    result = run()
    times[name] = (time.perf_counter() - start) * scale
    return result


voltage = read("voltage", -1)
loops = read("loops", -1, len(voltage))


def half(V, c, p, q):
    g = (q - p) / 2 * (erf((V - c) * 1000) + 1) + p
    return (g * erf((V - c) / g) + p) / (p + q)


def curve(x, V):
    n = len(V) // 2
    return np.r_[x[0] + x[1] * half(V[:n], x[2], x[5], x[6]) + x[4] * V[:n],
                 x[0] + x[1] * half(V[n:], x[3], x[7], x[8]) + x[4] * V[n:]]


def fit_loop(y, starts=8):
    k = int(voltage.argmax())
    V, yr, span, limit = np.roll(voltage, -k), np.roll(y, -k), np.ptp(y), abs(voltage).max()
    lo = np.r_[y.min() - span, -3 * span, -limit, -limit, -span / 4, [.1] * 4]
    hi = np.r_[y.max() + span, 3 * span, limit, limit, span / 4, [20] * 4]
    random, best = np.random.default_rng(1), None
    for s in range(starts):
        x0 = np.r_[y.min(), span, -2, 2, 0, 2, 2, 2, 2] if s == 0 else lo + (hi - lo) * random.random(9)
        fit = least_squares(lambda x: curve(x, V) - yr, np.clip(x0, lo + 1e-6, hi - 1e-6), bounds=(lo, hi), max_nfev=300)
        best = fit.cost if best is None else min(best, fit.cost)
    return best


few = 4
timed("loopFits", lambda: [fit_loop(y) for y in loops[:few]], len(loops) / few)


def area_and_centroid(y):
    a = voltage * np.roll(y, -1) - np.roll(voltage, -1) * y
    area = a.sum() / 2
    return area, ((voltage + np.roll(voltage, -1)) * a).sum() / 6 / area, ((y + np.roll(y, -1)) * a).sum() / 6 / area


timed("loopMetrics", lambda: [area_and_centroid(y) for y in loops])
cube = read("cube", 3600, 64)
PCA(10, svd_solver="full").fit(cube)
timed("pca", lambda: PCA(10, svd_solver="full").fit(cube))
points = read("points", 2500, 2)
timed("gmm", lambda: GaussianMixture(8, n_init=10, random_state=0, reg_covar=1e-6, max_iter=500, tol=1e-5).fit(points))
frequency = read("frequency", -1)
real, imaginary = read("real", -1, len(frequency)), read("imaginary", -1, len(frequency))


def sho(x):
    r = x[0] * np.exp(1j * x[3]) * x[1] ** 2 / (frequency ** 2 - 1j * frequency * x[1] / x[2] - x[1] ** 2)
    return r


def fit_sho(re, im):
    size = np.hypot(re, im)
    x0 = [size.max() / 100, frequency[size.argmax()], 100, 0]
    difference = lambda x: (lambda d: np.r_[d.real, d.imag])(sho(x) - re - 1j * im)
    return least_squares(difference, x0, x_scale=[abs(x0[0]), x0[1] / 100, 100, 1]).x


timed("shoFits", lambda: [fit_sho(re, im) for re, im in zip(real[:50], imaginary[:50])], len(real) / 50)
print(json.dumps(times))
