"""The OpenAPI document of the prediction server describes what the server accepts, and no more."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the server is an extra")

import jsonschema
from starlette.testclient import TestClient

import piecewise as pw
from piecewise.serving.server import PredictionServer
from piecewise.serving.settings import ServerSettings
from piecewise.spec.calibration import Calibration

IN_JSON = {"content-type": "application/json"}
WORDS = pw.TextPreprocessor("words", ("good", "bad", "film"), 6)
NETS = {
    "gray": ("conv 4 3, relu, full", (1, 9, 9), pw.make_xo(2, 9, seed=0).preprocessor),
    "two channels/{x}": ("full", (2, 3, 4), None),
    "texts": ("embed 3, pool all kind=average, full", WORDS.shape, WORDS),
    "one-hot": ("full", WORDS.shape, WORDS),
    "tokens": ("embed 3, full", (1, 5, 6), None),
}

CALIBRATED = {"gray", "one-hot"}


def save_net(folder: Path, name: str) -> str:
    layers, shape, preprocessor = NETS[name]
    file = folder / f"{list(NETS).index(name)}.safetensors"
    net = pw.Network(layers, shape, ["a", "b"], 0, preprocessor)
    if name in CALIBRATED:
        net.calibration = Calibration(n=2, confidences=(0.9, 0.6))
    net.save(file)
    return str(file)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("nets")
    files = tuple((name.replace("/", "-"), save_net(folder, name)) for name in NETS)
    with TestClient(PredictionServer(ServerSettings(files, None, log=False)).app,
                    base_url="http://127.0.0.1:8000") as made:  # fmt: skip
        yield made


def body_schema(document: Any, path: str, kind: str = "application/json") -> Any:
    return document["paths"][path]["post"]["requestBody"]["content"][kind]["schema"]


def path_of(name: str) -> str:
    quoted = {"two channels/{x}": "two%20channels-%7Bx%7D"}
    return f"/v1/nets/{quoted.get(name, name)}/predict"


def bodies() -> Iterator[Any]:
    """JSON that some of the nets accept, and JSON that none accepts."""
    image = np.arange(-40.0, 41).reshape(1, 1, 9, 9).tolist()
    other = np.ones((3, 2, 3, 4)).tolist()
    one_hot = np.eye(5, 6)[None, None].tolist()
    assert WORDS.shape == (1, 5, 6)
    kinds: list[Any] = [
        image, image[0], image * 2, other, one_hot, one_hot[0], ["good film", ""], ["\ud800"],
        [[0, 1, 2, 3, 4, 4]], [[0.0, 1.0, 2.0, 3.0, 4.0, 4.0]], [[0, 1, 2, 3, 4, 5]],
        [[-1, 1, 2, 3, 4, 4]], [[0.5, 1, 2, 3, 4, 4]], [[0, 1, 2, 3, 4]], [[2**70, 0, 0, 0, 0, 0]],
        [], [[]], [[[[]]]], "good", None, {}, 1, ["good", 1], [["good"] * 6], image[0][0],
        [[True, 0, 0, 0, 0, 0]], [[None, 0, 0, 0, 0, 0]], [["0", 0, 0, 0, 0, 0]], [image[0], []],
    ]  # fmt: skip
    yield from ({"inputs": inputs} for inputs in kinds)
    halfway = float(np.finfo(np.float32).max) + 2.0**103  # is rounded to infinity in float32
    values: tuple[Any, ...] = (
        0,
        7,
        2**63,
        2**64,
        -(10**30),
        1e30,
        math.nextafter(halfway, 0),
        halfway,
        -halfway,
    )
    others: tuple[Any, ...] = (-1e39, 10**400, True, None, "1", [], {})
    for value in [*values, *others]:
        changed = deepcopy(image)
        changed[0][0][3][3] = value
        yield {"inputs": changed}
    for coverage in (0, 1, 0.5, -0.1, 2, True, "1", None):
        yield {"inputs": image, "coverage": coverage}
        yield {"inputs": ["good"], "coverage": coverage}
    yield from ({"inputs": image, "other": 1}, {"coverage": 1}, {}, [], image, 1)


def test_schema_of_each_net_allows_what_the_server_accepts(client: TestClient) -> None:
    document, accepted = client.get("/openapi.json").json(), dict.fromkeys(NETS, 0)
    for name in NETS:
        schema = body_schema(document, path_of(name))
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for body in bodies():
            content = json.dumps(body).encode()
            response = client.post(path_of(name), content=content, headers=IN_JSON)
            is_allowed = validator.is_valid(body)
            assert response.status_code == (200 if is_allowed else 422), (name, body)
            accepted[name] += is_allowed
    wanted = {"gray": 13, "two channels/{x}": 1, "texts": 6, "one-hot": 9, "tokens": 2}
    assert accepted == wanted


def test_schema_without_a_path_allows_the_inputs_of_every_net(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    whole = jsonschema.Draft202012Validator(body_schema(document, "/v1/predict"))
    for body in bodies():
        of_nets = [body_schema(document, path_of(name)) for name in NETS]
        some = any(jsonschema.Draft202012Validator(one).is_valid(body) for one in of_nets)
        assert whole.is_valid(body) == some


def test_coverage_of_each_net_is_what_the_server_accepts(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    inputs = {"inputs": np.ones((1, 2, 3, 4)).tolist()}, {"inputs": ["good"]}
    for name, body in (
        ("two channels/{x}", inputs[0]),
        ("texts", inputs[1]),
        ("one-hot", inputs[1]),
    ):
        parameters = document["paths"][path_of(name)]["post"]["parameters"]
        schema = {one["name"]: one["schema"] for one in parameters}["coverage"]
        for value in (0, 0.5, 1, -1, 1.5):
            is_allowed = jsonschema.Draft202012Validator(schema).is_valid(value)
            response = client.post(f"{path_of(name)}?coverage={value}", json=body)
            assert response.status_code == (200 if is_allowed else 422), (name, value)
        assert ("enum" in schema) == (name not in CALIBRATED)
        both = client.post(f"{path_of(name)}?coverage=1", json={**body, "coverage": 0.5})
        assert both.status_code == (200 if name in CALIBRATED else 422)


def test_only_nets_that_read_texts_have_texts_in_a_form(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for name in NETS:
        form = body_schema(document, path_of(name), "multipart/form-data")["properties"]
        status = client.post(path_of(name), files=[("text", (None, b"good"))]).status_code
        assert ("text" in form) == (status == 200) == (name in {"texts", "one-hot"})


def test_only_a_file_that_is_the_whole_request_must_have_bytes(client: TestClient) -> None:
    document, path = client.get("/openapi.json").json(), path_of("texts")
    schemas = [body_schema(document, path, kind)
               for kind in ("application/octet-stream", "application/x-npy")]  # fmt: skip
    for schema in schemas:
        validator = jsonschema.Draft202012Validator(schema)
        assert [validator.is_valid(text) for text in ("", "x")] == [False, True]
    for content, status in ((b"", 422), (b"x", 200)):
        assert client.post(path, content=content).status_code == status
    form = body_schema(document, path, "multipart/form-data")["properties"]["file"]["items"]
    assert jsonschema.Draft202012Validator(form).is_valid("")
    parts = [("file", ("a.txt", content)) for content in (b"", b"x")]
    response = client.post(path, files=parts)
    assert response.status_code == 200
    assert ["error" in one for one in response.json()["predictions"]] == [True, False]


def test_document_lists_every_route(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    app: Any = client.app
    of_net = "/v1/nets/{name}/predict"
    known = {(route.path, method.lower()) for route in app.routes
             for method in route.methods - {"HEAD"}}  # fmt: skip
    assert (of_net, "post") in known
    known = known - {(of_net, "post")} | {(path_of(name), "post") for name in NETS}
    assert {(path, method) for path, methods in document["paths"].items()
            for method in methods} == known  # fmt: skip
    assert document["openapi"] == "3.1.0"
    references = json.dumps(document).split('"$ref": "#/')[1:]
    for reference in {part.split('"')[0] for part in references}:
        found: Any = document
        for key in reference.split("/"):
            found = found[key]


def test_document_describes_a_reloaded_net(tmp_path: Path) -> None:
    file = save_net(tmp_path, "gray")
    server = PredictionServer(ServerSettings((("net", file),), None, log=False))
    with TestClient(server.app, base_url="http://127.0.0.1:8000") as client:
        before = body_schema(client.get("/openapi.json").json(), path_of("net"))
        pw.Network("full", (1, 3, 3), ["a", "b", "c"]).save(file)
        assert server.nets.reload_changed() == [("net", "")]
        after = body_schema(client.get("/openapi.json").json(), path_of("net"))
    array = {"inputs": np.ones((1, 1, 3, 3)).tolist()}
    assert not jsonschema.Draft202012Validator(before).is_valid(array)
    assert jsonschema.Draft202012Validator(after).is_valid(array)
