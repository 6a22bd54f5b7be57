"""Two simulated microscopes on one experiment: a film with a wall, drift, noise and pixels that fail. Prints a JSON report."""
import json
import threading

import numpy as np
from loopscope import Experiment, Loopscope

ROWS, COLS, BATCHES = 24, 24, 5
bias = np.linspace(-1, 1, 12)
row, col = np.mgrid[:ROWS, :COLS]
wall = np.tanh((col - 12 - 3 * np.sin(row / 4)) / 3)          # what the image shows, and what the spectra follow
truth = wall[..., None] * bias + 0.3 * bias**2


class Microscope:
    def __init__(self, seed):
        self.random, self.gain = np.random.default_rng(seed), 1.0

    def measure(self, points):
        """Spectra of the points that worked: a failed pixel is left out, and is proposed again later."""
        for point in points:
            self.gain *= 1 + 0.0002 * self.random.normal()       # the tip wears off
            if self.random.random() < 0.1:
                continue
            spectrum = truth[point["row"], point["col"]]
            yield {**point, "values": self.gain * spectrum + 0.05 * self.random.normal(size=bias.size)}


lab = Loopscope()
run = lab.experiment("two tips", image=wall, axis={"name": "bias", "unit": "V", "values": bias.tolist()}, window=4, batch=12)
sent = []


def night(instrument, points, seed):
    microscope = Microscope(seed)
    for _ in range(BATCHES):
        measured = list(microscope.measure(points))
        points = instrument.measured(measured)
        sent.extend((point["row"], point["col"]) for point in measured)


second = Experiment(lab, lab.get(f"/v1/experiments/{run.id}"))
tips = [threading.Thread(target=night, args=(run, run.next, 1)), threading.Thread(target=night, args=(second, second.measured([]), 2))]
for tip in tips:
    tip.start()
for tip in tips:
    tip.join()

kept = lab.get(f"/v1/experiments/{run.id}/measurements")
mean = run.prediction()["mean"]
left = np.square(mean - truth).sum() / np.square(truth - truth.mean(axis=(0, 1))).sum()
print(json.dumps({"sent": sorted(sent), "kept": sorted(map(list, kept["points"].tolist())), "left": left, "done": run.finish()}))
