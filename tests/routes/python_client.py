"""Exercises /client.py against a service: python_client.py FOLDER_OF_CLIENT URL."""
import sys
import warnings

sys.path.insert(0, sys.argv[1])
import numpy as np

import loopscope
from loopscope import Loopscope, LoopscopeError

warnings.simplefilter("error")
lab = Loopscope(sys.argv[2])
random = np.random.default_rng(1)
image = random.normal(size=(24, 26)).cumsum(0).cumsum(1)
image = (image - image.mean()) / image.std()
shape = np.linspace(-1, 1, 12)
values = image[:, :, None] * shape + 0.1 * random.normal(size=(24, 26, 12))

cube = lab.upload(values.astype("float32"), name="waves")
assert cube.shape == (24, 26, 12) and cube.name == "waves", cube
assert lab.cube("waves").id == cube.id and cube.id in [each.id for each in lab.cubes()]
np.testing.assert_allclose(cube.map(index=3), values[:, :, 3], rtol=1e-5, atol=1e-6)
np.testing.assert_allclose(cube.spectrum(5, 7), values[5, 7], rtol=1e-5, atol=1e-6)
np.testing.assert_allclose(cube.values(), values, rtol=1e-5, atol=1e-6)
assert len(cube.axis) == 12 and cube.pca(components=2)["maps"].shape[-1] * 0 == 0

# In pieces, as a large file.
with open(sys.argv[1] + "/again.npy", "wb") as file:
    np.save(file, (2 * values).astype("float32"))
loopscope._RESUMABLE_ABOVE, loopscope._PIECE_BYTES = 1000, 4096
again = lab.upload(sys.argv[1] + "/again.npy", progress=False)
assert again.name == "again.npy" and again.shape == cube.shape, again
np.testing.assert_allclose(again.spectrum(1, 2), 2 * values[1, 2], rtol=1e-5, atol=1e-6)

model = lab.train(cube, "waves", window=4, latent=2, filters=4, epochs=2, members=2, region=(0, 0, 24, 16))
assert model.name == "waves" and model.version == 1 and model.scores["test"]["r2"] > 0.5, model.scores
assert "ridge" in model.card
patches = np.stack([image[i:i + 4, i:i + 4] for i in range(5)])
predicted = model.predict(patches)
assert predicted.outputs.shape == (5, 12) and predicted.latents.shape == (5, 2) and predicted.spread.shape == (5, 12)
np.testing.assert_allclose(model.predict(patches[0]).outputs, predicted.outputs[0], rtol=1e-4, atol=1e-5)
assert model.predict_image(image).outputs.shape == (21, 23, 12)
latents = model.encode(patches)
assert latents.shape == (5, 2) and model.decode(latents).shape == (5, 12)
errors = model.errors(cube)
assert errors["mse"].shape == (24, 26) and np.isnan(errors["mse"][0, 0]) and errors["scores"]["test"]["r2"] > 0.5
assert model.latents(cube)["latents"].shape[-1] * 0 == 0
assert len(model.mixture(cube, components=2)["components"]) == 2
assert {"row", "col", "score"} <= set(model.suggest(cube, count=3)[0])
assert model.consensus(cube)["smallest"].shape == (24, 26)
assert len(model.weights()) > 1000

run = lab.experiment("night run", image=image, axis={"name": "bias", "unit": "V", "values": shape.tolist()}, window=4, batch=12)
points = run.next
for _ in range(3):
    points = run.measured([{**point, "values": values[point["row"], point["col"]]} for point in points])
assert len(points) == 12 and run.record["measured"] == 36, run.record
assert run.prediction()["mean"].shape == (24, 26, 12) and run.prediction()["measured"].sum() == 36
made = run.finish()
assert lab.cube(made["result"]["cube"]).shape == (24, 26, 12) and isinstance(run.history()["batches"], list)
rehearsal = lab.experiment("rehearsal", cube=cube, window=4, strategy="space")
assert len(rehearsal.measured(rehearsal.next)) == 16

for call, code in (
    (lambda: lab.cube("cube_01hv0000000000000000000000"), "cube_missing"),
    (lambda: model.predict(np.zeros((3, 5, 7))), None),
    (lambda: lab.train(cube, "waves", window=63), None),
):
    try:
        call()
    except LoopscopeError as error:
        assert error.status in (404, 422) and error.code and (code is None or error.code == code), error
    else:
        raise AssertionError("nothing was raised")

job = lab.train(cube, "long", window=4, epochs=5000, filters=8, wait=False)
assert job.cancel().refresh(wait_s=10).state in ("cancelled", "running"), job
again.delete()
print("the client passed")
