"""The OpenAPI document of the prediction server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ..core.version import __version__
from .input_reading import MAX_INPUTS
from .request_schemas import body_schemas, coverage_schema
from .served_nets import LoadedNet
from .settings import ServerSettings

_JSON = "application/json"
_STRING, _NUMBER = {"type": "string"}, {"type": "number"}


def openapi_document(settings: ServerSettings, nets: Sequence[LoadedNet]) -> dict[str, Any]:
    """The description of all routes (OpenAPI 3.1). Each net has a path, with what it accepts."""
    names = [net.name for net in nets]
    protected: dict[str, Any] = {} if settings.token is None else {"security": [{"token": []}]}
    # fmt: off
    net = {"name": "name", "in": "path", "required": True, "schema": {**_STRING, "enum": names}}
    chosen = {"name": "net", "in": "query", "required": len(names) > 1,
              "schema": {**_STRING, "enum": names},
              "description": "The net that predicts. Leave it out if there is one only."}
    any_net = _predict("Predict the class of each input.", settings, nets, [chosen])
    of_one = {f"/v1/nets/{quote(one.name, safe='')}/predict":
              {"post": {"operationId": f"predictWith{number}",
                        **_predict(f"Predict with the net {one.name}.", settings, [one], [])}}
              for number, one in enumerate(nets, 1)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "piecewise prediction server", "version": __version__},
        **protected,
        "paths": {
            "/v1/predict": {"post": {"operationId": "predict", **any_net}},
            **of_one,
            "/v1/nets": {"get": _get("nets", "The nets.", {"nets": _array({"$ref": _ref("Net")})})},
            "/v1/nets/{name}": {"get": {**_get("net", "One net.", "Net"), "parameters": [net]}},
            "/healthz": {"get": _open("healthz", "Whether the process answers.")},
            "/readyz": {"get": _open("readyz", "Whether the nets are loaded.")},
            "/metrics": {"get": _text("metrics", "Numbers for Prometheus.")},
            "/openapi.json": {"get": _get("openapi", "This document.", {})},
        },
        "components": {"schemas": _SCHEMAS,
                       "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }
    # fmt: on


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _content(schema: str | dict[str, Any]) -> dict[str, Any]:
    plain = {"$ref": _ref(schema)} if isinstance(schema, str) else (
        {"type": "object", "properties": schema, "required": sorted(schema)})  # fmt: skip
    return {_JSON: {"schema": plain}}


def _errors(*codes: int) -> dict[str, Any]:
    return {str(code): {"description": _STATUS[code], "content": _content("Error")}
            for code in codes}  # fmt: skip


_STATUS = {
    400: "The request is not valid HTTP.",
    401: "The token is missing or wrong.",
    403: "The request comes from a web page.",
    404: "There is no such net or address.",
    405: "This method is not used here.",
    413: "The request is too large.",
    421: "The request is for another host name.",
    429: "There are more requests per second than allowed.",
    503: "The server is busy.",
}
_ALWAYS = _errors(400, 401, 403, 405, 413, 421)


def _get(name: str, summary: str, schema: str | dict[str, Any]) -> dict[str, Any]:
    found = {"200": {"description": summary, "content": _content(schema)}}
    missing = _errors(404) if schema == "Net" else {}
    return {"operationId": name, "summary": summary, "responses": {**found, **missing, **_ALWAYS}}


def _open(name: str, summary: str) -> dict[str, Any]:
    """A route that needs no token."""
    return {**_get(name, summary, {"status": {"const": "ok"}}), "security": []}


def _text(name: str, summary: str) -> dict[str, Any]:
    content = {"text/plain": {"schema": _STRING}}
    found = {"200": {"description": summary, "content": content}}
    return {"operationId": name, "summary": summary, "responses": {**found, **_ALWAYS}}


def _predict(
    summary: str,
    settings: ServerSettings,
    nets: Sequence[LoadedNet],
    parameters: list[dict[str, Any]],
) -> dict[str, Any]:
    """A route that predicts with at least one of these nets."""
    networks = [one.net for one in nets]
    # fmt: off
    coverage = {"name": "coverage", "in": "query", "schema": coverage_schema(networks),
                "description": "Below 1, a prediction is null if its probability is lower than it "
                               "was for this fraction of the held-out examples."}
    # fmt: on
    answers = {
        "200": {"description": "A prediction for each input.", "content": _content("Predictions")},
        "422": {
            "description": "No input can be used: files cannot be read, the inputs are not "
            "those of the net, or their logits are not finite.",
            "content": {
                _JSON: {
                    "schema": {"anyOf": [{"$ref": _ref("Error")}, {"$ref": _ref("Predictions")}]}
                }
            },
        },
        **_errors(404, 429, 503),
        **_ALWAYS,
    }
    return {
        "summary": summary,
        "description": f"A request has at most {MAX_INPUTS:,} inputs and "
        f"{settings.max_body_mb} MB.",
        "parameters": [*parameters, coverage],
        "requestBody": {"required": True, "content": body_schemas(networks)},
        "responses": answers,
    }


_ERROR = {"type": "object", "required": ["kind", "message"],
          "properties": {"kind": _STRING, "message": _STRING}}  # fmt: skip
_SCHEMAS: dict[str, Any] = {
    "Predictions": {
        "type": "object", "required": ["net", "parameters_sha256", "classes", "predictions"],
        "properties": {
            "net": _STRING, "parameters_sha256": _STRING, "classes": _array(_STRING),
            "predictions": _array({"anyOf": [{"$ref": _ref("Prediction")},
                                             {"$ref": _ref("InputError")}]}),
        },
    },
    "Prediction": {
        "type": "object",
        "required": ["input", "predicted", "probabilities", "logits", "warning"],
        "properties": {
            "input": {**_STRING, "description": "The name of the file, or the input's number."},
            "predicted": {"type": ["string", "null"], "description": "Null means don't know."},
            "probabilities": _array(_NUMBER), "logits": _array(_NUMBER),
            "warning": {"type": ["string", "null"]},
        },
    },
    "InputError": {"type": "object", "required": ["input", "error"],
                   "properties": {"input": _STRING, "error": _ERROR}},
    "Net": {
        "type": "object",
        "required": ["name", "modality", "input", "classes", "layers", "parameters_sha256",
                     "calibrated"],
        "properties": {
            "name": _STRING, "modality": {"enum": ["pictures", "sounds", "texts"]},
            "input": _array({"type": "integer"}), "classes": _array(_STRING), "layers": _STRING,
            "parameters_sha256": _STRING, "calibrated": {"type": "boolean"},
        },
    },
    "Error": {"type": "object", "required": ["error"], "properties": {"error": _ERROR}},
}  # fmt: skip
