"""Image features before the projection into the joint space, as linear probes use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from clipmodel.architecture.modified_resnet import ModifiedResNet
from clipmodel.architecture.vision_transformer import VisionTransformer
from clipmodel.loading.embedding_model import EmbeddingModel, LoadedModel, device_of, takes_any_mode

BEFORE_PROJECTION = "before the projection"
JOINT = "joint embedding"


@dataclass(frozen=True)
class FeatureModel:
    """A model whose `encode_image` gives features instead of embeddings; so they are cached the same way.

    For a ViT the class token, for a ResNet the attention pool, before the projection (Radford et al. 2021,
    figure 3); a model of one's own may offer `encode_features`; for any other model the joint embedding, and
    `kind` says so.
    """

    model: EmbeddingModel

    @property
    def kind(self) -> str:
        """Which features these are, for the result file."""
        return BEFORE_PROJECTION if self._tower() or self._own() else JOINT

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the weights, marked: features and embeddings are stored apart."""
        return self.model.fingerprint if self.kind == JOINT else f"features {self.model.fingerprint}"

    @property
    def preprocess_id(self) -> str:
        return self.model.preprocess_id

    @property
    def any_mode(self) -> bool:
        """As the model's."""
        return takes_any_mode(self.model)

    @property
    def device(self) -> torch.device:
        """As the model's."""
        return device_of(self.model)

    @property
    def logit_scale(self) -> float:
        return self.model.logit_scale

    @property
    def logit_bias(self) -> float | None:
        return self.model.logit_bias

    @property
    def embed_dim(self) -> int:
        """Width of the features."""
        if (tower := self._tower()) is not None:
            if isinstance(tower, ModifiedResNet):
                return int(tower.attnpool.v_proj.out_features)
            return int(tower.proj.shape[0])
        own = getattr(self.model, "feature_dim", None)
        return int(own) if self._own() and own is not None else self.model.embed_dim

    def preprocess(self, image: Image.Image) -> Tensor:
        return self.model.preprocess(image)

    @torch.inference_mode()
    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, W] float32 on the CPU, not normalised."""
        if (tower := self._tower()) is not None:
            return tower.features(pixels.to(next(tower.parameters()).device)).float().cpu()
        if (own := self._own()) is not None:
            return torch.as_tensor(own(pixels)).float().cpu()
        return self.model.encode_image(pixels)

    def encode_text(self, texts: Any) -> Tensor:
        return self.model.encode_text(texts)

    def _tower(self) -> VisionTransformer | ModifiedResNet | None:
        return self.model.clip.visual if isinstance(self.model, LoadedModel) else None

    def _own(self) -> Any:
        return getattr(self.model, "encode_features", None)
