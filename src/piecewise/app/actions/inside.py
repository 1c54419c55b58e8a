"""What the place "Look inside" asks for: the arithmetic of a number, and what a map looks for."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from math import fsum
from pathlib import Path

from ...core.errors import DataError, shown
from ...insight.spreadsheet import export_spreadsheet
from ...trace.arithmetic import Why
from ..fields import ANY, WHOLE, RequestField, Values
from ..routes import AppRoute
from ..session import Session
from ..take import Taken

_NUMBER = (RequestField("walk", WHOLE, required=True), RequestField("position", ANY, required=True))


class InsideActions:
    """The actions on the numbers of an answer that is open."""

    def __init__(self, session: Session) -> None:
        self._answers = session.answers

    def why(self, values: Values) -> Values:
        """How a number of an open answer was computed: the terms, each with the sum so far, and
        the sums of the products of each map."""
        layer, *at = position = _position(values)
        why = self._answers.explanation(values["walk"]).walk.why(*position)
        plain: Values = why.to_json()
        for term, so_far in zip(plain["terms"], why.running, strict=True):
            term["running"] = so_far
        return {
            **plain,
            "recomputed": why.recomputed,
            "map_sums": _map_sums(why),
            "python": f'walk.why("{layer}", {at[0]}, {at[1]}, {at[2]})',
        }

    def spreadsheet(self, values: Values) -> Taken:
        """The arithmetic of a number of an open answer as a spreadsheet."""
        layer, *at = position = _position(values)
        walk = self._answers.explanation(values["walk"]).walk
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "why.xlsx"
            export_spreadsheet(walk, file, *position)
            return Taken(f"{layer}-{'-'.join(map(str, at))}.xlsx", file.read_bytes())


def _position(values: Values) -> tuple[str, int, int, int]:
    """The position that a request names; DataError."""
    position = values.get("position")
    if isinstance(position, list) and len(position) == 4:
        layer, *at = position
        if isinstance(layer, str) and all(type(one) is int for one in at):
            return layer, at[0], at[1], at[2]
    raise DataError(f"position: got {shown(position)}, wanted layer, map, row, column")


def _map_sums(why: Why) -> dict[int, float]:
    """The sums of the products with each map of the layer before."""
    products: dict[int, list[float]] = defaultdict(list)
    for term in why.terms:
        if term.position is not None:
            products[term.position.feature].append(term.product)
    return {feature: fsum(own) for feature, own in products.items()}


ROUTES = (
    AppRoute("POST", "/api/why", InsideActions.why, _NUMBER),
    AppRoute("POST", "/api/why.xlsx", InsideActions.spreadsheet, _NUMBER),
)
"""The routes of these actions."""
