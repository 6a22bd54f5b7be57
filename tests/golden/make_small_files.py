"""Writes small_files.json: small files as other software writes them, base64, with the cube that h5py put in.

    /usr/bin/python3 tests/golden/make_small_files.py

Each holds the same values (4 x 5 pixels, 6 points) unless said otherwise: value = 100 row + 10 col + point, so every
layout must give the same cube back. `hostile` files name /SECRET…, a path of fixed length that the test replaces.
"""
import base64
import io
import json
import os
import zlib

import h5py
import numpy as np
import scipy.io

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS, COLS, POINTS = 4, 5, 6
CUBE = 100.0 * np.arange(ROWS)[:, None, None] + 10.0 * np.arange(COLS)[:, None] + np.arange(POINTS)
BIAS = np.array([0.0, 1.0, 2.0, 1.0, 0.0, -1.0])
TOPOGRAPHY = np.arange(ROWS * COLS, dtype=float).reshape(ROWS, COLS)
SECRET = "/SECRET" + "_" * 93
files = {}


def keep(name, raw, **expected):
    files[name] = {"bytes": base64.b64encode(zlib.compress(raw, 9)).decode(), **expected}


def hdf5(name, build, **expected):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as f:
        build(f)
    keep(name, buffer.getvalue(), **expected)


# numbers of every kind
for code in ("<f2", ">f4", ">f8", "<i2", ">i8", "<u4", "|i1"):
    values = np.minimum(CUBE, 120) if code == "|i1" else CUBE
    hdf5(f"plain {code}", lambda f: f.create_dataset("a/cube", data=values.astype(code)), format="hdf5", clipped=code == "|i1")
hdf5("plain gzip shuffle fletcher32", lambda f: f.create_dataset("cube", data=CUBE, chunks=(2, 3, 6), compression="gzip", shuffle=True, fletcher32=True), format="hdf5")
hdf5("plain lzf", lambda f: f.create_dataset("cube", data=CUBE, chunks=(2, 3, 6), compression="lzf"), format="hdf5")
hdf5("plain bool", lambda f: f.create_dataset("cube", data=CUBE > 200), format="hdf5", threshold=200)
hdf5("plain complex", lambda f: f.create_dataset("cube", data=CUBE + 1j), format="hdf5", imaginary=1)
hdf5("empty", lambda f: None, error="no_cube")


def odd_number(f, kind):
    """12-bit integers and bfloat16, as detectors and other software store them."""
    type_ = h5py.h5t.STD_I16LE.copy() if kind == "int" else h5py.h5t.IEEE_F32LE.copy()
    if kind == "int":
        type_.set_precision(12)
    else:
        type_.set_fields(15, 7, 8, 0, 7)
        type_.set_ebias(127)
        type_.set_precision(16)
        type_.set_size(2)
    space = h5py.h5s.create_simple(CUBE.shape)
    h5py.h5d.create(f.id, b"cube", type_, space).write(h5py.h5s.ALL, h5py.h5s.ALL, CUBE.copy())


hdf5("12-bit integers", lambda f: odd_number(f, "int"), error="number_layout")
hdf5("bfloat16", lambda f: odd_number(f, "float"), error="number_layout")


def named_type(f):
    f["type"] = np.dtype(">f4")
    f.create_dataset("cube", data=CUBE, dtype=f["type"])


hdf5("named type", named_type, format="hdf5")
for version in ("v108", "latest"):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=version, userblock_size=1024) as f:
        for i in range(40):
            f.attrs[f"a{i}"] = i
        d = f.create_dataset("cube", data=CUBE)
        for i in range(40):
            d.attrs[f"a{i}"] = i
    keep(f"plain {version} with a user block", buffer.getvalue(), format="hdf5")


def with_images(f):
    f["spectra"], f["bias"], f["topography"] = CUBE, BIAS, TOPOGRAPHY
    f["bias"].attrs["units"] = "V"


hdf5("plain with bias and topography", with_images, format="hdf5", bias=True, spectral=["bias", "V"], maps=["topography"])


def nsid(f, shape=CUBE.shape, values=CUBE, names=("y", "x", "bias"), kinds=("SPATIAL", "SPATIAL", "SPECTRAL"), scales=True):
    g = f.create_group("deep/er/group")
    d = g.create_dataset("anything", data=values)
    d.attrs["quantity"], d.attrs["units"], d.attrs["main_data_name"] = "Current", "nA", "anything"
    if not scales:
        return
    for i, (n, k) in enumerate(zip(names, kinds)):
        v = BIAS if n == "bias" else np.arange(values.shape[i]) * 0.5
        s = g.create_dataset(n, data=v)
        s.attrs["name"], s.attrs["units"], s.attrs["dimension_type"] = n, "V" if n == "bias" else "nm", k
        s.make_scale(n)
        d.dims[i].label = n
        d.dims[i].attach_scale(s)


