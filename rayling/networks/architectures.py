"""Networks of timm backbones: grey images in, `Outputs` out. No hooks: timm gives logits and features in one forward.

Shapes: B batch, H height and width, K labels, C channels, g grid.
"""

import difflib
from collections.abc import Sequence

import torch
from torch import nn

from rayling.common.errors import BadInput
from rayling.networks import pretrained
from rayling.networks.feature_maps import Outputs, to_grid


class Backbone(nn.Module):
    """Any timm backbone with feature maps, for grey images."""

    def __init__(
        self,
        name: str,
        *,
        outputs: int,
        levels: Sequence[int] = (),
        grid: int = 1,
        moments: tuple[float, float] | None = None,
        start_pretrained: bool = False,
    ) -> None:
        """`name` is timm's, `outputs` is K, `levels` are the stages of the backbone whose feature maps are returned.

        `moments` are the mean and the deviation by which the images were normalised. With them, the backbone sees
        three equal channels, scaled as timm's pretrained weights expect; without, one channel as it is. Raises
        BadInput if timm does not know the backbone, if it lacks a level, or if pretrained weights are missing.
        """
        super().__init__()
        self.network = _timm(name, outputs=outputs, channels=3 if moments else 1, start_pretrained=start_pretrained)
        self.name, self.levels, self.grid = name, list(levels), grid
        stages = len(getattr(self.network, "feature_info", ()))
        if levels and (not hasattr(self.network, "forward_intermediates") or stages <= max(levels)):
            raise BadInput(f"backbone {name}: has {stages} levels of feature maps, expected levels {self.levels}")
        scale, shift = _scaling(self.network, *moments) if moments else (None, None)
        self.register_buffer("scale", scale)  # in the file, because timm's scaling may be another one day
        self.register_buffer("shift", shift)

    def forward(self, images: torch.Tensor) -> Outputs:
        """(B, 1, H, H) -> logits (B, K), a feature map (B, C, g, g) for each level."""
        images = self._channels(images)
        if not self.levels:
            return Outputs(self.network(images), [])
        final, features = self.network.forward_intermediates(images, indices=self.levels)
        return Outputs(self.network.forward_head(final), [to_grid(level, self.grid) for level in features])

    @property
    def classifier(self) -> nn.Module:
        """The last layer, or several as one module: distilled transformers have two."""
        layer = self.network.get_classifier()
        return nn.ModuleList(layer) if isinstance(layer, tuple) else layer

    def _channels(self, images: torch.Tensor) -> torch.Tensor:
        return images if self.scale is None else images * self.scale + self.shift


def _scaling(network: nn.Module, mean: float, std: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift (3, 1, 1) from images normalised by mean and std to the channels of timm's pretrained weights."""
    means, stds = (torch.tensor(network.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    return std / stds, (mean - means) / stds


class Ensemble(nn.Module):
    """Several backbones as one network: the mean of their logits, their feature maps' channels concatenated."""

    def __init__(self, members: Sequence[Backbone]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: torch.Tensor) -> Outputs:
        """(B, 1, H, H) -> logits (B, K), a feature map (B, sum of C, g, g) for each level."""
        logits, features = zip(*(member(images) for member in self.members), strict=True)
        levels = zip(*features, strict=True)
        return Outputs(torch.stack(logits).mean(0), [torch.cat(level, 1) for level in levels])


class LinearProbe(Backbone):
    """A frozen backbone: a linear layer on the averages of all its feature maps, D numbers for an image.

    The feature maps of all levels, not the backbone's last features alone: those know more of photographs than of
    X-rays (docs/log/pretrained.md).
    """

    def __init__(self, name: str, *, outputs: int, **about) -> None:
        """`about` is as for Backbone. Raises BadInput as that does, and for a backbone without levels."""
        super().__init__(name, outputs=0, **about)
        if not hasattr(self.network, "forward_intermediates"):
            raise BadInput(f"backbone {name}: has no levels of feature maps, expected some to freeze it")
        self.linear = nn.Linear(sum(level["num_chs"] for level in self.network.feature_info), outputs)

    def forward(self, images: torch.Tensor) -> Outputs:
        """(B, 1, H, H) -> logits (B, K), a feature map (B, C, g, g) for each level."""
        features = self._features(images)
        return Outputs(self.linear(_averaged(features)), [to_grid(features[level], self.grid) for level in self.levels])

    def embeddings(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, H) -> the averages (B, D) that the linear layer sees."""
        return _averaged(self._features(images))

    @property
    def classifier(self) -> nn.Linear:
        """The linear layer."""
        return self.linear

    def _features(self, images: torch.Tensor) -> list[torch.Tensor]:
        return self.network.forward_intermediates(self._channels(images), intermediates_only=True)


def _averaged(features: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([level.float().mean((2, 3)) for level in features], 1)


class Embedding(nn.Module):
    """The averages of several linear probes side by side, in the place of logits."""

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.members = ensemble.members

    def forward(self, images: torch.Tensor) -> Outputs:
        """(B, 1, H, H) -> averages (B, D of all members), no feature maps."""
        return Outputs(torch.cat([member.embeddings(images) for member in self.members], 1), [])


def which_frozen(freeze: bool | list[bool], backbones: list[str]) -> list[bool]:
    """Whether each of the backbones is frozen: `freeze` is one value for all or one for each."""
    return freeze if isinstance(freeze, list) else [freeze] * len(backbones)


def try_out(name: str, *, levels: Sequence[int], grid: int, size: int, frozen: bool = False) -> None:
    """Raise BadInput unless timm has the backbone, with these levels, for images of `size` × `size` pixels.

    The feature maps have at least `grid` × `grid` pixels: pooling would repeat those of smaller ones. Takes two forward
    passes on torch's meta device, which computes shapes only.
    """
    with torch.device("meta"):
        network, images = Backbone(name, outputs=1, levels=levels, grid=grid).eval(), torch.zeros(1, 1, size, size)
        probe = LinearProbe(name, outputs=1, levels=levels, grid=grid).eval() if frozen else network
        try:
            probe(images)
            features = network.network.forward_intermediates(images, indices=network.levels, intermediates_only=True)
        except (AssertionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise BadInput(f"backbone {name}: takes no images of {size} × {size} pixels: {reason}") from None
    for level, maps in zip(network.levels, features, strict=True):
        height, width = maps.shape[2:]
        if min(height, width) < grid:
            found = f"{height} × {width} pixels at level {level} for images of {size} × {size}"
            raise BadInput(f"backbone {name}: has feature maps of {found}, expected at least features.grid, {grid}")


def _timm(name: str, *, outputs: int, channels: int, start_pretrained: bool) -> nn.Module:
    """A timm network for images of so many channels, with pretrained weights in all but the last layer if so wished."""
    import timm  # takes two seconds, and the student's stages do not need it

    if not timm.is_model(name):
        nearest = difflib.get_close_matches(name, timm.list_models(), n=1)
        raise BadInput(f"backbone {name!r}: unknown to timm" + (f", did you mean {nearest[0]}?" if nearest else ""))
    if not start_pretrained:
        return timm.create_model(name, num_classes=outputs, in_chans=channels)
    overlay = pretrained.for_timm(name)
    try:  # with its own classes: for others, timm would not notice that tensors are missing
        network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, in_chans=channels)
    except Exception as error:  # the hub's client raises whatever its transport raises
        raise pretrained.refusal(name, " ".join(str(error).split())[:300]) from None
    if network.num_classes != outputs:
        network.reset_classifier(outputs)
    return network
