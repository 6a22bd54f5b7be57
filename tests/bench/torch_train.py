"""Trains the same network on the same repaired data and split with PyTorch, one JSON line a seed.

    /usr/bin/python3 tests/bench/torch_train.py --cube repaired.npy --peers FOLDER [--window 8] [--seeds 1 2 3]

`repaired.npy` is rows x cols x points float32 after the project's repair (tests/bench/train_quality.ts writes it);
FOLDER holds networks_torch.py. Training pixels: whole patches whose centre is in the left 72 % of the columns; test
pixels: window or more columns to the right of those. Inputs and targets are standardised with the training part's mean
and deviation. r2 = 1 - sum (p - t)^2 / sum (t - mean test target)^2 over all elements, as in the project.
`best` is the epoch of the lowest loss on the guard band (im2spec: its outer half), as the project chooses it.
"""
import argparse
import json
import sys
import time

import numpy as np
import torch

ap = argparse.ArgumentParser()
ap.add_argument("--cube", required=True)
ap.add_argument("--peers", required=True)
ap.add_argument("--direction", default="im2spec")
ap.add_argument("--window", type=int, default=8)
ap.add_argument("--latent", type=int, default=2)
ap.add_argument("--filters", type=int, default=64)
ap.add_argument("--epochs", type=int, default=60)
ap.add_argument("--batch", type=int, default=64)
ap.add_argument("--image", type=int, default=0, help="spectral step that is the image side")
ap.add_argument("--seeds", type=int, nargs="*", default=[1])
ap.add_argument("--threads", type=int, default=2)
a = ap.parse_args()
sys.path.insert(0, a.peers)
from networks_torch import build  # noqa: E402

torch.set_num_threads(a.threads)
cube = np.load(a.cube).astype(np.float32)
rows, cols, points = cube.shape
w, half = a.window, a.window // 2
image = cube[:, :, a.image]
last = min(int(0.72 * cols) - 1, cols - half)
pixels = [(i, j) for i in range(half, rows - half + 1) for j in range(half, cols - half + 1)]
label = np.array([0 if j <= last else 1 if j < last + w else 2 for _, j in pixels])
outer = np.array([j - last >= (w + 1) // 2 for _, j in pixels]) & (label == 1)
patches = np.stack([image[i - half:i + half, j - half:j + half] for i, j in pixels])
spectra = np.stack([cube[i, j] for i, j in pixels])
x, y = (patches, spectra) if a.direction == "im2spec" else (spectra, patches)
if a.direction == "spec2im":
    outer = label == 1
# Guard targets of spec2im count only where no test patch has the pixel.
seen = np.ones_like(y)
if a.direction == "spec2im":
    for n, (i, j) in enumerate(pixels):
        seen[n] = (np.arange(j - half, j + half) < last + w - half)[None, :]


def standard(v):
    train = v[label == 0].astype(np.float64)
    return ((v - train.mean()) / train.std()).astype(np.float32)


X, Y = torch.tensor(standard(x))[:, None], torch.tensor(standard(y))[:, None]
S = torch.tensor(seen)[:, None]
train = np.flatnonzero(label == 0)


def evaluate(model, which):
    with torch.no_grad():
        p = torch.cat([model(X[which[i:i + 256]]) for i in range(0, len(which), 256)])
    t = Y[which]
    r2 = 1 - ((p - t) ** 2).sum() / ((t - t.mean(0)) ** 2).sum()
    return float(r2), float((S[which] * (p - t) ** 2).sum() / S[which].sum())


for seed in a.seeds:
    torch.manual_seed(seed)
    model = build(a.direction, w, points, a.latent, a.filters)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator = np.random.default_rng(seed)
    history, start = [], time.perf_counter()
    for epoch in range(a.epochs):
        model.train()
        order = generator.permutation(train)
        for at in range(0, len(order), a.batch):
            batch = order[at:at + a.batch]
            if len(batch) < 2:
                continue
            opt.zero_grad()
            torch.nn.functional.mse_loss(model(X[batch]), Y[batch]).backward()
            opt.step()
        model.eval()
        history.append((evaluate(model, np.flatnonzero(label == 2))[0], evaluate(model, np.flatnonzero(outer))[1]))
    best = min(range(a.epochs), key=lambda e: history[e][1])
    print(json.dumps(dict(
        seed=seed, direction=a.direction, counts=[int((label == k).sum()) for k in range(3)],
        lastR2=round(history[-1][0], 4), bestEpoch=best + 1, bestR2=round(history[best][0], 4),
        highestR2=round(max(h[0] for h in history), 4), seconds=round(time.perf_counter() - start, 1),
        r2=[round(h[0], 3) for h in history], guard=[round(h[1], 3) for h in history])), flush=True)
