"""The vocabulary of a project of texts when samples or nets are added."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import numpy as np

import piecewise as pw
from piecewise.app.actions.maps import MapActions
from piecewise.app.attempts import Attempts
from piecewise.app.news import News
from piecewise.app.opening import add_net
from piecewise.app.project import Project
from piecewise.app.session import Session
from piecewise.app.teaching import Teacher

from .steps import HANG


def test_vocabulary_of_texts_follows_the_samples(tmp_path: Path) -> None:
    project, news = Project(tmp_path), queue.Queue[dict[str, Any]]()
    for name, words in ("greeting", "hello my friend"), ("farewell", "goodbye my friend"):
        project.add_texts(project.add_class(name), "train", [f"{words} {at}" for at in "abcde"])
    project.add_texts("greeting", "test", ["hello bye"])
    project.set_settings(layers="embed 4, full", recipe={"epochs": 2})
    teacher = Teacher(project, news.put)
    try:
        teacher.changed()
        _whole_score(news)
        first = teacher.net
        assert first is not None
        assert project.preprocessor == first.preprocessor
        project.add_texts("farewell", "train", [f"bye my friend {at}" for at in "abcd"])
        teacher.changed()
        _whole_score(news)
        second = teacher.net
        assert second is not None
        assert project.preprocessor == second.preprocessor
        assert [_knows(net, "bye") for net in (first, second)] == [False, True]
        teacher.use(1)
        assert project.preprocessor == first.preprocessor
        held_out = teacher.test()
        inputs = first.preprocess("hello bye")
        assert np.array_equal(held_out.probabilities, first.probabilities_of(first.logits(inputs)))
        teacher.use(2)
        assert project.preprocessor == second.preprocessor
    finally:
        teacher.close()
        project.close()


def test_vocabulary_of_an_imported_net_is_kept(tmp_path: Path) -> None:
    project, news = Project(tmp_path), queue.Queue[dict[str, Any]]()
    known = pw.TextPreprocessor("words", ("hello", "goodbye"), 8)
    net = pw.Network("embed 4, full", known.shape, ("greeting", "farewell"), preprocessor=known)
    add_net(project, Attempts(tmp_path), net)
    for name in ("greeting", "farewell"):
        project.add_texts(name, "train", [f"{name} my friend {at}" for at in "abcde"])
    project.set_settings(recipe={"epochs": 2})
    teacher = Teacher(project, news.put)
    try:
        teacher.changed()
        _whole_score(news)
        assert teacher.net is not None
        assert teacher.net.preprocessor == known == project.preprocessor
    finally:
        teacher.close()
        project.close()


def test_patches_of_texts_name_unknown_words(tmp_path: Path) -> None:
    project, news = Project(tmp_path), queue.Queue[dict[str, Any]]()
    known = pw.TextPreprocessor("words", ("hello", "goodbye"), 8)
    net = pw.Network("embed 4, full", known.shape, ("greeting", "farewell"), preprocessor=known)
    add_net(project, Attempts(tmp_path), net)
    for name, word in (("greeting", "hello"), ("farewell", "goodbye")):
        project.add_texts(name, "train", [f"{word} my friend {at}" for at in "abcde"])
    project.set_settings(layers="embed 4, conv 3 1x4, relu, full", recipe={"epochs": 2})
    teacher = Teacher(project, news.put)
    session = Session(project, teacher, News())
    try:
        teacher.changed()
        _whole_score(news)
        best = MapActions(session).patches({"layer": "conv1", "map": 0})["best"]
        described = {one["description"] for one in best}
        assert all("my, friend" in one and "[" not in one for one in described)
        assert any(one.startswith(("hello my friend", "goodbye my friend")) for one in described)
    finally:
        session.close()


def _whole_score(news: queue.Queue[dict[str, Any]]) -> None:
    """Wait until the score of a net is measured."""
    while (one := news.get(timeout=HANG))["type"] != "score" or one["done"] < one["of"]:
        assert one["type"] != "failed", one


def _knows(net: pw.Network, word: str) -> bool:
    assert isinstance(net.preprocessor, pw.TextPreprocessor)
    return word in net.preprocessor.vocabulary
