"""Writes formats.json: what h5py and NumPy read from every measurement in ../shared/data.

    /usr/bin/python3 tests/golden/make_formats.py

Each cube: shape, axes (name, unit, a few values), quantity, unit, values at a few places (row, col, point), and the
sum and the count of finite values as float32. Nothing here uses loopscope.
"""
import json
import os
import re
import struct

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "..", "shared", "data")


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def axis(name, unit, values):
    values = np.asarray(values, float)
    return {"name": name, "unit": unit, "length": len(values), "first": values[0], "second": values[1], "last": values[-1]}


def cube(format_, dataset, values, axes, quantity="", unit="", maps=()):
    values = np.asarray(values)
    rng = np.random.default_rng(1)
    places = [tuple(int(rng.integers(n)) for n in values.shape) for _ in range(24)]
    places += [(0, 0, 0), tuple(n - 1 for n in values.shape)]
    finite = np.isfinite(values)
    return {
        "format": format_, "dataset": dataset, "shape": list(values.shape), "axes": axes, "quantity": quantity,
        "unit": unit, "places": places, "values": [float(values[p]) for p in places],
        "sum": float(values[finite].astype(float).sum()), "sumAbs": float(np.abs(values[finite].astype(float)).sum()),
        "finite": int(finite.sum()),
        "maps": [{"name": n, "unit": u, "values": np.asarray(v, float)[:2, :3].tolist()} for n, u, v in maps],
    }


def nsid(name, path):
    with h5py.File(os.path.join(DATA, name)) as f:
        d = f[path]
        scales = [f[d.attrs["DIMENSION_LIST"][i][0]] for i in range(3)]
        axes = [axis(text(s.attrs["name"]), text(s.attrs["units"]), s[:]) for s in scales]
        return cube("nsid", path, d[:], axes, text(d.attrs["quantity"]), text(d.attrs["units"]))


def usid_sho(name):
    path = "/Measurement_000/Channel_000/Raw_Data-SHO_Fit_000/Fit"
    with h5py.File(os.path.join(DATA, name)) as f:
        d = f[path]
        fit = d[:]
        pos = f[d.attrs["Position_Indices"]][:]
        posv = f[d.attrs["Position_Values"]][:]
        spec = f[d.attrs["Spectroscopic_Indices"]][:]
        specv = f[d.attrs["Spectroscopic_Values"]][:]
    out = specv[1] == 1  # out of field
    amp, phase = (fit[n].astype(float)[:, out] for n in ("Amplitude [V]", "Phase [rad]"))
    good = np.isfinite(amp) & (fit["R2 Criterion"][:, out] >= 0.1)
    offset = np.angle(np.exp(2j * phase[good]).sum()) / 2
    response = amp * np.cos(phase - offset)
    shape = (pos[:, 1].max() + 1, pos[:, 0].max() + 1, response.shape[1])
    grid = np.full(shape, np.nan)
    r2 = np.full(shape[:2], np.nan)
    grid[pos[:, 1], pos[:, 0]] = response
    with np.errstate(invalid="ignore"):
        r2[pos[:, 1], pos[:, 0]] = fit["R2 Criterion"].astype(float)[:, out].mean(1)
    axes = [
        axis("Y", "m", posv[pos[:, 0] == 0, 1]),
        axis("X", "m", posv[pos[:, 1] == 0, 0]),
        axis("DC_Offset", "V", specv[0, out]),
    ]
    assert (np.diff(spec[0, out]) == 1).all()
    result = cube("usid", path, grid, axes, "Piezoresponse", "V", [("R2 Criterion", "", r2)])
    result["failed"] = [int(i) for i in np.flatnonzero(~good.all(1))]
    return result


