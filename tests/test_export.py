"""Exporting a network: the folder, the passport and the comparison with toolkits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import piecewise as pw
from piecewise import Augmentation, DataError, LimitError, ModelFileError, Network
from piecewise.cli import export as export_command  # noqa: F401 - before names are replaced
from piecewise.cli.main import status
from piecewise.core.array_types import Float32
from piecewise.exchange import registry
from piecewise.exchange.export_model import export_model, files_of
from piecewise.exchange.exporter import Exporter, Files
from piecewise.exchange.passport.controls import KERNELS, WEIGHT
from piecewise.exchange.passport.generated import generated_samples
from piecewise.exchange.passport.page import passport_page
from piecewise.exchange.passport.record import (
    FORMAT,
    LOGITS,
    PROBABILITIES,
    Difference,
    Passport,
    ToolkitRun,
)
from piecewise.exchange.passport.samples import logits_of
from piecewise.exchange.runner import Outputs, Runner, Samples
from piecewise.reference import model as reference
from piecewise.reference.losses import softmax
from piecewise.spec.layers import BY_WORD
from piecewise.storage.model_file import SavedModel

from .exchange_nets import PICTURE_NETS, TEXT_NETS, picture_net, saved, sound_net, text_net

Printed = pytest.CaptureFixture[str]


class ArraysExporter(Exporter):
    """Writes the parameters, so that a runner can compute with them."""

    name: ClassVar[str] = "arrays"
    title: ClassVar[str] = "Arrays"
    support: ClassVar[dict[str, str]] = {**dict.fromkeys(BY_WORD, "yes"), "embed": "no: no tokens"}

    def files(self, model: SavedModel) -> Files:
        names = [
            row.name for row in model.architecture.parameters + model.architecture.running_stats
        ]
        arrays = [np.asarray(model.tensors[name], "<f4").tobytes() for name in names]
        return {"arrays.bin": b"".join(arrays)}

    def usage(self, model: SavedModel) -> str:
        return "numpy.fromfile\n"


class ReferenceRunner(Runner):
    """Computes with the parameters of the file, by the reference."""

    name = "reference"
    exporter = "arrays"
    model: ClassVar[SavedModel]
    error: ClassVar[float] = 0.0
    installed: ClassVar[str | None] = "1.0"

    def version(self) -> str | None:
        return self.installed

    def run(self, folder: Path, samples: Samples) -> Outputs:
        flat = np.fromfile(folder / "arrays.bin", "<f4")
        architecture, arrays, at = self.model.architecture, {}, 0
        for row in architecture.parameters + architecture.running_stats:
            arrays[row.name] = flat[at : at + row.size].reshape(row.shape)
            at += row.size
        logits = reference.logits(architecture, arrays, samples.layer_inputs)
        logits += np.float32(self.error)
        return Outputs(logits, softmax(logits / np.float32(self.model.calibration.temperature)))


@pytest.fixture
def arrays(monkeypatch: pytest.MonkeyPatch) -> type[ReferenceRunner]:
    """The exporter and the runner above as the only ones."""
    runner = type("ReferenceRunner", (ReferenceRunner,), {})
    monkeypatch.setattr(registry, "exporter_names", lambda: ("arrays",))
    monkeypatch.setattr(registry, "exporter", lambda name: ArraysExporter())
    monkeypatch.setattr(registry, "runners", lambda: [runner()])
    return runner


def read_passport(folder: Path) -> dict[str, Any]:
    passport: dict[str, Any] = json.loads((folder / "passport.json").read_text())
    return passport


@pytest.mark.parametrize("name", PICTURE_NETS)
def test_toolkit_that_computes_the_same_agrees_and_notices_both_controls(
    name: str, tmp_path: Path, arrays: type[ReferenceRunner]
) -> None:
    arrays.model = saved(picture_net(name))
    export_model(arrays.model, tmp_path / "out")
    passport = read_passport(tmp_path / "out")
    assert passport["net"]["parameters_sha256"] == picture_net(name).parameters_sha256
    digest = hashlib.sha256((tmp_path / "out/arrays/arrays.bin").read_bytes()).hexdigest()
    assert passport["exports"]["arrays"]["files"]["arrays/arrays.bin"] == digest
    (run,) = passport["exports"]["arrays"]["runs"]
    assert run["agrees"] is True
    assert 0 <= run["largest_difference"]["probabilities"] <= PROBABILITIES
    assert 0 < run["largest_difference"]["logits"] <= LOGITS
    assert set(run["negative_controls"]) == {WEIGHT, KERNELS}
    assert all(control["caught"] for control in run["negative_controls"].values())


def test_toolkit_that_is_off_disagrees(tmp_path: Path, arrays: type[ReferenceRunner]) -> None:
    arrays.model, arrays.error = saved(picture_net("grey")), 0.01
    result = export_model(arrays.model, tmp_path / "out")
    assert [name for name, _ in result.passport.disagreements] == ["arrays"]
    assert "Not all toolkits agree" in (tmp_path / "out/passport.html").read_text()


def test_toolkit_that_ignores_the_file_is_caught_by_the_controls(
    tmp_path: Path, arrays: type[ReferenceRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved(picture_net("grey"))
    right = logits_of(model, generated_samples(model))

    def same(self: Runner, folder: Path, samples: Samples) -> Outputs:
        return Outputs(right, softmax(right / np.float32(1.3)))

    monkeypatch.setattr(arrays, "run", same)
    (run,) = export_model(model, tmp_path / "out").passport.runs["arrays"]
    assert run.difference == Difference(0.0, 0.0)
    assert run.agrees is False


def test_page_and_json_say_by_which_difference_a_control_was_caught() -> None:
    controls = {WEIGHT: Difference(0.02, 3e-7), KERNELS: Difference(0.3, 0.5)}
    run = ToolkitRun("reference", "1.0", Difference(1e-7, 1e-7, "picture <1>"), controls)
    passport = Passport(saved(picture_net("grey")), 40, "noise", runs={"arrays": [run]})
    passport.add_files("arrays", {"arrays/arrays.bin": b""})
    page = passport_page(passport, {"arrays": ArraysExporter()})
    assert "caught by<br>logits 2.0e-02</span></td>" in page
    assert "3.0e-07" not in page
    assert "picture" not in page.split("</h2>")[1].split("<table>")[1]
    passport.runs["arrays"] = [replace(run, difference=Difference(1e-2, 1e-7, "picture <1>"))]
    assert "differs</span><br>most for picture &lt;1&gt;</div>" in passport_page(
        passport, {"arrays": ArraysExporter()}
    )
    assert "caught by<br>probabilities 5.0e-01</span></td>" in page
    made = run.to_json()["negative_controls"]
    assert [made[name]["caught_by"] for name in (WEIGHT, KERNELS)] == [
        ["logits"], ["probabilities", "logits"]
    ]  # fmt: skip


@pytest.mark.parametrize(("run", "verdict"), [
    (ToolkitRun("a", "1", Difference(0.0, 0.0), {WEIGHT: Difference(1.0, 0.0)}), "agrees"),
    (ToolkitRun("a", "1", Difference(None, 2 * PROBABILITIES)), "differs"),
    (ToolkitRun("a", "1", Difference(0.0, 0.0), {WEIGHT: Difference(LOGITS, PROBABILITIES)}),
     "misses the control: one weight changed"),
    (ToolkitRun("a", None, problem="not run here"), "not run here"),
])  # fmt: skip
def test_verdict_of_a_run(run: ToolkitRun, verdict: str) -> None:
    assert run.verdict == verdict


def test_documentation_names_the_keys_of_passport_json(tmp_path: Path) -> None:
    picture_net("grey").export(tmp_path / "out", "card")
    passport = read_passport(tmp_path / "out")
    assert passport["format"] == FORMAT
    rows = (Path(__file__).parents[1] / "docs/exchange.md").read_text("utf-8")
    assert [key for key in passport if f"| `{key}` |" not in rows] == []


def test_toolkit_that_fails_is_named_with_its_error(
    tmp_path: Path, arrays: type[ReferenceRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Runner, folder: Path, samples: Samples) -> Outputs:
        raise RuntimeError("no \x1b[2J kernel")

    monkeypatch.setattr(arrays, "run", fail)
    (run,) = export_model(saved(picture_net("grey")), tmp_path / "out").passport.runs["arrays"]
    assert run.agrees is False
    assert run.problem == "failed: no \\x1b[2J kernel"


def test_toolkit_that_is_not_installed_was_not_run_here(
    tmp_path: Path, arrays: type[ReferenceRunner]
) -> None:
    arrays.installed = None
    result = export_model(saved(picture_net("grey")), tmp_path / "out")
    assert result.passport.runs["arrays"] == [ToolkitRun("reference", None, problem="not run here")]
    assert not result.passport.disagreements
    assert "not run here" in (tmp_path / "out/passport.html").read_text()


@pytest.mark.parametrize("error", [np.nan, np.inf])
def test_answer_that_is_no_number_disagrees(
    error: float, tmp_path: Path, arrays: type[ReferenceRunner]
) -> None:
    arrays.model, arrays.error = saved(picture_net("grey")), error
    with np.errstate(invalid="ignore"):
        assert export_model(arrays.model, tmp_path / "out").passport.disagreements
    (run,) = read_passport(tmp_path / "out")["exports"]["arrays"]["runs"]
    assert run["problem"] == ("failed: its answers, or those of piecewise, are not finite numbers")


def test_answers_of_another_shape_disagree(
    tmp_path: Path, arrays: type[ReferenceRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = np.zeros((40, 1), np.float32)
    monkeypatch.setattr(arrays, "run", lambda *_: Outputs(one, one))
    (run,) = export_model(saved(picture_net("grey")), tmp_path / "out").passport.runs["arrays"]
    assert run.problem == "failed: its answers have the shape (40, 1), wanted (40, 4)"


def test_command_prints_json_of_answers_that_are_no_numbers(
    tmp_path: Path, arrays: type[ReferenceRunner], capsys: Printed
) -> None:
    net = picture_net("grey")
    net.save(tmp_path / "net.safetensors")
    arrays.model, arrays.error = saved(net), np.nan
    arguments = ["export", str(tmp_path / "net.safetensors"), "-o", str(tmp_path / "out"), "--json"]
    assert status(arguments) == 1
    (run,) = json.loads(capsys.readouterr().out)["exports"]["arrays"]["runs"]
    assert "not finite" in run["problem"]


def test_net_that_a_format_cannot_express_is_refused_before_anything_is_written(
    tmp_path: Path, arrays: type[ReferenceRunner]
) -> None:
    with pytest.raises(ModelFileError, match="Arrays cannot express this net: embed1: no tokens"):
        export_model(saved(text_net("average")), tmp_path / "out", ["arrays"])
    assert not (tmp_path / "out").exists()
    result = export_model(saved(text_net("average")), tmp_path / "out")
    assert result.passport.refused == {"arrays": "embed1: no tokens"}


@pytest.mark.parametrize("name", [one for one in registry.exporter_names() if one != "card"])
def test_usage_of_a_format_begins_with_a_sentence_or_code(name: str) -> None:
    usage = registry.exporter(name).usage(saved(picture_net("grey")))
    assert usage[0].isalpha() or usage[0] == "`"


def test_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="did you mean 'card'"):
        picture_net("grey").export(tmp_path / "out", "cards")


def test_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"beach")
    with pytest.raises(DataError, match="files that piecewise did not export"):
        picture_net("grey").export(tmp_path, "card")
    assert [file.name for file in tmp_path.iterdir()] == ["holiday.jpg"]


def test_earlier_export_is_replaced(tmp_path: Path) -> None:
    picture_net("grey").export(tmp_path / "out", "card")
    before = read_passport(tmp_path / "out")
    picture_net("colour").export(tmp_path / "out", "card")
    assert read_passport(tmp_path / "out")["net"] != before["net"]


def test_same_net_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        picture_net("grey").export(tmp_path / folder, "card")
    for file in ("README.md", "passport.html", "passport.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("model", [saved(picture_net("grey")), saved(sound_net()),
                                   *(saved(text_net(name)) for name in TEXT_NETS)])  # fmt: skip
def test_generated_samples_have_answers_that_differ(model: SavedModel) -> None:
    samples = generated_samples(model)
    logits: Float32 = logits_of(model, samples)
    assert len(samples.inputs) == 40
    assert np.unique(logits.round(6), axis=0).shape[0] > 20


def test_hostile_names_stay_text_in_the_card_and_the_page(tmp_path: Path) -> None:
    names = ("<script>alert(1)</script>", "| --- |", "---\nlicense: mit", "![x](http://a)")
    net = picture_net("grey")
    model = replace(saved(net), architecture=type(net.architecture)(net.notation, net.input, names))
    export_model(model, tmp_path / "out", ["card"])
    page = (tmp_path / "out/passport.html").read_text()
    card = (tmp_path / "out/README.md").read_text()
    assert "<script>" not in page + card
    assert "![x]" not in card
    assert card.count("\n---\n") == 1


STRANGE = ("\u202egnp.exe", "a\0b", "two\nlines", "*/ x", "tab\there", "\u2066iso", "caf\u00e9")


@pytest.mark.parametrize("name", registry.exporter_names())
def test_strange_names_break_and_reorder_no_text(name: str) -> None:
    """All files that are text, with controls and marks of direction as escapes."""
    model = saved(Network("conv 3 3, relu, full", (1, 9, 9), STRANGE))
    texts = 0
    for file, content in files_of(registry.exporter(name), model).items():
        try:
            text = content.decode()
        except UnicodeDecodeError:
            continue
        texts += 1
        assert all(one.isprintable() or one == "\n" for one in text), file
    assert texts


def test_strange_names_are_readable_in_the_card_and_the_page(tmp_path: Path) -> None:
    model = saved(Network("full", (1, 3, 3), STRANGE))
    export_model(model, tmp_path / "out", ["card"])
    texts = [(tmp_path / "out" / name).read_text() for name in
             ("README.md", "passport.html", "passport.json")]  # fmt: skip
    assert all(one.isprintable() or one == "\n" for text in texts for one in text)
    assert r"\\u202egnp.exe, a\\x00b, two lines, \*/ x" in texts[0]
    assert r"\u202egnp.exe, a\x00b, two\nlines" in texts[1]
    assert json.loads(texts[2])["net"]["classes"] == list(STRANGE)


def test_card_leaves_out_what_has_no_effect(tmp_path: Path) -> None:
    recipe = pw.Recipe(optimizer="adamw", augmentation=pw.Augmentation(translation=(0, 0.1)))
    for values, shown, hidden in (
        (pw.Recipe().to_json(), "epochs: 5", "nesterov"),
        (recipe.to_json(), "translation 0 down and 0.1 across\n", "momentum"),
        ({"augmentation": {"<b>": 3}}, r"\<b\>", "seed:"),
    ):
        (content,) = (
            registry.exporter("card")
            .files(replace(saved(picture_net("grey")), recipe=values))
            .values()
        )
        card = content.decode()
        assert shown in card
        assert hidden not in card
        assert "freeze until" not in card


def test_card_lists_scores_of_the_training(tmp_path: Path) -> None:
    score = {"accuracy": 0.975, "accuracy_interval": [0.93, 0.99], "n": 200,
             "baseline_accuracy": 0.1}  # fmt: skip
    model = replace(
        saved(picture_net("grey")),
        recipe={"epochs": 3},
        training_summary={"scores": {"test": score}, "linear": {"test": {"accuracy": 0.8}}},
    )
    export_model(model, tmp_path / "out", ["card"])
    card = (tmp_path / "out/README.md").read_text()
    assert "| test split | 200 | 97.5 % | 93.0 % to 99.0 % | 10.0 % | 80.0 % |" in card
    assert "value: 0.9750" in card


@pytest.mark.parametrize(("values", "words"), [
    (Augmentation().to_json(), "none"),
    (Augmentation(rotation=15, horizontal_flip=True).to_json(), "rotation 15, horizontal flip"),
    ({"of another version": 3}, "of another version 3"),
])  # fmt: skip
def test_card_says_what_the_augmentation_changed(values: dict[str, Any], words: str) -> None:
    model = replace(saved(picture_net("grey")), recipe={"augmentation": values})
    card = registry.exporter("card").files(model)["README.md"].decode()
    assert f"\n- augmentation: {words}\n" in card


def test_command_exits_with_1_if_a_toolkit_differs(
    tmp_path: Path, arrays: type[ReferenceRunner], capsys: Printed
) -> None:
    net = picture_net("grey")
    net.save(tmp_path / "net.safetensors")
    arrays.model, arrays.error = saved(net), 0.01
    arguments = ["export", str(tmp_path / "net.safetensors"), "-o", str(tmp_path / "out")]
    assert status(arguments) == 1
    assert "reference 1.0 differs (logits by " in capsys.readouterr().out
    arrays.error = 0.0
    assert status(arguments) == 0
    assert "reference 1.0 agrees" in capsys.readouterr().out
