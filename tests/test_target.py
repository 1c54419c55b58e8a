"""The target processor: which vector forms it has, on x86 and on ARM."""

from __future__ import annotations

import platform

import pytest

from piecewise.core.errors import LimitError
from piecewise.engine.ir.target import CHOICE, choose_target

X86 = dict.fromkeys(("avx", "avx2", "fma"), True)


def test_arm_has_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.delenv(CHOICE, raising=False)
    target = choose_target("neoverse-n1", {"neon": True})
    assert (target.name, target.lanes, target.pause) == ("four", 4, "yield")


@pytest.mark.parametrize(("machine", "own"), [("aarch64", "four"), ("x86_64", "avx2, four, plain")])
@pytest.mark.parametrize("form", ["avx512", "neon", ""])
def test_form_that_the_processor_lacks_raises(
    machine: str, own: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setenv(CHOICE, form)
    if not form:  # as if it was not set
        assert choose_target("any", X86).name == own.split(",", maxsplit=1)[0]
        return
    with pytest.raises(LimitError) as caught:
        choose_target("any", X86)
    assert str(caught.value) == f"{CHOICE}: got '{form}', wanted what this processor has: {own}"
