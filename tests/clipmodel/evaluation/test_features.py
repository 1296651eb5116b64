from __future__ import annotations

import torch

from clipmodel.evaluation.features import BEFORE_PROJECTION, JOINT, FeatureModel
from clipmodel.loading.embedding_model import LoadedModel
from tests.clipmodel.support.small_models import RESNET, VIT, checkpoint_of, random_clip


def loaded(config: object) -> LoadedModel:
    checkpoint = checkpoint_of(random_clip(config))  # type: ignore[arg-type]
    return LoadedModel("small", checkpoint.build(), checkpoint.tokenizer, checkpoint.preprocess)


PIXELS = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_a_vit_gives_the_class_token_before_its_projection() -> None:
    model = loaded(VIT)
    features = FeatureModel(model)
    assert (features.kind, features.embed_dim) == (BEFORE_PROJECTION, 128)
    with torch.inference_mode():
        projected = features.encode_image(PIXELS) @ model.clip.visual.proj
    embeddings = torch.nn.functional.normalize(projected, dim=-1)
    assert (embeddings - model.encode_image(PIXELS)).abs().max() < 1e-5
    # Stored apart from the embeddings of the same weights.
    assert features.fingerprint != model.fingerprint and features.preprocess_id == model.preprocess_id


def test_a_resnet_gives_its_attention_pool_before_the_projection() -> None:
    model = loaded(RESNET)
    features = FeatureModel(model)
    pool = model.clip.visual.attnpool
    assert (features.kind, features.embed_dim) == (BEFORE_PROJECTION, pool.c_proj.in_features)
    made = features.encode_image(PIXELS)
    assert made.shape == (2, features.embed_dim)
    with torch.inference_mode():
        embeddings = torch.nn.functional.normalize(pool.c_proj(made), dim=-1)
    assert (embeddings - model.encode_image(PIXELS)).abs().max() < 1e-5
    assert features.fingerprint != model.fingerprint and features.any_mode


class Joint:
    """A model that is no CLIP of ours and offers no features."""

    name, fingerprint, preprocess_id, embed_dim, logit_scale, logit_bias = "joint", "f", "p", 3, 10.0, None

    def encode_image(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(pixels), 3)


def test_any_other_model_gives_the_joint_embedding() -> None:
    features = FeatureModel(Joint())  # type: ignore[arg-type]
    # Of one name in the store as the embeddings.
    assert (features.kind, features.embed_dim, features.fingerprint) == (JOINT, 3, "f")
    assert features.encode_image(PIXELS).tolist() == [[1.0] * 3] * 2


class Own:
    name, fingerprint, preprocess_id, embed_dim, feature_dim = "own", "f", "p", 3, 7
    logit_scale, logit_bias = 10.0, None

    def encode_features(self, pixels: torch.Tensor) -> list[list[float]]:
        return [[float(len(pixels))] * 7]

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        return torch.zeros(len(texts), 3)


def test_a_model_of_ones_own_may_offer_features() -> None:
    features = FeatureModel(Own())  # type: ignore[arg-type]
    assert (features.kind, features.embed_dim, features.fingerprint) == (BEFORE_PROJECTION, 7, "features f")
    assert not features.any_mode
    assert features.encode_image(PIXELS).tolist() == [[2.0] * 7]
    assert features.encode_text(["a"]).shape == (1, 3) and features.logit_scale == 10
