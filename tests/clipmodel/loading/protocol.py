"""What every model must give an audit."""

from __future__ import annotations

import torch
from PIL import Image

from clipmodel.loading import EmbeddingModel


def require_protocol(model: EmbeddingModel) -> None:
    """Everything an audit asks of a model."""
    pixels = model.preprocess(Image.linear_gradient("L").convert("RGB").resize((90, 70)))
    assert pixels.dtype == torch.float32
    images, texts = model.encode_image(torch.stack([pixels] * 2)), model.encode_text(["red", "a blue bird"])
    for embeddings in (images, texts):
        assert embeddings.shape == (2, model.embed_dim)
        assert embeddings.dtype == torch.float32 and not embeddings.requires_grad
        assert torch.allclose(embeddings.norm(dim=-1), torch.ones(2), atol=1e-5)
    assert model.logit_scale > 0
    assert model.logit_bias is None or isinstance(model.logit_bias, float)
    assert all(
        isinstance(text, str) and text for text in (model.name, model.fingerprint, model.preprocess_id)
    )
