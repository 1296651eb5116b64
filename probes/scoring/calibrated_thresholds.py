"""Calibration of each class: the cosine similarity at which a stated share of images is given the class.

The threshold of a class at share r is the least multiple of 0.0001 that at most the share r of its reference
images reaches. The reference images are those of another truth, if the probe has a truth and the class stands
for one of its values: r is then the class's false positive rate; otherwise all images of the probe. The
threshold belongs to the words of the class and not to its class design: it is the same for a softmax and a
sigmoid model, and adding a class moves no other one's threshold.

One pass over the embeddings fills a histogram a class, so memory does not grow with the images.

Shapes: N images, D embedding, U class embeddings, Q classes to calibrate, T shares, B bins.
"""

from __future__ import annotations

import numpy as np

from probes.scoring.array_library import Array, as_int64, as_numpy, library_of, on_device
from probes.scoring.engine import CHUNK_IMAGES, Rows

# Cosines are compared in 32 bits, whose steps near 1 are 6e-8: a multiple of 0.0001 is exact enough and keeps
# the histogram small.
STEP = 1e-4
N_BINS = round(2 / STEP) + 1  # lower edges of the bins: -1, -0.9999, ... 1
NEVER = np.inf


def class_thresholds(
    images: Rows,
    class_embeddings: np.ndarray,
    columns: np.ndarray,
    reference: np.ndarray,
    *,
    cells: np.ndarray,
    shares: np.ndarray,
    chunk: int = CHUNK_IMAGES,
    device: str = "cpu",
) -> np.ndarray:
    """The threshold of each class at each share.

    Parameters
    ----------
    images
        [N, D] unit-norm embeddings.
    class_embeddings
        [U, D] unit-norm.
    columns
        [Q] the row of each class to calibrate in `class_embeddings`.
    reference
        [Q, G] bool: the cells whose images are the reference of the class.
    cells
        [N] the cell of each image.
    shares
        [T] descending, in (0, 1).
    chunk, device
        As for `probes.scoring.engine.score`.

    Returns
    -------
    [T, Q] cosines, ascending along T; infinite where a class has no reference image.
    """
    classes = on_device(np.ascontiguousarray(class_embeddings[columns], np.float32), device)
    counted = on_device(reference, device)
    edges = on_device(edges_of_bins(), device)
    histogram = np.zeros((len(columns), N_BINS), dtype=np.int64)
    for start in range(0, len(images), chunk):
        part = slice(start, start + chunk)
        cosines = classes @ on_device(np.ascontiguousarray(images[part]), device).T
        bins = _bins(cosines, edges)
        inside = counted[:, on_device(cells[part], device)]
        for row, own_bins, own_inside in zip(histogram, bins, inside, strict=True):
            row += as_numpy(library_of(own_bins).bincount(own_bins[own_inside], minlength=N_BINS))
    return _thresholds(histogram, shares)


def _bins(cosines: Array, edges: Array) -> Array:
    """The last bin whose lower edge a cosine reaches, by the edges and not by a rounded product."""
    # Division rounds: a cosine at the edge of a bin can come out one bin off, so the two neighbours are
    # compared with the edges themselves.
    xp = library_of(cosines)
    bins = xp.clip(as_int64((cosines + 1) / STEP), 0, N_BINS - 1)
    bins = bins - as_int64(cosines < edges[bins])
    above = xp.clip(bins + 1, 0, N_BINS - 1)
    return xp.clip(xp.where(cosines >= edges[above], above, bins), 0, N_BINS - 1)


def edges_of_bins() -> np.ndarray:
    """[B] the candidates for a threshold, float32."""
    return (np.arange(N_BINS) * STEP - 1).round(6).astype(np.float32)


def _thresholds(histogram: np.ndarray, shares: np.ndarray) -> np.ndarray:
    # From above: how many images reach each edge.
    reaching = histogram[:, ::-1].cumsum(axis=1)[:, ::-1]  # [Q, B]
    total = reaching[:, :1]
    edges = edges_of_bins()
    thresholds = np.full((len(shares), len(histogram)), NEVER, np.float32)
    for t, share in enumerate(shares):
        # 1e-9: 0.05 * 100 is 5.000000000000001 or 4.999999999999999, and 5 images are meant.
        few = reaching <= np.floor(share * total + 1e-9)
        found = few.any(axis=1) & (total[:, 0] > 0)
        # The first edge that few enough images reach is the least such threshold.
        thresholds[t, found] = edges[few[found].argmax(axis=1)]
    return thresholds
