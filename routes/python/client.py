"""Client of a loopscope service: one file, Python 3.9 or later, the standard library and NumPy.

    curl -so loopscope.py http://127.0.0.1:8080/client.py

    from loopscope import Loopscope
    lab = Loopscope()                                   # LOOPSCOPE_URL, LOOPSCOPE_KEY, or (url, key)
    model = lab.train(lab.upload("film.h5"), "my-film")
    worst = model.errors(lab.cubes()[0])["nrmse"]       # rows x columns, NaN where no patch fits

Arrays are NumPy arrays in the units of the cube. What the service refuses is a LoopscopeError that carries the
problem's `code`. Requests that fail for a reason that passes (429, 503, a lost connection) are repeated; POST requests
carry an idempotency key, so that repeating one does nothing twice.
"""
from __future__ import annotations

import base64
import http.client
import io
import json
import os
import sys
import time
import uuid
import warnings
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple, Union
from urllib.parse import quote, urlencode, urlsplit

import numpy as np

__version__ = "0.0.0"  # the version of the service that gave this file

Pathish = Union[str, "os.PathLike[str]"]
_PIECE_BYTES = 8 * 2**20
_RESUMABLE_ABOVE = 32 * 2**20
_TRIES = 8
_PASSING = (429, 502, 503, 504)


class LoopscopeError(Exception):
    """What the service refused, or could not do.

    status: HTTP status (0 where no answer came); code: a word for programs, such as `cube_missing`; detail: a sentence
    with the value received and the value expected; errors: list of {path, message} for single fields.
    """

    def __init__(self, status: int, code: str, detail: str, errors: Iterable[Dict[str, str]] = ()):
        super().__init__(f"{detail} ({status} {code})")
        self.status, self.code, self.detail, self.errors = status, code, detail, list(errors)


