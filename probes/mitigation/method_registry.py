"""Every method by name. A method is added by its class, in a file of its own, and one entry here.

`METHODS` change embeddings, `ANSWER_METHODS` the answers of a probe, `RERANKERS` the order of a ranking.
"""

from __future__ import annotations

from collections.abc import Sequence

from clipmodel.errors import UserError
from clipmodel.yaml_models import closest
from probes.mitigation.answer_fitting import AnswerMethod
from probes.mitigation.fitting import Method
from probes.mitigation.methods.bend_vlm import BendVLM
from probes.mitigation.methods.class_thresholds import ClassThresholds
from probes.mitigation.methods.controls import NoMitigation, RandomSubspace
from probes.mitigation.methods.coordinates import SFID, ClipClip
from probes.mitigation.methods.erasure import LEACE, DeAR, SubspaceProjection
from probes.mitigation.methods.fairer_clip import FairerCLIP
from probes.mitigation.methods.fairlearn_methods import (
    ErrorParityProbe,
    OddsProbe,
    OddsThresholds,
    ParityThresholds,
)
from probes.mitigation.methods.linear_classifier import LinearProbe
from probes.mitigation.methods.prompt_array import PromptArray
from probes.mitigation.methods.reranking import RERANKERS
from probes.mitigation.methods.text_projection import CalibratedProjection, OrthogonalProjection, RoboShot

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        NoMitigation, RandomSubspace, OrthogonalProjection, CalibratedProjection, RoboShot, BendVLM,
        ClipClip, SFID, LEACE, SubspaceProjection, DeAR, FairerCLIP, PromptArray,
    )
}  # fmt: skip
ANSWER_METHODS: dict[str, type[AnswerMethod]] = {
    method.name: method
    for method in (
        LinearProbe, ClassThresholds, ParityThresholds, OddsThresholds, ErrorParityProbe, OddsProbe,
    )
}  # fmt: skip
CONTROLS = (NoMitigation.name, RandomSubspace.name)
CLASS_DESIGN = "class_design"
"""Acts on the suite, not on embeddings: see `probes.mitigation.class_design`."""


def chosen(names: Sequence[str], *, retrained: Sequence[str] = ()) -> list[str]:
    """The controls first, then the methods asked for, each once; all of them for "all".

    Parameters
    ----------
    retrained
        Names of models that were trained otherwise: if there are any, methods must be asked for by name, and
        none may have one of these.

    Raises
    ------
    UserError
        A name is unknown.
    """
    every = [*METHODS, *ANSWER_METHODS, *RERANKERS, CLASS_DESIGN]
    for name in names:
        if name != "all" and name not in every:
            raise UserError(f"unknown method {name!r}", remedy=closest(name, [*every, "all"]))
    if taken := [name for name in retrained if name in [*every, "all"]]:
        raise UserError(f"{taken[0]!r} is the name of a method", remedy="call the retrained model otherwise")
    wanted = every if "all" in names or not (names or retrained) else names
    return list(dict.fromkeys([*CONTROLS, *wanted]))