hdf5("nsid", nsid, format="nsid", bias=True, spectral=["bias", "V"], quantity=["Current", "nA"])
hdf5("nsid without scales", lambda f: nsid(f, scales=False), format="nsid", quantity=["Current", "nA"])
hdf5(
    "nsid spectral first", lambda f: nsid(f, values=CUBE.transpose(2, 0, 1).copy(), names=("bias", "y", "x"), kinds=("SPECTRAL", "SPATIAL", "SPATIAL")),
    format="nsid", bias=True, spectral=["bias", "V"],
)
cycles = np.stack([CUBE - 1000, CUBE], 3)  # the last cycle counts
hdf5(
    "nsid with cycles", lambda f: nsid(f, values=cycles, names=("y", "x", "bias", "cycle"), kinds=("SPATIAL", "SPATIAL", "SPECTRAL", "SPECTRAL")),
    format="nsid", bias=True, spectral=["bias", "V"], channel="cycle:0", channelShift=-1000,
)


def hyperspy(f, version, navigate=True, listed=False):
    f.attrs["file_format"], f.attrs["file_format_version"] = "HyperSpy", version
    g = f.create_group("Experiments/__unnamed__")
    g.create_dataset("data", data=CUBE, chunks=(2, 2, 6), compression="gzip", shuffle=True)
    for i, (n, u) in enumerate((("y", "nm"), ("x", "nm"), ("Energy loss", "eV"))):
        a = g.create_group(f"axis-{i}")
        a.attrs["name"], a.attrs["units"], a.attrs["size"] = n, u, CUBE.shape[i]
        if navigate:
            a.attrs["navigate"] = bool(i < 2)
        if listed and i == 2:
            a.attrs["_type"], a.attrs["axis"] = "DataAxis", BIAS
        else:
            a.attrs["scale"], a.attrs["offset"] = 0.5, -1.0
    signal = g.create_group("metadata/Signal")
    signal.attrs["record_by"] = "spectrum"
    if version >= "2.0":
        signal.attrs["quantity"] = "Intensity (Counts)"


hdf5("hyperspy 1.2", lambda f: hyperspy(f, "1.2"), format="hyperspy", uniform=[-1.0, 0.5], spectral=["Energy loss", "eV"])
hdf5("hyperspy 1.3", lambda f: hyperspy(f, "1.3", navigate=False), format="hyperspy", uniform=[-1.0, 0.5], spectral=["Energy loss", "eV"])
hdf5("hyperspy 3.3", lambda f: hyperspy(f, "3.3", listed=True), format="hyperspy", bias=True, spectral=["Energy loss", "eV"], quantity=["Intensity", "Counts"])


def nexus(f, axes, link=False):
    f.attrs["default"] = "entry"
    e = f.create_group("entry")
    e.attrs["NX_class"], e.attrs["default"] = "NXentry", "chosen"
    other = e.create_group("another")
    other.attrs["NX_class"], other.attrs["signal"] = "NXdata", "data"
    other["data"] = np.zeros((9, 9, 9))
    d = e.create_group("chosen")
    d.attrs["NX_class"], d.attrs["signal"], d.attrs["axes"] = "NXdata", "current", axes
    if link:
        e["instrument/current"] = CUBE
        d["current"] = h5py.SoftLink("/entry/instrument/current")
    else:
        d["current"] = CUBE
    d["bias"], d["y"], d["x"] = BIAS, np.arange(ROWS) * 2.0, np.arange(COLS) * 2.0
    d["bias"].attrs["units"] = "V"


hdf5("nexus axes list", lambda f: nexus(f, ["y", "x", "bias"]), format="nexus", bias=True, spectral=["bias", "V"], quantity=["current", ""])
hdf5("nexus axes string", lambda f: nexus(f, "y:x:bias"), format="nexus", bias=True, spectral=["bias", "V"])
hdf5("nexus through a link", lambda f: nexus(f, ["y", "x", "bias"], link=True), format="nexus", bias=True, spectral=["bias", "V"])


def matlab(f):
    for n, v in (("cube", CUBE), ("bias", BIAS[None]), ("topography", TOPOGRAPHY)):
        d = f.create_dataset(n, data=np.asarray(v).T)
        d.attrs["MATLAB_class"] = np.bytes_("double")


hdf5("matlab 7.3", matlab, format="matlab", bias=True, spectral=["bias", ""], maps=["topography"])
for name, options in (("matlab 6", {}), ("matlab 7", {"do_compression": True})):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"bias": BIAS, "cube": CUBE, "note": "text", "topography": TOPOGRAPHY, "cell": np.array([1, "a"], object)}, **options)
    keep(name, buffer.getvalue(), format="matlab", bias=True, spectral=["bias", ""], maps=["topography"])

