"""The HTTP application of the prediction server: its routes and their answers."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import repeat
from multiprocessing import parent_process

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..core.errors import DataError
from ..data.decoding.pool import RawFile
from ..network import Network
from ..predictions import Prediction, logits_of_inputs, predictions_of
from .admission import SMALL_BODY, Admission
from .batching import Batcher
from .decoders import Decoders
from .input_reading import (
    NPY,
    RequestValues,
    check_count,
    checked_coverage,
    values_of_json,
    values_of_npy,
    values_of_texts,
)
from .metrics import Metrics
from .multipart import FORM, Form, read_form
from .openapi import openapi_document
from .request_guard import RequestGuard
from .request_log import RequestLog
from .responses import HANDLERS, predictions_response, status_of
from .served_nets import LoadedNet, ServedNets
from .settings import ServerSettings

RELOAD_SECONDS = 1.0
"""Seconds between two looks at the files of the nets."""
_READERS = {"application/json": values_of_json, "application/x-npy": values_of_npy}


def create_app(settings: ServerSettings) -> Starlette:
    """The application of one process; ModelFileError if a net cannot be read."""
    return PredictionServer(settings).app


class PredictionServer:
    """The nets, the threads and the routes of one process.

    Parameters
    ----------
    settings : ServerSettings

    Raises
    ------
    ModelFileError
        If a net cannot be read.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.metrics = Metrics()
        self._server = parent_process() if settings.workers > 1 else None
        self.nets = ServedNets(settings.nets, 1 if settings.workers > 1 else None)
        self.admission = Admission(settings, self.metrics)
        self.log = RequestLog(enabled=settings.log)
        self._batcher = Batcher(self.metrics)
        self.decoders = Decoders()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="piecewise read")
        self._settings = settings
        self.app = Starlette(
            routes=[
                Route("/v1/predict", self._predict, methods=["POST"]),
                Route("/v1/nets/{name}/predict", self._predict, methods=["POST"]),
                Route("/v1/nets", self._list),
                Route("/v1/nets/{name}", self._describe),
                Route("/healthz", self._health),
                Route("/readyz", self._health),
                Route("/metrics", self._metrics_text),
                Route("/openapi.json", self._openapi),
            ],
            lifespan=self._lifespan,
            exception_handlers=HANDLERS,
        )
        self.app.router.redirect_slashes = False
        self.app.state.admission = self.admission  # connections ask it, too
        self.app.add_middleware(RequestGuard, admission=self.admission)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        watcher = asyncio.create_task(self._watch())
        self.decoders.start()
        yield
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
        self._batcher.close()
        self._readers.shutdown()
        self.decoders.close()

    async def _watch(self) -> None:
        """Load nets again whose files have changed; requests are answered meanwhile."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            if self._server is not None and os.getppid() != self._server.pid:
                signal.raise_signal(signal.SIGTERM)  # a worker without its server is of no use
                return
            self.log.refused(self.admission.take_refused())
            changes = await loop.run_in_executor(self._readers, self.nets.reload_changed)
            for name, why in changes:
                self.metrics.reloads.labels(name, "failed" if why else "loaded").inc()
                self.log.reloaded(name, why)

    # Routes.

    async def _predict(self, request: Request) -> Response:
        began, count = time.perf_counter(), 0
        loaded = self.nets.get(request.path_params.get("name") or request.query_params.get("net"))
        try:
            self.admission.check_free()
            body = await _read(request)  # one that comes slowly takes the place of no other
            with self.admission.admitted():
                values = await self._values(loaded, request, body)
                count = len(values.inputs)
                response = await self._answer(loaded, values)
        except Exception as error:
            self._record(loaded.name, status_of(error), count, began)
            raise
        self._record(loaded.name, response.status_code, count, began)
        return response

    def _record(self, net: str, status: int, count: int, began: float) -> None:
        """Measure and log a request that was answered."""
        seconds = time.perf_counter() - began
        self.metrics.requests.labels(net, status).inc()
        self.metrics.inputs.labels(net).inc(count)
        self.metrics.seconds.labels(net).observe(seconds)
        self.log.answered(net, status, count, seconds)

    async def _values(
        self, loaded: LoadedNet, request: Request, body: Form | bytes
    ) -> RequestValues:
        """The inputs of a request, by its content type."""
        if isinstance(body, bytes):
            values = await self._values_of_body(loaded.net, _kind(request), body)
        elif body.texts:
            values = await self._on_thread(partial(values_of_texts, loaded.net, body.texts))
        else:
            values = await self._values_of_files(loaded.net, body.files)
        if "coverage" in request.query_params:
            coverage = checked_coverage(request.query_params["coverage"])
            values = values._replace(coverage=coverage)
        return values

    async def _values_of_body(self, net: Network, kind: str, body: bytes) -> RequestValues:
        if not body:
            raise DataError("the request is empty; wanted JSON, an array (.npy) or a file")
        read = _READERS.get("application/x-npy" if body.startswith(NPY) else kind)
        if read is None:
            return await self._values_of_files(net, [RawFile("0", body)])
        if len(body) <= SMALL_BODY:
            return read(net, body)
        return await self._on_thread(partial(read, net, body))

    async def _values_of_files(self, net: Network, files: list[RawFile]) -> RequestValues:
        """Files of images, sounds or texts. One that cannot be read stops none of the others."""
        check_count(len(files))
        return RequestValues([file.name for file in files], await self.decoders.decode(net, files))

    async def _on_thread(self, read: Callable[[], RequestValues]) -> RequestValues:
        return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    async def _answer(self, loaded: LoadedNet, values: RequestValues) -> Response:
        threshold = loaded.net.calibration.threshold_for(values.coverage)
        readable, predictions = values.readable, list[Prediction]()
        if readable:
            together = [one.examples for one in readable]
            examples = np.concatenate(together) if len(together) > 1 else together[0]
            logits, probabilities = await self._batcher.scores(loaded, examples)
            if len(examples) > len(readable):
                logits = logits_of_inputs(readable, logits)
                probabilities = loaded.net.probabilities_of(logits)
            names = repeat("", len(readable))
            predictions = predictions_of(names, readable, logits, probabilities, threshold)
        return predictions_response(loaded, values, predictions)

    async def _list(self, request: Request) -> Response:
        return JSONResponse({"nets": [one.description for one in self.nets.all()]})

    async def _describe(self, request: Request) -> Response:
        return JSONResponse(self.nets.get(request.path_params["name"]).description)

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _metrics_text(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(openapi_document(self._settings, self.nets.all()))


def _kind(request: Request) -> str:
    """The content type of a request."""
    return request.headers.get("content-type", "").partition(";")[0].lower()


async def _read(request: Request) -> Form | bytes:
    """The body of a request."""
    return await (read_form(request) if _kind(request) == FORM else request.body())
