"""Fields of requests to the app: what is allowed, and how a refusal is said."""

from __future__ import annotations

from typing import Any

import pytest

from piecewise.app.actions.table import TABLE
from piecewise.app.fields import (
    FLAG,
    OBJECT,
    PART,
    TEXT,
    TEXTS,
    WHOLE,
    RequestField,
    checked_values,
)
from piecewise.serving.refused import RefusedError

FIELDS = [
    RequestField("name", TEXT, required=True), RequestField("part", PART, "train"),
    RequestField("count", WHOLE, 0), RequestField("ids", TEXTS), RequestField("detail", FLAG),
    RequestField("recipe", OBJECT, nullable=True),
]  # fmt: skip


def test_values_have_their_defaults_and_null_leaves_a_field_out() -> None:
    assert checked_values(FIELDS, {"name": "x"}) == {"name": "x", "part": "train", "count": 0}
    given = {"name": "x", "part": None, "count": "12", "ids": ["a"], "detail": False,
             "recipe": None}  # fmt: skip
    wanted = {**given, "part": "train", "count": 12}
    assert checked_values(FIELDS, given) == wanted


@pytest.mark.parametrize(("given", "where", "words"), [
    ({}, "name", "missing; wanted a text"),
    ({"name": None}, "name", "missing"),
    ({"name": 5}, "name", "got 5, wanted a text"),
    ({"name": "\ud800"}, "name", "wanted a text"),
    ({"name": "x", "part": "validation"}, "part", "wanted train or test"),
    ({"name": "x", "count": -1}, "count", "wanted a whole number of at least 0"),
    ({"name": "x", "count": True}, "count", "got True"),
    ({"name": "x", "count": 10**400}, "count", "more than 38 digits"),
    ({"name": "x", "ids": ["a", 1]}, "ids", "wanted a list of at most 100,000 texts"),
    ({"name": "x", "detail": "yes"}, "detail", "wanted true or false"),
    ({"name": "x", "recipe": []}, "recipe", "wanted names and values"),
    ({"name": "x", "prat": "test"}, "", "did you mean 'part'"),
])  # fmt: skip
def test_wrong_fields_are_named(given: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as caught:
        checked_values(FIELDS, given)
    assert (caught.value.status, caught.value.where) == (400, where)


def test_table_has_each_route_once_with_a_sentence() -> None:
    routes = [route for _, group in TABLE for route in group]
    assert len({(one.method, one.path) for one in routes}) == len(routes)
    for group, own in TABLE:
        for route in own:
            assert getattr(group, route.action.__name__) is route.action
            assert route.summary.endswith("."), route.path
