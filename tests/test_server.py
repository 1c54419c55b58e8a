"""The prediction server without a port: every kind of request has the bits of `Network.logits`."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the server is an extra")

from PIL import Image
from starlette.testclient import TestClient

import piecewise as pw
from piecewise.compiled import CompiledNetwork
from piecewise.core.errors import LimitError
from piecewise.serving.admission import MAX_BYTES, MAX_SMALL_BYTES, SMALL_BODY
from piecewise.serving.input_reading import MAX_INPUTS
from piecewise.serving.refused import RefusedError
from piecewise.serving.request_guard import RequestGuard
from piecewise.serving.request_log import RequestLog
from piecewise.serving.retry_pace import LONGEST, RetryPace
from piecewise.serving.served_nets import ServedNets, named_files
from piecewise.serving.server import PredictionServer
from piecewise.serving.settings import ServerSettings
from piecewise.serving.timeouts import PATIENCE

TOKEN = "a-token-of-the-tests"
HEADERS = {"authorization": f"Bearer {TOKEN}", "host": "127.0.0.1:8000"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("server")
    xo = pw.make_xo(2, 12, seed=0)
    pw.Network("conv 4 3, relu, pool 2, full", (1, 12, 12), ["X", "O"], 1, xo.preprocessor).save(
        path / "xo.safetensors"
    )
    words = pw.TextPreprocessor("words", ("good", "bad", "film"), 6)
    pw.Network("embed 3, pool all kind=average, full", words.shape, ["yes", "no"], 2, words).save(
        path / "texts.safetensors"
    )
    return path


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    files = tuple((name, str(folder / f"{name}.safetensors")) for name in ("xo", "texts"))
    app = PredictionServer(ServerSettings(files, TOKEN, log=False)).app
    with TestClient(app, base_url="http://127.0.0.1:8000", headers=HEADERS,
                    raise_server_exceptions=False) as made:  # fmt: skip
        yield made


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def png(seed: int, mode: str = "L") -> bytes:
    sides = (30, 20, 3) if mode == "RGB" else (30, 20)
    pixels = np.random.default_rng(seed).integers(0, 256, sides).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, "PNG")
    return file.getvalue()


def logits(response: Any) -> bytes:
    assert response.status_code == 200, response.text
    rows = [row["logits"] for row in response.json()["predictions"]]
    return np.array(rows, np.float32).tobytes()


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 21])
def test_arrays_have_bits_of_network(
    client: TestClient, folder: Path, kind: type, count: int
) -> None:
    net = pw.load(folder / "xo.safetensors")
    array: Any = np.random.default_rng(0).integers(0, 256, (count, 1, 12, 12)).astype(kind)
    wanted = net.logits(array).tobytes()
    assert logits(client.post("/v1/nets/xo/predict", content=npy(array))) == wanted
    fortran = npy(np.asfortranarray(array))
    assert logits(client.post("/v1/predict?net=xo", content=fortran)) == wanted
    if kind is not np.uint8:
        plain = {"inputs": array.tolist()}
        assert logits(client.post("/v1/nets/xo/predict", json=plain)) == wanted


def test_files_have_bits_of_network(client: TestClient, folder: Path, tmp_path: Path) -> None:
    net = pw.load(folder / "xo.safetensors")
    contents = [png(0), png(1, "RGB"), png(2)]
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    wanted = net.logits([str(path) for path in paths])
    one = client.post("/v1/nets/xo/predict", content=contents[1])
    assert logits(one) == wanted[1].tobytes()
    form = [("any", (f"{path.name}", path.read_bytes())) for path in paths]
    form.insert(1, ("any", ("../broken.png", b"no picture")))
    response = client.post("/v1/nets/xo/predict", files=form)
    assert response.status_code == 200
    rows = response.json()["predictions"]
    assert [row["input"] for row in rows] == ["0.png", "../broken.png", "1.png", "2.png"]
    assert "cannot be read" in rows.pop(1)["error"]["message"]
    assert np.array([row["logits"] for row in rows], np.float32).tobytes() == wanted.tobytes()
    assert [row["predicted"] for row in rows] == net.predict([str(path) for path in paths])
    assert rows[0]["probabilities"] == net.probabilities(str(paths[0]))[0].tolist()


def test_texts_have_bits_of_network(client: TestClient, folder: Path) -> None:
    net = pw.load(folder / "texts.safetensors")
    texts = ["good film", "bad film bad", "good"]
    wanted = net.logits(texts).tobytes()
    address = "/v1/nets/texts/predict"
    assert logits(client.post(address, json={"inputs": texts})) == wanted
    parts = [("text", (None, text.encode())) for text in texts]
    assert logits(client.post(address, files=parts)) == wanted
    tokens = np.array([net.preprocessor.transform(text) for text in texts])
    assert logits(client.post(address, content=npy(tokens))) == wanted
    assert logits(client.post(address, json={"inputs": tokens.tolist()})) == wanted
    blank = client.post(address, json={"inputs": ["  ", "good"]}).json()["predictions"]
    assert blank[0]["predicted"] is None
    assert blank[0]["warning"]
    assert blank[1]["predicted"]


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "", "empty"),
        (b"nothing", "image/png", "cannot be read"),
        (b"{", "application/json", "not JSON"),
        (b"[" * 100_000, "application/json", "not JSON"),
        (b"[]", "application/json", "wanted an object"),
        (b'{"inputs": []}', "application/json", "wanted"),
        (b'{"inputs": [[1], [1, 2]]}', "application/json", "ragged"),
        (b'{"inputs": [[[[NaN]]]]}', "application/json", "wanted (N, 1, 12, 12)"),
        (b'{"inputs": ["/etc/passwd"]}', "application/json", "got texts, wanted pictures"),
        (b'{"inputs": [{}]}', "application/json", "lists of numbers"),
        (b'{"inputs": [[[[true, 1]]]]}', "application/json", "lists of numbers"),
        (b'{"inputs": [[null, 1]]}', "application/json", "lists of numbers"),
        (b'{"inputs": [[[[1' + b"0" * 400 + b"]]]]}", "application/json", "not finite"),
        (b'{"inputs": [1], "code": 1}', "application/json", "inputs and coverage only"),
        (b'{"inputs": [1], "coverage": true}', "application/json", "coverage"),
        (b'{"inputs": [1], "coverage": NaN}', "application/json", "coverage"),
        (npy(np.zeros((2, 1, 12, 11))), "", "wanted (N, 1, 12, 12)"),
        (npy(np.zeros((0, 1, 12, 12))), "", "npy"),
        (npy(np.zeros(3))[:-1], "", "bytes, wanted 24"),
        (npy(np.zeros((MAX_INPUTS + 1, 1, 1, 1), np.uint8)), "", "wanted from 1 to"),
        (npy(np.array(["text"])), "", "wanted float32"),
        (b"\x93NUMPY\x01\x00\xff\xff", "", "npy: "),
        (b"\x93NUMPY\x03\x00\x00\x00", "", "npy: "),
        (b"\x93NUMPY\x01\x00\x10\x00{'a': __import__}", "", "npy: "),
        (npy(np.full((1, 1, 12, 12), 3e38, np.float32)), "", "not finite"),
    ],
)
def test_request_that_cannot_be_used_is_refused(
    client: TestClient, content: bytes, kind: str, said: str
) -> None:
    headers = {"content-type": kind} if kind else {}
    response = client.post("/v1/nets/xo/predict", content=content, headers=headers)
    assert response.status_code == 422
    values = response.json()
    error = values["error"] if "error" in values else values["predictions"][0]["error"]
    assert said in error["message"]


def test_npy_with_huge_shape_allocates_nothing(client: TestClient) -> None:
    for shape in (b"(10**9, 9, 9, 9)", b"(999999999999, 1, 9999, 9)"):
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + b", }"
        header += b" " * (118 - len(header) - 1) + b"\n"
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"x"
        assert client.post("/v1/nets/xo/predict", content=content).status_code == 422


def test_answer_that_is_not_finite_fails_alone(client: TestClient, folder: Path) -> None:
    net = pw.load(folder / "xo.safetensors")
    good = np.ones((1, 1, 12, 12), np.float32)
    bad = np.full((1, 1, 12, 12), 3e38, np.float32)
    for _ in range(2):
        assert client.post("/v1/nets/xo/predict", content=npy(bad)).status_code == 422
        assert logits(client.post("/v1/nets/xo/predict", content=npy(good))) == (
            net.logits(good).tobytes()
        )


def test_fault_in_one_batch_does_not_stop_the_next(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = npy(np.ones((1, 1, 12, 12), np.float32))
    with monkeypatch.context() as patch:
        patch.setattr(CompiledNetwork, "logits", lambda *_: 1 / 0)
        assert client.post("/v1/nets/xo/predict", content=content).status_code == 500
    wanted = pw.load(folder / "xo.safetensors").logits(np.ones((1, 1, 12, 12), np.float32))
    assert logits(client.post("/v1/nets/xo/predict", content=content)) == wanted.tobytes()


def test_token_host_and_origin_are_checked(client: TestClient) -> None:
    address = "/v1/nets/xo/predict"
    given: list[tuple[Any, int]] = [
        ({"authorization": "Bearer another"}, 401), ({"authorization": ""}, 401),
        ({"authorization": b"Bearer \xfc"}, 401), ({"host": "evil.example"}, 421),
        ({"origin": "http://evil.example"}, 403), ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-length": str(1 << 40)}, 413), ({"content-length": "9" * 5_000}, 413),
    ]  # fmt: skip
    for headers, status in given:
        response = client.post(address, content=png(0), headers=headers)
        assert response.status_code == status, headers
    for path in ("/v1/nets", "/v1/nets/xo", "/metrics", "/openapi.json"):
        assert client.get(path, headers={"authorization": ""}).status_code == 401
        assert client.get(path).status_code == 200
    for path in ("/healthz", "/readyz"):
        assert client.get(path, headers={"authorization": ""}).status_code == 200


def test_unknown_addresses_and_methods_are_refused(client: TestClient) -> None:
    assert client.post("/v1/nets/other/predict", content=png(0)).status_code == 404
    assert client.post("/v1/predict", content=png(0)).status_code == 404  # which of the two?
    assert client.get("/v1/predict").status_code == 405
    assert client.get("/v1/nets/..%2f..%2fetc").status_code == 404
    assert client.get("/").status_code == 404


def test_limits_answer_before_the_request_is_read(folder: Path) -> None:
    files = (("xo", str(folder / "xo.safetensors")),)
    settings = ServerSettings(files, None, max_requests=1, max_rate=2, max_body_mb=1, log=False)
    server = PredictionServer(settings)
    with TestClient(server.app, base_url="http://localhost:1") as client:
        assert client.post("/v1/predict", content=bytes(2 << 20)).status_code == 413
        chunks = (bytes(1 << 19) for _ in range(3))
        assert client.post("/v1/predict", content=chunks).status_code == 413
        with server.admission.admitted():
            busy = client.post("/v1/predict", content=png(0))
            for _ in range(1_000):
                late = client.post("/v1/predict", content=png(0))
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
        assert "connection" not in busy.headers
        assert int(late.headers["retry-after"]) >= PATIENCE
        assert late.headers["connection"] == "close"
        statuses = [client.post("/v1/predict", content=png(0)).status_code for _ in range(20)]
        assert 429 in statuses
        assert client.get("/healthz").status_code == 200


def test_refused_clients_come_back_at_a_tenth_of_the_rate_of_answers() -> None:
    now = [0.0]
    pace = RetryPace(lambda: now[0])
    assert [pace.seconds() for _ in range(3)] == [1, 1, 1]
    for _ in range(1_000):  # in a second
        now[0] += 0.001
        pace.answered()
    times = [pace.seconds() for _ in range(1_000)]
    assert times == sorted(times)
    assert all(99 <= times.count(second) <= 101 for second in range(2, 10))
    assert max(pace.seconds() for _ in range(10_000)) == LONGEST
    now[0] += 1_000
    assert pace.seconds() == 1


def test_bytes_that_have_come_are_limited_in_total(folder: Path) -> None:
    files = (("xo", str(folder / "xo.safetensors")),)
    server = PredictionServer(ServerSettings(files, None, max_body_mb=1_024, log=False))
    admission = server.admission
    with TestClient(server.app, base_url="http://localhost:1") as client:
        admission.hold(1_024 << 20)  # the largest request fits when nothing else runs
        full = client.post("/v1/predict", content=bytes(SMALL_BODY + 1))
        assert (full.status_code, full.headers["retry-after"]) == (503, "1")
        assert client.post("/v1/predict", content=png(0)).status_code == 200
        admission.release(1_024 << 20)
        for content in (png(0), b"no picture"):
            client.post("/v1/predict", content=content)
        admission.hold(1_024 << 20)  # all requests have released theirs
    for _ in range(MAX_SMALL_BYTES // SMALL_BODY):
        admission.hold(SMALL_BODY)
    admission.take_refused()  # unless the log has taken them
    with pytest.raises(RefusedError):
        admission.hold(1)
    assert [admission.take_refused() for _ in range(2)] == [1, 0]


def test_large_request_in_small_pieces_is_not_a_small_one(folder: Path) -> None:
    files = (("xo", str(folder / "xo.safetensors")),)
    admission = PredictionServer(ServerSettings(files, None, log=False)).admission
    admission.hold(MAX_BYTES)
    pieces = list[int]()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(SMALL_BODY), "more_body": True}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            pieces.append(len((await receive())["body"]))

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "path": "/", "headers": [(b"host", b"localhost")]}
    with pytest.raises(RefusedError):
        asyncio.run(RequestGuard(app, admission)(scope, receive, send))
    assert pieces == [SMALL_BODY]
    for _ in range(MAX_SMALL_BYTES // SMALL_BODY):  # the refused request has released its bytes
        admission.hold(SMALL_BODY)


@pytest.mark.parametrize("charset", ["unicode_escape", "undefined", "idna", "utf-16", "x"])
def test_form_of_other_charset_is_refused(client: TestClient, charset: str) -> None:
    body = (b'--x\r\nContent-Disposition: form-data; name="f"; filename="\\ud800"\r\n\r\n'
            + png(0) + b"\r\n--x--\r\n")  # fmt: skip
    for name, wanted in ((charset, 422), ("UTF-8", 200)):
        kind = {"content-type": f"multipart/form-data; boundary=x; charset={name}"}
        answer = client.post("/v1/predict?net=xo", content=body, headers=kind)
        assert answer.status_code == wanted, answer.text


def test_changed_net_answers_after_reload_and_broken_one_does_not(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes((folder / "xo.safetensors").read_bytes())
    nets = ServedNets((("net", str(path)),))
    old = nets.get("net")
    assert nets.reload_changed() == []
    other = pw.load(path)
    other.parameters.flat[:] = 0.5
    other.save(tmp_path / "other.safetensors")
    (tmp_path / "other.safetensors").replace(path)
    assert nets.reload_changed() == [("net", "")]
    new = nets.get(None)
    assert new.sha256 == other.parameters_sha256 != old.sha256
    path.write_bytes(b"broken")
    ((name, why),) = nets.reload_changed()
    assert name == "net"
    assert why
    assert nets.get("net") is new
    path.unlink()
    nets.reload_changed()
    assert nets.get("net") is new


def test_log_that_is_off_tells_of_failed_reloads_only(capsys: pytest.CaptureFixture[str]) -> None:
    for enabled, wanted in (
        (False, ["reload"]),
        (True, ["predict", "refused", "reload", "reload"]),
    ):
        log = RequestLog(enabled=enabled)
        log.answered("net", 200, 1, 0.1)
        log.refused(3)
        log.refused(0)
        log.reloaded("net", "")
        log.reloaded("net", "it is broken")
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert [line["event"] for line in lines] == wanted
        assert lines[-1]["result"] == "it is broken"


def test_nets_have_names(tmp_path: Path) -> None:
    assert named_files(["a/b.safetensors", "x=c.safetensors"]) == (
        ("b", "a/b.safetensors"), ("x", "c.safetensors"))  # fmt: skip
    for wrong in (["a/b.safetensors", "c/b.safetensors"], ["=x"], ["a/b=c"]):
        with pytest.raises(LimitError, match="NET"):
            named_files(wrong)


def test_metrics_count_requests_and_batches(client: TestClient) -> None:
    client.post("/v1/nets/xo/predict", content=npy(np.ones((5, 1, 12, 12), np.float32)))
    client.post("/v1/nets/xo/predict", content=b"x")
    text = client.get("/metrics").text
    assert 'piecewise_requests_total{net="xo",status="200"} 1.0' in text
    assert 'piecewise_requests_total{net="xo",status="422"} 1.0' in text
    assert 'piecewise_inputs_total{net="xo"} 6.0' in text
    assert 'piecewise_batch_examples_bucket{le="8.0"} 1.0' in text
    assert "piecewise_requests_running 0.0" in text
