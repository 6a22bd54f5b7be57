"""Open Inference Protocol v2 as NVIDIA's client speaks it: python3 triton_client.py HOST:PORT MODEL WINDOW POINTS LATENT.

Compares inference over every pair of JSON and binary tensors with the answers of /predict. Exits with 3 where
tritonclient is absent.
"""
import json
import sys
import urllib.request

try:
    import numpy as np
    import tritonclient.http as triton
    from tritonclient.utils import InferenceServerException
except ImportError:
    sys.exit(3)

host, model = sys.argv[1:3]
window, points, latent = map(int, sys.argv[3:6])
client = triton.InferenceServerClient(url=host, concurrency=4)


def predict(patches):
    body = json.dumps({"model": model, "inputs": patches.tolist()}).encode()
    request = urllib.request.Request(f"http://{host}/predict", body, {"Content-Type": "application/json"})
    answer = json.load(urllib.request.urlopen(request))
    return [np.array(answer[key]["data"], np.float32).reshape(answer[key]["shape"]) for key in ("outputs", "latents")]


def infer(name, array, datatype, binary_in, binary_out, outputs=("y", "latent"), **options):
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary_in)
    wanted = [triton.InferRequestedOutput(output, binary_data=binary_out) for output in outputs]
    return client.infer(model, [tensor], outputs=wanted, **options)


def fails(call, text):
    try:
        call()
    except InferenceServerException as error:
        assert text in error.message(), f"met {error.message()!r}, wanted {text!r}"
    else:
        raise AssertionError(f"nothing was raised, wanted {text!r}")


assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
assert client.is_model_ready(model, "1") and not client.is_model_ready("no-such-model")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
metadata = client.get_model_metadata(model)
assert [tensor["name"] for tensor in metadata["inputs"]] == ["x", "image"], metadata
assert metadata["outputs"][0]["shape"] == [-1, points], metadata

patches = np.random.default_rng(1).normal(size=(5, window, window)).astype(np.float32)
outputs, latents = predict(patches)
checks = 0
for array, datatype in ((patches, "FP32"), (patches.astype(np.float64), "FP64")):
    for binary_in in (False, True):
        for binary_out in (False, True):
            result = infer("x", array, datatype, binary_in, binary_out, request_id="r-1", model_version="1")
            assert result.get_response()["id"] == "r-1" and result.get_response()["model_name"] == model
            np.testing.assert_allclose(result.as_numpy("y"), outputs, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(result.as_numpy("latent"), latents, rtol=1e-5, atol=1e-6)
            checks += 1
whole = np.arange(5 * window * window, dtype=np.int32).reshape(patches.shape) % 7
np.testing.assert_allclose(infer("x", whole, "INT32", True, True).as_numpy("y"), predict(whole)[0], rtol=1e-5, atol=1e-6)

default = client.infer(model, [(lambda t: (t.set_data_from_numpy(patches), t)[1])(triton.InferInput("x", list(patches.shape), "FP32"))])
np.testing.assert_allclose(default.as_numpy("y"), outputs, rtol=1e-5, atol=1e-6)
only = infer("x", patches, "FP32", True, True, outputs=("latent",))
assert only.as_numpy("y") is None and only.as_numpy("latent").shape == (5, latent)

image = np.random.default_rng(2).normal(size=(window + 3, window + 2)).astype(np.float32)
mapped = infer("image", image, "FP32", True, True).as_numpy("y")
assert mapped.shape == (4, 3, points), mapped.shape
np.testing.assert_allclose(mapped[3, 1], predict(image[3:3 + window, 1:1 + window])[0], rtol=1e-4, atol=1e-5)

together = [client.async_infer(model, [(lambda t: (t.set_data_from_numpy(patches), t)[1])(triton.InferInput("x", list(patches.shape), "FP32"))]) for _ in range(8)]
for pending in together:
    np.testing.assert_allclose(pending.get_result().as_numpy("y"), outputs, rtol=1e-5, atol=1e-6)

fails(lambda: infer("x", patches[:, :3], "FP32", True, True), "wanted")
fails(lambda: infer("z", patches, "FP32", True, True), "wanted x or image")
fails(lambda: infer("x", patches, "FP32", True, True, outputs=("z",)), "wanted y or latent")
fails(lambda: infer("x", patches, "FP32", True, True, model_version="99"), "99")
fails(lambda: client.get_model_metadata("no-such-model"), "no-such-model")
fails(lambda: infer("x", patches, "FP32", True, True, request_compression_algorithm="gzip"), "Content-Encoding")
print(f"{checks} combinations of tensors agree")
