"""`OnnxModel` refuses files that no stage of this project wrote; the pixels of `answer` are those of `prepare`."""

import numpy as np
import onnx
import pytest

from rayling.common.errors import BadInput
from rayling.export import onnx_file
from rayling.images import reading
from rayling.predict.answers import network_input
from rayling.predict.model import OnnxModel
from rayling.preparation import decoding
from tests.tiny import ROOT


@pytest.mark.parametrize(
    "fact",
    [
        {"labels": []},
        {"labels": ["a"], "threshold": {"a": 0.5}},
        {"labels": ["a", "a"]},
        {"labels": ["a\x1b[31m", "b"], "threshold": {"a\x1b[31m": 0.5, "b": 0.5}},
        {"threshold": {"left, the": "0.5", "naïve": 0.5}},
        {"threshold": {"left, the": float("nan"), "naïve": 0.5}},
        {"threshold": {"left, the": [0.5], "naïve": 0.5}},
        {"size": 200000},
        {"size": True},
        {"size": 0},
        {"size": 31},
        {"mean": float("nan")},
        {"mean": 50.0},
        {"keep_aspect": "no"},
        {"exclusive": None},
        {"exclusive": 1},
        {"exclusive": "false"},
        {"exclusive": True, "threshold": {"left, the": None, "naïve": 0.5}},
        {"threshold": {"left, the": None, "naïve": None}},
    ],
    ids=str,
)
def test_metadata_that_cannot_be_true_is_refused(folder, tmp_path, fact):
    model = onnx.load(folder / "student.onnx")
    onnx_file.save(tmp_path / "hostile.onnx", model, OnnxModel(folder / "student.onnx").facts | fact)
    with pytest.raises(BadInput, match=f"hostile.onnx: not an exported network.*{'|'.join(fact)}"):
        OnnxModel(tmp_path / "hostile.onnx")


def test_a_file_of_before_exclusive_labels_decides_by_thresholds(folder, tmp_path):
    facts = OnnxModel(folder / "student.onnx").facts
    old = {key: fact for key, fact in facts.items() if key not in ("exclusive", "pretrained", "head")}
    onnx_file.save(tmp_path / "old.onnx", onnx.load(folder / "student.onnx"), old)
    model = OnnxModel(tmp_path / "old.onnx")
    assert not model.exclusive and model.decide(np.array([[0.6, 0.7], [0.4, 0.5]])).tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("change", ["no out_of_distribution", "other pixels", "one more input", "swapped"])
def test_a_network_with_other_inputs_or_outputs_is_refused(folder, tmp_path, change):
    model, facts = onnx.load(folder / "student.onnx"), OnnxModel(folder / "student.onnx").facts
    if change == "no out_of_distribution":
        del model.graph.output[[node.name for node in model.graph.output].index("out_of_distribution")]
    elif change == "one more input":
        model.graph.input.append(onnx.helper.make_tensor_value_info("extra", onnx.TensorProto.FLOAT, [1]))
    elif change == "swapped":
        place = [node.name for node in model.graph.output].index("probabilities")
        model.graph.input.append(model.graph.output.pop(place))
        next(node for node in model.graph.node if "probabilities" in node.output).output[0] = "unused"
    else:
        model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    onnx_file.save(tmp_path / "other.onnx", model, facts)
    with pytest.raises(BadInput, match="not an exported network"):
        OnnxModel(tmp_path / "other.onnx")


def test_an_answer_that_is_nan_is_an_error_of_the_image(folder, predict, tmp_path):
    model, facts = onnx.load(folder / "student.onnx"), OnnxModel(folder / "student.onnx").facts
    weight = max(model.graph.initializer, key=lambda each: np.prod(each.dims))
    weight.CopyFrom(onnx.numpy_helper.from_array(np.nan * onnx.numpy_helper.to_array(weight), weight.name))
    onnx_file.save(tmp_path / "nan.onnx", model, facts)
    done = predict(tmp_path / "nan.onnx", "images/a.png", "--json")
    assert (done.status, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: images/a.png: {tmp_path}/nan.onnx: an output is NaN or infinite")


def test_the_pixels_are_those_of_prepare_for_real_images(folder, tmp_path):
    shared = ROOT.parent / "shared/data"
    if not shared.is_dir():
        pytest.skip("needs ../shared/data")
    model = OnnxModel(folder / "student.onnx")
    folders = ("covid-chestxray-dataset/images", "nih/images")
    paths = [path for name in folders for path in sorted((shared / name).iterdir())[:40]]
    with (tmp_path / "pixels").open("wb") as out:
        files = [reading.File(path, inside=path.parent.resolve()) for path in paths]
        decoded = decoding.decode_all(files, count=len(paths), size=32, keep_aspect=True, out=out)
    assert not any(decoded.reasons), decoded.reasons
    prepared = np.fromfile(tmp_path / "pixels", np.uint8).reshape(len(paths), 32, 32)
    for path, pixels in zip(paths, prepared, strict=True):
        assert np.array_equal(network_input(model, reading.grey(path)), pixels), path
