"""Open Inference Protocol v2 as NVIDIA's client speaks it: python3 triton_client.py HOST:PORT MODEL WINDOW POINTS LATENT.

Compares inference over JSON and binary tensors, compressed or not, with the answers of /predict, and makes every call
that the client has. Exits with 3 where tritonclient is absent.
"""
import asyncio
import itertools
import json
import sys
import urllib.request

try:
    import numpy as np
    import tritonclient.http as triton
    import tritonclient.http.aio as triton_aio
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


def tensor_of(name, array, datatype="FP32", binary=True):
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def infer(name, array, datatype, binary_in, binary_out, outputs=("y", "latent"), **options):
    tensor = tensor_of(name, array, datatype, binary_in)
    requested = [triton.InferRequestedOutput(output, binary_data=binary_out) for output in outputs]
    return client.infer(model, [tensor], outputs=requested, **options)


def fails(call, text):
    try:
        call()
    except InferenceServerException as error:
        assert text in error.message(), f"met {error.message()!r}, expected {text!r}"
    else:
        raise AssertionError(f"nothing was raised, expected {text!r}")


assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
assert client.is_model_ready(model, "1") and not client.is_model_ready("no-such-model")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
metadata = client.get_model_metadata(model)
assert [tensor["name"] for tensor in metadata["inputs"]] == ["x", "image"], metadata
assert metadata["outputs"][0]["shape"] == [-1, points], metadata

patches = np.random.default_rng(1).normal(size=(5, window, window)).astype(np.float32)
outputs, latents = predict(patches)
checks = 0
datatypes = ((patches, "FP32"), (patches.astype(np.float64), "FP64"))
compressions = ((None, None), ("gzip", "gzip"), ("deflate", "deflate"))
for (array, datatype), binary_in, binary_out, (sent, accepted) in itertools.product(
        datatypes, (False, True), (False, True), compressions):
    result = infer("x", array, datatype, binary_in, binary_out, request_id="r-1", model_version="1",
                   request_compression_algorithm=sent, response_compression_algorithm=accepted)
    assert result.get_response()["id"] == "r-1" and result.get_response()["model_name"] == model
    np.testing.assert_allclose(result.as_numpy("y"), outputs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result.as_numpy("latent"), latents, rtol=1e-5, atol=1e-6)
    checks += 1
halves = infer("x", patches.astype(np.float16), "FP16", True, True).as_numpy("y")
np.testing.assert_allclose(halves, predict(patches.astype(np.float16).astype(np.float32))[0], rtol=1e-5, atol=1e-6)
whole = np.arange(5 * window * window, dtype=np.int32).reshape(patches.shape) % 7
np.testing.assert_allclose(infer("x", whole, "INT32", True, True).as_numpy("y"), predict(whole)[0], rtol=1e-5, atol=1e-6)

default = client.infer(model, [tensor_of("x", patches)], parameters={"mine": 1}, sequence_id=1, priority=1, timeout=10**6)
np.testing.assert_allclose(default.as_numpy("y"), outputs, rtol=1e-5, atol=1e-6)
only = infer("x", patches, "FP32", True, True, outputs=("latent",))
assert only.as_numpy("y") is None and only.as_numpy("latent").shape == (5, latent)

image = np.random.default_rng(2).normal(size=(window + 3, window + 2)).astype(np.float32)
mapped = infer("image", image, "FP32", True, True).as_numpy("y")
assert mapped.shape == (4, 3, points), mapped.shape
np.testing.assert_allclose(mapped[3, 1], predict(image[3:3 + window, 1:1 + window])[0], rtol=1e-4, atol=1e-5)

together = [client.async_infer(model, [tensor_of("x", patches)]) for _ in range(8)]
for pending in together:
    np.testing.assert_allclose(pending.get_result().as_numpy("y"), outputs, rtol=1e-5, atol=1e-6)



async def infer_together():
    async with triton_aio.InferenceServerClient(host) as waiting:
        assert await waiting.is_server_ready() and await waiting.is_model_ready(model)
        tensors = [tensor_of("x", patches)]
        results = await asyncio.gather(*(waiting.infer(model, tensors, request_compression_algorithm=sent)
                                         for sent, _ in compressions))
        for each in results:
            np.testing.assert_allclose(each.as_numpy("y"), outputs, rtol=1e-5, atol=1e-6)


asyncio.run(infer_together())

fails(lambda: infer("x", patches[:, :3], "FP32", True, True), "expected")
fails(lambda: infer("z", patches, "FP32", True, True), "expected x or image")
fails(lambda: infer("x", patches, "FP32", True, True, outputs=("z",)), "expected y or latent")
fails(lambda: infer("x", patches, "FP32", True, True, model_version="99"), "99")
fails(lambda: client.get_model_metadata("no-such-model"), "no-such-model")
fails(lambda: infer("x", patches * np.float32("nan"), "FP32", True, True), "NaN")
fails(lambda: infer("x", patches[:0], "FP32", True, True), "0 x")
fails(lambda: infer("x", patches > 0, "BOOL", True, True), "BOOL")
fails(lambda: infer("x", patches, "FP32", True, True, outputs=("y", "y")), "twice")
fails(lambda: client.infer(model, [tensor_of("x", patches), tensor_of("image", image)]), "expected one")
fails(lambda: client.infer(model, [tensor_of("x", patches)], outputs=[triton.InferRequestedOutput("y", class_count=3)]),
      "classification")
shared = triton.InferInput("x", list(patches.shape), "FP32")
shared.set_shared_memory("region", patches.nbytes)
fails(lambda: client.infer(model, [shared]), "no shared memory")
assert {"name": model, "version": "1", "state": "READY", "reason": ""} in client.get_model_repository_index()
assert np.allclose(infer("x", patches[:, None], "FP32", True, True).as_numpy("y"), outputs, rtol=1e-5, atol=1e-6)
for extension in (client.get_system_shared_memory_status, client.get_log_settings,
                  client.get_cuda_shared_memory_status, client.get_trace_settings,
                  lambda: client.get_model_config(model), lambda: client.load_model(model),
                  lambda: client.get_inference_statistics(model),
                  lambda: client.register_system_shared_memory("region", "/region", 64)):
    fails(extension, "extension")
print(f"{checks} combinations of tensors agree")
