"""Classes that a model cannot tell apart because it is shown the same for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from clipmodel.errors import UserError
from probes.planning.audit_plan import ProbePlan


def refuse_equal_prompts(plans: Sequence[ProbePlan], embedded: Mapping[str, np.ndarray]) -> None:
    """Refuse two classes of a design whose prompts have the same embeddings.

    Long names that differ only behind the model's last token, and names that its tokenizer makes one text of,
    are one class to the model: which of the two it predicts would be chance.

    Parameters
    ----------
    plans
        The probes that classify.
    embedded
        Prompt -> its embedding [D].

    Raises
    ------
    UserError
        The message names probe, design and both classes.
    """
    for planned in plans:
        for (design, template), classes in planned.prompts.items():
            seen: dict[bytes, str] = {}
            for name, prompts in classes.items():
                # Bit for bit: a tolerance would also join words of close meaning.
                key = b"".join(np.asarray(embedded[prompt]).tobytes() for prompt in prompts)
                if (other := seen.setdefault(key, name)) != name:
                    raise UserError(
                        f"probe {planned.probe.name!r}, design {design!r}, template {template!r}: "
                        f"the classes {other!r} and {name!r} are one text to the model",
                        remedy="give one of them other or shorter words, or drop it",
                    )