class Loopscope:
    """A service. `url` and `key` default to LOOPSCOPE_URL (http://127.0.0.1:8080) and LOOPSCOPE_KEY."""

    def __init__(self, url: Optional[str] = None, key: Optional[str] = None, timeout_s: float = 120):
        self.url = (url or os.environ.get("LOOPSCOPE_URL") or "http://127.0.0.1:8080").rstrip("/")
        self._key = key or os.environ.get("LOOPSCOPE_KEY")
        self._timeout_s = timeout_s
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url is {self.url!r}; expected one such as http://127.0.0.1:8080")
        self._parts = parts
        self._checked = False

    # Cubes

    def upload(self, file: Union[Pathish, np.ndarray], name: Optional[str] = None, progress: Optional[bool] = None,
               **options: Any) -> "Cube":
        """Makes a cube of a file, or of an array of rows x columns x points.

        options: dataset, channel, repair, prepare, axis, quantity, unit, pixel, complex; dictionaries and lists are sent
        as JSON. Files above 32 MiB go up in pieces and are resumed where a connection is lost. progress: a bar on stderr;
        default: on a terminal, for files that go up in pieces.
        """
        if isinstance(file, np.ndarray):
            return self._upload_bytes(_npy(file), {"name": name or "array", **options})
        path = Path(file)
        size = path.stat().st_size
        options = {"name": name or path.name, **options}
        if size <= _RESUMABLE_ABOVE:
            return self._upload_bytes(path.read_bytes(), options)
        bar = sys.stderr.isatty() if progress is None else progress
        return self._upload_in_pieces(path, size, options, bar)

    def cubes(self) -> List["Cube"]:
        """All cubes, newest first."""
        return [Cube(self, record) for record in self._list("/v1/cubes")]

    def cube(self, name: str) -> "Cube":
        """The cube of this id, else the newest of this name."""
        if name.startswith("cube_"):
            return Cube(self, self.get(f"/v1/cubes/{quote(name)}"))
        for record in self._list("/v1/cubes"):
            if record["name"] == name:
                return Cube(self, record)
        raise LoopscopeError(404, "cube_missing", f"No cube has the name {name!r}")

    # Models

    def models(self) -> List[Dict[str, Any]]:
        """All models: name, versions, aliases, …"""
        return list(self._list("/v1/models"))

    def model(self, name: str, version: Union[int, str] = "latest") -> "Model":
        """A version of a model; `name` may be `name@version`."""
        name, _, given = name.partition("@")
        return Model(self, self.get(f"/v1/models/{quote(name)}/versions/{quote(str(given or version))}"))

    def train(self, cube: Union["Cube", str], save_as: str, recipe: str = "robust", direction: str = "im2spec",
              wait: bool = True, progress: Optional[bool] = None, **options: Any) -> Any:
        """Trains a model on a cube and returns it; with wait=False the Job.

        options: region (row, col, rows, cols), window, latent, filters, imageAt, map, epochs, batchSize, learningRate,
        seed, members, validation ("sides"), from_ ("name@version"), notes, … as in POST /v1/jobs. progress: losses on
        stderr; default: on a terminal.
        """
        if "from_" in options:
            options["from"] = options.pop("from_")
        region = options.get("region")
        if isinstance(region, (tuple, list)):
            options["region"] = dict(zip(("row", "col", "rows", "cols"), (int(n) for n in region)))
        body = {"kind": "train", "direction": direction, "cube": _id_of(cube), "saveAs": save_as, "recipe": recipe}
        job = Job(self, self.post("/v1/jobs", {**body, **options}))
        if not wait:
            return job
        return job.wait(sys.stderr.isatty() if progress is None else progress)

    def job(self, id: str) -> "Job":
        return Job(self, self.get(f"/v1/jobs/{quote(id)}"))

    def jobs(self) -> List["Job"]:
        return [Job(self, record) for record in self._list("/v1/jobs")]

    def predict(self, model: str, inputs: np.ndarray) -> "Prediction":
        """As Model.predict, for `name@version`."""
        return self.model(model).predict(inputs)

    # Experiments

    def experiment(self, name: str, cube: Union["Cube", str, None] = None, image: Optional[np.ndarray] = None,
                   **options: Any) -> "Experiment":
        """Opens an experiment on an image (rows x columns), or a rehearsal on a whole cube."""
        source = {"cube": _id_of(cube)} if cube is not None else {"image": _array_json(np.asarray(image))}
        return Experiment(self, self.post("/v1/experiments", {"name": name, **source, **options}))

    # The plain calls

    def get(self, path: str, accept: str = "application/json", wait_s: int = 30, **query: Any) -> Any:
        """GET; waits for results that are computed as jobs. Arrays in the answer are NumPy arrays."""
        path = _with_query(path, query)
        prefer = {"Prefer": f"wait={wait_s}"} if wait_s else {}
        while True:
            status, headers, body = self._request("GET", path, headers={"Accept": accept, **prefer})
            if status != 202:
                return _decoded(headers, body)
            Job(self, json.loads(body)).wait()

    def post(self, path: str, body: Any) -> Any:
        """POST of JSON, once however often it has to be repeated."""
        headers = {"Content-Type": "application/json"}
        status, received, answer = self._request("POST", path, json.dumps(body).encode(), headers)
        return _decoded(received, answer)

    def _upload_bytes(self, data: bytes, options: Dict[str, Any]) -> "Cube":
        path = _with_query("/v1/cubes", options)
        _, _, body = self._request("POST", path, data, {"Content-Type": "application/octet-stream"})
        return Cube(self, json.loads(body))

    def _upload_in_pieces(self, path: Path, size: int, options: Dict[str, Any], bar: bool) -> "Cube":
        texts = {name: _text(value) for name, value in options.items() if value is not None}
        metadata = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in texts.items())
        head = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": metadata}
        _, received, _ = self._request("POST", "/v1/uploads", b"", head)
        place, offset = received["location"], 0
        with path.open("rb") as file:
            while offset < size:
                file.seek(offset)
                piece = file.read(_PIECE_BYTES)
                headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset),
                           "Content-Type": "application/offset+octet-stream"}
                try:
                    _, received, body = self._request("PATCH", place, piece, headers, tries=1)
                except LoopscopeError as error:
                    if error.status not in (0, 409, 460) + _PASSING:
                        raise
                    time.sleep(1)
                    _, received, body = self._request("HEAD", place, None, {"Tus-Resumable": "1.0.0"})
                offset = int(received["upload-offset"])
                if bar:
                    _bar(offset / size, f"{offset / 2**20:.0f} of {size / 2**20:.0f} MiB")
        if bar:
            print(file=sys.stderr)
        return Cube(self, self.get(received["content-location"]))

    def _list(self, path: str) -> Iterator[Dict[str, Any]]:
        query: Dict[str, Any] = {}
        while True:
            page = self.get(path, **query)
            yield from page["items"]
            if "nextCursor" not in page:
                return
            query = {"cursor": page["nextCursor"]}

    def _request(self, method: str, path: str, body: Optional[bytes] = None,
                 headers: Optional[Dict[str, str]] = None, tries: int = _TRIES) -> Tuple[int, Dict[str, str], bytes]:
        """One call, repeated while the reason passes: status, headers in lower case, body."""
        if not self._checked:
            self._check_version()
        sent = {"User-Agent": f"loopscope-client/{__version__}", **(headers or {})}
        if self._key:
            sent["Authorization"] = f"Bearer {self._key}"
        if method == "POST":
            sent["Idempotency-Key"] = str(uuid.uuid4())
        for attempt in range(1, tries + 1):
            pause_s = min(10, 0.25 * 2**attempt)
            try:
                status, received, answer = self._once(method, path, body, sent)
            except (OSError, http.client.HTTPException) as error:
                if attempt == tries:
                    raise LoopscopeError(0, "no_answer", f"No answer from {self.url}: {error}") from error
                time.sleep(pause_s)
                continue
            if status in _PASSING and attempt < tries:
                time.sleep(min(60, float(received.get("retry-after", pause_s))))
                continue
            if status >= 400:
                raise _problem(status, answer)
            return status, received, answer
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, body: Optional[bytes], headers: Dict[str, str]):
        secure = self._parts.scheme == "https"
        make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = make(self._parts.hostname, self._parts.port, timeout=self._timeout_s)
        try:
            connection.request(method, self._parts.path + path, body, headers)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def _check_version(self) -> None:
        self._checked = True
        served = self.get("/v1/system")["version"]
        if served != __version__:
            warnings.warn(f"This client is of version {__version__}, the service of {served}: get /client.py from it",
                          stacklevel=4)