def usid_small(name):
    path = "/Raw_Measurement/source_main"
    with h5py.File(os.path.join(DATA, name)) as f:
        d = f[path]
        ref = {k: f[d.attrs[k]][:] for k in ("Position_Indices", "Position_Values", "Spectroscopic_Indices", "Spectroscopic_Values")}
        values = d[:]
        quantity, unit = text(d.attrs["quantity"]), text(d.attrs["units"])
    pos, posv = ref["Position_Indices"].astype(int), ref["Position_Values"].astype(float)
    spec, specv = ref["Spectroscopic_Indices"].astype(int), ref["Spectroscopic_Values"].astype(float)
    last = spec[1] == spec[1].max()
    grid = np.full((pos[:, 1].max() + 1, pos[:, 0].max() + 1, last.sum()), np.nan)
    for i in range(len(pos)):
        grid[pos[i, 1], pos[i, 0], spec[0, last]] = values[i, last]
    axes = [
        axis("Y", "um", posv[pos[:, 0] == 0, 1]),
        axis("X", "nm", posv[pos[:, 1] == 0, 0]),
        axis("Bias", "V", specv[0, last]),
    ]
    return cube("usid", path, grid, axes, quantity, unit)


def hyperspy(name):
    group = "/Experiments/Bare core"
    with h5py.File(os.path.join(DATA, name)) as f:
        g = f[group]
        axes = []
        for i in range(3):
            a = g[f"axis-{i}"].attrs
            axes.append(axis(text(a["name"]), text(a["units"]), a["offset"] + a["scale"] * np.arange(a["size"])))
        return cube("hyperspy", group + "/data", g["data"][:], axes)


def indices(shape, names=("row", "col", "step")):
    return [axis(n, "", np.arange(length)) for n, length in zip(names, shape)]


def npy(name):
    values = np.load(os.path.join(DATA, name))
    return cube("npy", "", values, indices(values.shape))


def ckpfm(name):
    with np.load(os.path.join(DATA, name)) as z:
        fit, write = z["Nd_mat"][:, :, 0, :, 0], z["bias_vec_w"]
    amp, phase = fit["Amplitude [V]"].astype(float), fit["Phase [rad]"].astype(float)
    axes = indices(fit.shape)[:2] + [axis("bias_vec_w", "", write)]
    result = cube("npz", "Nd_mat.Amplitude [V]", amp, axes, "Amplitude", "V")
    result["phase"] = [float(phase[p]) for p in result["places"]]
    return result


def nanonis(name):
    with open(os.path.join(DATA, name), "rb") as f:
        raw = f.read()
    head, body = raw.split(b":HEADER_END:\r\n", 1)
    head = dict(line.split("=", 1) for line in head.decode("latin1").splitlines() if "=" in line)
    cols, rows = (int(n) for n in re.findall(r"\d+", head["Grid dim"]))
    points, parameters = int(head["Points"]), int(head["# Parameters (4 byte)"])
    channels = head["Channels"].strip('"').split(";")
    data = np.frombuffer(body, ">f4").reshape(rows, cols, parameters + len(channels) * points)
    start, end = struct.unpack(">2f", body[:8])
    cx, cy, width, height, _ = (float(v) for v in head["Grid settings"].split(";"))
    axes = [
        axis("Y", "m", np.linspace(cy - height / 2, cy + height / 2, rows)),
        axis("X", "m", np.linspace(cx - width / 2, cx + width / 2, cols)),
        axis("Bias", "V", np.linspace(start, end, points)),
    ]
    z = data[:, :, 4]  # two fixed parameters, then X, Y, Z
    return cube("nanonis-3ds", "Current", data[:, :, parameters : parameters + points], axes, "Current", "A", [("Z", "m", z)])


cubes = {
    "pto_beps_nsid.h5": nsid("pto_beps_nsid.h5", "/Channel_000/generic/generic"),
    "bfo_iv_nsid.hf5": nsid("bfo_iv_nsid.hf5", "/Measurement_000/Channel_000/IV_BFO/IV_BFO"),
    "usid_beps_sho.h5": usid_sho("usid_beps_sho.h5"),
    "usid_small.h5": usid_small("usid_small.h5"),
    "eds_bare_core.hspy": hyperspy("eds_bare_core.hspy"),
    "bepfm.npy": npy("bepfm.npy"),
    "ckpfm_sho.npz": ckpfm("ckpfm_sho.npz"),
    "sts_grid.3ds": nanonis("sts_grid.3ds"),
}
with open(os.path.join(HERE, "formats.json"), "w") as f:
    json.dump(cubes, f, indent=1)
    f.write("\n")
