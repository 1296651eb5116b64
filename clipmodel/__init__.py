"""CLIP as in Radford et al. 2021: architectures, weights, training, evaluation."""

from __future__ import annotations

from clipmodel.lazy_names import lazy_names

TYPE_CHECKING = False  # not from `typing`, see `lazy_names`
if TYPE_CHECKING:
    from clipmodel.loading import load_model

__all__ = ["__version__", "load_model"]
__version__ = "0.1.0"
# Reading an audit imports this package and must not import torch.
__getattr__, __dir__ = lazy_names(__name__, {"load_model": "clipmodel.loading"})