class Cube:
    """A hyperspectral cube: id, name, shape (rows, cols, points), axes, quantity, unit, health, notes, …"""

    def __init__(self, lab: Loopscope, record: Dict[str, Any]):
        self.lab, self.record = lab, record
        self.id: str = record["id"]
        self.name: str = record["name"]
        self.shape: Tuple[int, int, int] = tuple(record["shape"])
        self._path = f"/v1/cubes/{quote(self.id)}"

    def __repr__(self) -> str:
        return f"<Cube {self.id} {self.name!r} {' x '.join(map(str, self.shape))}>"

    @property
    def axis(self) -> np.ndarray:
        """Values of the spectral axis, in record["axes"]["spectral"]["unit"]; length points."""
        return np.asarray(self.record["axes"]["spectral"]["values"], float)

    def values(self) -> np.ndarray:
        """The cube as it is used, rows x columns x points, float32."""
        return self.lab.get(f"{self._path}/values", accept="application/x-npy")

    def map(self, at: Optional[float] = None, **query: Any) -> np.ndarray:
        """rows x columns at the spectral value nearest to `at`; or map="NAME" for an image channel, index=N."""
        return self.lab.get(f"{self._path}/map", accept="application/x-npy", at=at, **query)

    def spectrum(self, row: int, col: int, radius: int = 0) -> np.ndarray:
        """The spectrum of a pixel, or the mean within `radius` pixels; length points."""
        return self.lab.get(f"{self._path}/spectrum", accept="application/x-npy", row=row, col=col, radius=radius)

    def pca(self, components: int = 8) -> Dict[str, Any]:
        return self.lab.get(f"{self._path}/pca", components=components)

    def loops(self, **query: Any) -> Dict[str, Any]:
        """Loop parameters per pixel as maps: coercive biases, imprint, work of switching, …; fit=True fits loops."""
        return self.lab.get(f"{self._path}/loops", **query)

    def delete(self) -> None:
        self.lab._request("DELETE", self._path)


class Prediction:
    """outputs, latents and (of an ensemble) spread as arrays; warnings as sentences."""

    def __init__(self, answer: Dict[str, Any]):
        self.outputs: np.ndarray = answer["outputs"]
        self.latents: np.ndarray = answer["latents"]
        self.spread: Optional[np.ndarray] = answer.get("spread")
        self.warnings: List[str] = answer.get("warnings", [])
        self.positions: Optional[Dict[str, int]] = answer.get("positions")


