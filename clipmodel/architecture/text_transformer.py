"""Text tower. Shapes: N texts, L tokens, W width, D joint embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipmodel.architecture.transformer import BlockDetails, LayerNorm, ResidualAttentionBlock, Transformer
from clipmodel.config import Activation, TextConfig


class TextTransformer(nn.Module):
    """Causal transformer over byte-pair tokens, read at the end-of-text token (paper, section 2.4)."""

    def __init__(self, config: TextConfig, embed_dim: int, *, activation: Activation) -> None:
        super().__init__()
        width = config.width
        self.transformer = Transformer(
            width,
            config.layers,
            config.heads,
            mlp_width=config.mlp_width,
            details=BlockDetails.of(config, activation),
            causal=True,
        )
        self.token_embedding = nn.Embedding(config.vocab_size, width)
        self.positional_embedding = nn.Parameter(torch.empty(config.context_length, width))
        self.ln_final = LayerNorm(width, eps=config.layer_norm_eps)
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))
        self._init_weights(width, config.layers)

    def _init_weights(self, width: int, layers: int) -> None:
        # Standard deviations of the original code; the paper does not state them.
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)
        # Each block adds two terms to the residual stream, so their variance is divided by 2 x layers (GPT-2:
        # Radford et al. 2019, section 2.3).
        residual_std = width**-0.5 * (2 * layers) ** -0.5
        for block in self.transformer.resblocks:
            assert isinstance(block, ResidualAttentionBlock)
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=residual_std)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=residual_std)

    def forward(self, tokens: Tensor, prefix: Tensor | None = None) -> Tensor:
        """[N, L] token ids, L at most the context length -> [N, D], not normalised.

        `prefix` [K, W] are embeddings of K further tokens, which follow the start of every text; L + K
        is then at most the context length.
        """
        x = self.token_embedding(tokens)
        end = tokens.argmax(dim=-1)  # the end-of-text token has the highest id
        if prefix is not None:
            x = torch.cat([x[:, :1], prefix.expand(len(x), -1, -1), x[:, 1:]], dim=1)
            end = end + len(prefix)
        x = x + self.positional_embedding[: x.shape[1]]
        # The embeddings stay fp32 in half precision (`CLIP.set_precision`); the blocks begin in their own
        # type.
        x = self.transformer(x.to(self.text_projection.dtype))
        # A layer norm works row by row, so norming the one row that is read gives the same values.
        x = self.ln_final(x[torch.arange(len(x), device=x.device), end])
        projected: Tensor = x @ self.text_projection
        return projected


def trim_padding(tokens: Tensor) -> Tensor:
    """Drop the positions after the longest text of a batch: [N, L] -> [N, L'], L' at most L.

    Under a causal mask they change nothing at the end-of-text token, so the embeddings stay exact while
    short captions cost a fraction of the full context.
    """
    # argmax finds the end of text, whose id is the highest; padding is 0.
    return tokens[:, : int(tokens.argmax(dim=-1).max()) + 1] if len(tokens) else tokens