for name, save in (("npz", np.savez), ("npz compressed", np.savez_compressed)):
    for order in "CF":
        buffer = io.BytesIO()
        save(buffer, image=TOPOGRAPHY, spectra=np.array(CUBE, order=order), bias=BIAS)
        keep(f"{name} {order}", buffer.getvalue(), format="npz", bias=True, spectral=["bias", ""], maps=["image"])
for code in (">f8", "<f4", ">i2", "<f2"):
    for order in "CF":
        buffer = io.BytesIO()
        np.save(buffer, np.array(CUBE.astype(code), order=order))
        keep(f"npy {code} {order}", buffer.getvalue(), format="npy")
records = np.zeros(CUBE.shape, [("amplitude", ">f8"), ("flag", "u1", (3,)), ("current", "<i4")])
records["amplitude"], records["current"] = CUBE, 7
buffer = io.BytesIO()
np.save(buffer, records)
keep("npy records", buffer.getvalue(), format="npy", quantity=["amplitude", ""])


def usid(f, order, fields=False, shuffled=False):
    """Positions with the fast axis first, in row-major, column-major or any order."""
    g = f.create_group("Raw_Measurement" if shuffled else "Measurement_000/Channel_000")
    rows, cols = np.divmod(np.arange(ROWS * COLS), COLS) if order == "rows" else np.divmod(np.arange(ROWS * COLS), ROWS)[::-1]
    if shuffled:
        keys = np.random.default_rng(1).permutation(ROWS * COLS)
        rows, cols = rows[keys], cols[keys]
    pos = np.stack([cols, rows] if order == "rows" else [rows, cols], 1)
    labels = np.array(["X", "Y"] if order == "rows" else ["Y", "X"], "S")
    values = CUBE[rows, cols]
    steps, places = np.arange(POINTS)[None], [("DC_Offset", BIAS[None])]
    spec, specv, names = np.arange(POINTS)[None], BIAS[None], ["DC_Offset"]
    if fields:
        spec = np.stack([np.repeat(np.arange(POINTS), 2), np.tile([0, 1], POINTS)])
        specv = np.stack([np.repeat(BIAS, 2), np.tile([0.0, 1.0], POINTS)])
        names = ["DC_Offset", "Field"]
        values = np.stack([values - 1000, values], 2).reshape(len(values), -1)
    main = g.create_dataset("Raw_Data", data=values)
    main.attrs["quantity"], main.attrs["units"] = "Response", "V"
    height = g.create_dataset("Height", data=TOPOGRAPHY[rows, cols][:, None])
    height.attrs["quantity"], height.attrs["units"] = "Height", "m"
    anc = {"Position_Indices": pos.astype("u4"), "Position_Values": pos.astype("f2"), "Spectroscopic_Indices": spec.astype("u4"), "Spectroscopic_Values": specv.astype("f2")}
    one = {"Spectroscopic_Indices": np.zeros((1, 1), "u4"), "Spectroscopic_Values": np.zeros((1, 1), "f2")}
    for k, v in anc.items():
        d = g.create_dataset(k, data=v)
        d.attrs["labels"] = labels if k.startswith("Pos") else np.array(names, "S")
        d.attrs["units"] = np.array(["um", "um"] if k.startswith("Pos") else ["V", ""][: len(names)], "S")
        main.attrs[k] = d.ref
        height.attrs[k] = d.ref if k.startswith("Pos") else g.create_dataset("Height_" + k, data=one[k]).ref
    raw = g.create_dataset("Complex", data=values + 1j)
    for k in anc:
        raw.attrs[k] = main.attrs[k]


usual = {"format": "usid", "bias": True, "spectral": ["DC_Offset", "V"], "quantity": ["Response", "V"], "maps": ["Height"]}
hdf5("usid", lambda f: usid(f, "rows"), **usual)
hdf5("usid columns first", lambda f: usid(f, "cols"), **usual)
hdf5("usid any order", lambda f: usid(f, "rows", shuffled=True), **usual)
hdf5("usid fields", lambda f: usid(f, "rows", fields=True), **usual, channel="field:in", channelShift=-1000)


# a path of the same length as SECRET takes its place in the test
def virtual(f):
    layout = h5py.VirtualLayout(CUBE.shape, "f8")
    layout[:] = h5py.VirtualSource(SECRET, "cube", CUBE.shape)
    f.create_virtual_dataset("cube", layout)


def external(f):
    f.create_dataset("cube", CUBE.shape, "f8", external=[(SECRET, 0, CUBE.nbytes)])


hdf5("hostile virtual", virtual, error="virtual_dataset", secret=SECRET)
hdf5("hostile external", external, error="hdf5_damaged", secret=SECRET)

with open(os.path.join(HERE, "small_files.json"), "w") as f:
    json.dump(files, f, indent=1)
    f.write("\n")
print(len(files), "files")