class Model:
    """A version of a model: name, version, manifest (network, axis, training, scores, …)."""

    def __init__(self, lab: Loopscope, manifest: Dict[str, Any]):
        self.lab, self.manifest = lab, manifest
        self.name: str = manifest["name"]
        self.version: int = manifest["version"]
        self._path = f"/v1/models/{quote(self.name)}/versions/{self.version}"

    def __repr__(self) -> str:
        return f"<Model {self.name}@{self.version}>"

    @property
    def scores(self) -> Dict[str, Any]:
        """Held-out scores of the model and of the baselines, and the verdict in words."""
        return self.manifest["scores"]

    @property
    def card(self) -> str:
        """The card, in Markdown."""
        return self.lab._request("GET", f"{self._path}/card")[2].decode()

    def predict(self, inputs: np.ndarray) -> Prediction:
        """im2spec: patches (window x window, or N of them) -> spectra (points, or N x points); spec2im the reverse."""
        return Prediction(self._post("predict", {"inputs": _array_json(np.asarray(inputs))}))

    def predict_image(self, image: np.ndarray) -> Prediction:
        """im2spec over a whole image (rows x columns): a spectrum for each position where a patch fits."""
        return Prediction(self._post("predict", {"inputs": {"image": _array_json(np.asarray(image))}}))

    def encode(self, inputs: np.ndarray) -> np.ndarray:
        """Latent variables of patches or spectra."""
        return self._post("encode", {"inputs": _array_json(np.asarray(inputs))})["latents"]

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Spectra or patches of latent variables."""
        return self._post("decode", {"latents": _array_json(np.asarray(latents))})["outputs"]

    def predictions(self, cube: Union[Cube, str], **query: Any) -> Dict[str, Any]:
        """Predictions at every pixel; row= and col= for all about one."""
        return self._on(cube, "predictions", query)

    def errors(self, cube: Union[Cube, str]) -> Dict[str, Any]:
        """Maps mse, nrmse, areaAbs or ssim (rows x columns, NaN where no patch fits), isTrain, and scores."""
        return self._on(cube, "errors", {})

    def consensus(self, cube: Union[Cube, str]) -> Dict[str, Any]:
        """Average of the model, kernel ridge and trees; smallest: the map of what no method explains."""
        return self._on(cube, "consensus", {})

    def latents(self, cube: Union[Cube, str]) -> Dict[str, Any]:
        """Latent variables as maps."""
        return self._on(cube, "latents", {})

    def mixture(self, cube: Union[Cube, str], components: int = 8, **query: Any) -> Dict[str, Any]:
        """Gaussian mixture of the latents: labels, and a characteristic spectrum (or patch) for each component."""
        return self._on(cube, "gmm", {"components": components, **query})

    def manifold(self, cube: Union[Cube, str], **query: Any) -> Dict[str, Any]:
        """The latent plane decoded on a grid."""
        return self._on(cube, "manifold", query)

    def loops(self, cube: Union[Cube, str], **query: Any) -> Dict[str, Any]:
        """Loop parameters, measured against predicted."""
        return self._on(cube, "loops", query)

    def suggest(self, cube: Union[Cube, str], count: int = 10, by: str = "error") -> List[Dict[str, Any]]:
        """Where to measure next: {row, col, score}; by error, uncertainty, novelty, diversity or consensus."""
        return self._on(cube, "suggest", {"count": count, "by": by})["points"]

    def weights(self) -> bytes:
        """The weights as a safetensors file, under PyTorch's names."""
        return self.lab._request("GET", f"{self._path}/weights")[2]

    def delete(self) -> None:
        self.lab._request("DELETE", self._path)

    def _on(self, cube: Union[Cube, str], result: str, query: Dict[str, Any]) -> Dict[str, Any]:
        return self.lab.get(f"{self._path}/cubes/{quote(_id_of(cube))}/{result}", **query)

    def _post(self, what: str, body: Dict[str, Any]) -> Dict[str, Any]:
        return self.lab.post(f"{self._path}/{what}", body)


