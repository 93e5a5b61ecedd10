"""timm backbones and ensembles of them."""

import re

import pytest
import timm
import torch

from rayling.common.errors import BadInput
from rayling.networks.architectures import Backbone, Ensemble, LinearProbe, try_out
from tests.toy import images, rms, run

LEVELS, GRID = [2, 3, 4], 3
BACKBONES = ["resnet10t", "densenet121", "mobilenetv3_small_050"]


def backbone(name: str, **rest) -> Backbone:
    torch.manual_seed(0)
    return Backbone(name, outputs=5, levels=LEVELS, grid=GRID, **rest).eval()


def refusal(name: str, **rest) -> str:
    """The one line with which a backbone is refused."""
    with pytest.raises(BadInput) as caught:
        backbone(name, **rest)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# outputs


@pytest.mark.parametrize("name", BACKBONES)
def test_logits_are_those_of_timm_with_the_same_weights(name):
    wrapped, plain = backbone(name), timm.create_model(name, num_classes=5, in_chans=1)
    plain.load_state_dict(wrapped.network.state_dict())
    logits, _ = run(wrapped, images())
    assert torch.allclose(logits, run(plain.eval(), images()), atol=1e-6)
    assert logits.std() > 1e-4  # not the same for each image


@pytest.mark.parametrize("name", BACKBONES)
def test_features_are_three_levels_on_the_grid_with_a_root_mean_square_of_one(name):
    wrapped = backbone(name)
    _, levels = run(wrapped, images())
    channels = [wrapped.network.feature_info[level]["num_chs"] for level in LEVELS]
    assert [level.shape[2:] for level in levels] == [(GRID, GRID)] * 3
    assert [level.shape[1] for level in levels][:2] == channels[:2]  # the last may have a head's channels
    for level in levels:
        assert torch.allclose(rms(level), torch.ones(2), atol=1e-4)


def test_without_levels_there_are_the_same_logits_and_no_features():
    with_levels = backbone("resnet10t")
    without = Backbone("resnet10t", outputs=5).eval()
    without.load_state_dict(with_levels.state_dict())
    logits, features = run(without, images())
    assert features == []
    assert torch.allclose(logits, run(with_levels, images()).logits, atol=1e-6)


def test_an_ensemble_is_the_mean_of_logits_and_the_concatenation_of_channels():
    members = [backbone("resnet10t"), backbone("mobilenetv3_small_050")]
    logits, levels = run(Ensemble(members), images())
    (one, levels_of_one), (two, levels_of_two) = (run(member, images()) for member in members)
    assert torch.allclose(logits, (one + two) / 2)
    assert not torch.allclose(one, two)
    for level, first, second in zip(levels, levels_of_one, levels_of_two, strict=True):
        assert torch.equal(level, torch.cat([first, second], 1))


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18d", "densenet121"])
def test_a_linear_probe_is_a_linear_layer_on_the_averages_of_all_feature_maps(name):
    probe = LinearProbe(name, outputs=5, levels=[1, 2, 3], grid=2, moments=(0.5, 0.25)).eval()
    with torch.inference_mode():
        of_all = probe.network.forward_intermediates(probe._channels(images(size=96)), intermediates_only=True)
        averages = torch.cat([level.mean((2, 3)) for level in of_all], 1)
        logits, features = probe(images(size=96))
        assert torch.allclose(probe.embeddings(images(size=96)), averages, atol=1e-6)
        assert torch.allclose(logits, averages @ probe.linear.weight.T + probe.linear.bias, atol=1e-5)
    torch.manual_seed(0)
    backbone = Backbone(name, outputs=5, levels=[1, 2, 3], grid=2, moments=(0.5, 0.25)).eval()
    backbone.network.load_state_dict(probe.network.state_dict(), strict=False)  # all but the last layer
    for level, expected in zip(features, run(backbone, images(size=96)).features, strict=True):
        assert torch.allclose(level, expected, atol=1e-5)


IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.mark.parametrize(
    ("name", "means", "stds"), [("tf_efficientnet_lite0", [0.5] * 3, [0.5] * 3), ("resnet10t", *IMAGENET)]
)
def test_a_grey_image_becomes_three_channels_scaled_as_the_pretrained_weights_expect(name, means, stds):
    grey, network = images(size=48).sigmoid(), backbone(name, moments=(0.4, 0.2))
    channels = torch.cat([(grey - mean) / std for mean, std in zip(means, stds, strict=True)], 1)
    expected = run(network.network, channels)
    assert torch.allclose(run(network, (grey - 0.4) / 0.2).logits, expected, atol=1e-5)
    assert not torch.allclose(run(network, grey).logits, expected, atol=1e-3)


# refusals


def test_an_unknown_backbone_is_refused_with_the_nearest_name():
    message = refusal("densenet12")
    assert "'densenet12'" in message
    assert "did you mean densenet121?" in message


def test_a_backbone_without_enough_levels_is_refused():
    assert "convnext_atto: has 4 levels" in refusal("convnext_atto")


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("densenet12", 64, "did you mean densenet121?"),
        ("convnext_atto", 64, "has 4 levels of feature maps"),
        ("inception_v3", 64, "takes no images of 64 × 64 pixels"),
        ("vit_tiny_patch16_224", 64, "takes no images of 64 × 64 pixels"),
        ("resnet18d", 32, "has feature maps of 2 × 2 pixels at level 3 for images of 32 × 32, expected at least"),
    ],
)
def test_a_backbone_that_can_not_be_used_is_refused_before_it_is_trained(name, size, message):
    with pytest.raises(BadInput, match=re.escape(message)) as caught:
        try_out(name, levels=LEVELS, grid=4, size=size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["efficientnet_b6", "densenet121", "inception_v3", "resnet18d"])
def test_the_backbones_of_the_studies_are_accepted(name):
    try_out(name, levels=LEVELS, grid=GRID, size=224)


def test_any_backbone_with_levels_can_be_frozen():
    try_out("dla34", levels=LEVELS, grid=4, size=64, frozen=True)  # its last layer is no linear one