class Job:
    """Work in the background: id, state, record (progress, history, result, error, …)."""

    def __init__(self, lab: Loopscope, record: Dict[str, Any]):
        self.lab, self.record = lab, record
        self.id: str = record["id"]

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.state}>"

    @property
    def state(self) -> str:
        """queued, running, succeeded, failed or cancelled, as last heard."""
        return self.record["state"]

    def refresh(self, wait_s: int = 0) -> "Job":
        """Asks again; with wait_s, when the job has ended or after so many seconds."""
        self.record = self.lab.get(f"/v1/jobs/{quote(self.id)}", wait_s=wait_s)
        return self

    def wait(self, progress: bool = False) -> Any:
        """Waits for the end; a training gives its Model. Raises LoopscopeError where the job fails or is cancelled."""
        while self.state in ("queued", "running"):
            self.refresh(0 if progress else 30)
            at = self.record.get("progress")
            if progress and at:
                losses = f"train {at['trainLoss']:.3g}, test {at['testLoss']:.3g}" if at.get("testLoss") else ""
                _bar(at["epoch"] / at["epochs"], f"epoch {at['epoch']} of {at['epochs']}  {losses}")
            if progress:
                time.sleep(0.5)
        if progress:
            print(file=sys.stderr)
        if self.state != "succeeded":
            error = self.record.get("error") or {}
            raise LoopscopeError(409, error.get("code", self.state), error.get("detail", f"The job is {self.state}"))
        result = self.record.get("result") or {}
        return self.lab.model(result["model"], result["version"]) if "model" in result else self

    def cancel(self) -> "Job":
        self.record = json.loads(self.lab._request("DELETE", f"/v1/jobs/{quote(self.id)}")[2])
        return self


class Experiment:
    """Measure, learn, choose the next points: next is a list of {row, col}."""

    def __init__(self, lab: Loopscope, record: Dict[str, Any]):
        self.lab, self.record = lab, record
        self.id: str = record["id"]
        self.next: List[Dict[str, Any]] = record.get("next", [])
        self._path = f"/v1/experiments/{quote(self.id)}"

    def measured(self, points: Iterable[Dict[str, Any]]) -> List[Dict[str, Any]]:
        """Adds measured points {row, col, values} (in a rehearsal {row, col}); returns the next ones to measure."""
        sent = [{"row": int(point["row"]), "col": int(point["col"]),
                 **({"values": [float(value) for value in point["values"]]} if "values" in point else {})} for point in points]
        answer = self.lab.post(f"{self._path}/measurements", {"points": sent})
        self.record.update(answer)
        self.next = answer["next"]
        return self.next

    def prediction(self) -> Dict[str, Any]:
        """mean and spread of every pixel's spectrum, and which pixels were measured."""
        return self.lab.get(f"{self._path}/prediction")

    def history(self) -> Dict[str, Any]:
        return self.lab.get(f"{self._path}/history")

    def finish(self, **options: Any) -> Dict[str, Any]:
        """Ends the experiment; save_as= also keeps the model. Returns what was made: cube, model."""
        if "save_as" in options:
            options["saveAs"] = options.pop("save_as")
        return self.lab.post(f"{self._path}/finish", options)


def _id_of(cube: Union[Cube, str, None]) -> str:
    return cube.id if isinstance(cube, Cube) else str(cube)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value)
    return str(value)


def _with_query(path: str, query: Dict[str, Any]) -> str:
    texts = {name: _text(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(texts)}" if texts else path


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _array_json(array: np.ndarray) -> Dict[str, Any]:
    data = np.ascontiguousarray(array, np.float32)
    values = [None if value != value else float(f"{value:.9g}") for value in data.ravel().tolist()]  # as float32 needs
    return {"dtype": "float32", "shape": list(data.shape), "data": values}


def _decoded(headers: Dict[str, str], body: bytes) -> Any:
    kind = headers.get("content-type", "")
    if "npy" in kind:
        return np.load(io.BytesIO(body), allow_pickle=False)
    return _with_arrays(json.loads(body)) if body else None


def _with_arrays(value: Any) -> Any:
    """JSON with every {dtype, shape, data} made into an array; null is NaN."""
    if isinstance(value, list):
        return [_with_arrays(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() >= {"dtype", "shape", "data"}:
        data = [float("nan") if item is None else item for item in value["data"]]
        array = np.asarray(data, float)
        wanted = np.dtype(value["dtype"])
        whole = wanted.kind in "iub" and np.isnan(array).any()
        return (array if whole else array.astype(wanted)).reshape(value["shape"])
    return {name: _with_arrays(item) for name, item in value.items()}


def _problem(status: int, body: bytes) -> LoopscopeError:
    try:
        problem = json.loads(body)
        return LoopscopeError(status, problem["code"], problem["detail"], problem.get("errors", ()))
    except (ValueError, KeyError, TypeError):
        return LoopscopeError(status, "unknown", body[:200].decode(errors="replace"))


def _bar(share: float, text: str) -> None:
    done = round(30 * share)
    print(f"\r[{'#' * done}{'-' * (30 - done)}] {text}\033[K", end="", file=sys.stderr, flush=True)
