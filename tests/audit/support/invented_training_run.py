"""The folder of an invented training run: a log, a validation, and an audit of two steps."""

from __future__ import annotations

import json
from pathlib import Path

from audit.result import AuditResult
from audit.training.history import write_audit

THINNED = {"where": {"occupation": ["judge"]}, "strength": 0.5, "seed": 0, "matched": 8, "left_out": 4}


def write_run(out: Path, result: AuditResult, *, steps: int = 400) -> Path:
    """Write a run of `steps` steps of 8 of 100 images, its loss falling as 4 / sqrt(step)."""
    out.mkdir(parents=True)
    recipe = {"recipe": "invented", "description": "A run that never was.", "steps": 500, "batch_size": 8}
    summary = {"recipe": recipe, "seed": 3, "steps": 0, "rows": 100, "thinned": [THINNED]}
    (out / "training.json").write_text(json.dumps(summary))
    log = [f"{step},{4 / step**0.5:.6f},0.001,14.3,{step * 8 / 100},250,0.01" for step in range(1, steps + 1)]
    header = "step,loss,learning_rate,logit_scale,epoch,images_per_second,data_seconds"
    (out / "log.csv").write_text("\n".join([header, *log]) + "\n")
    measures = [
        f'{step},{step * 8 / 100},"{name}",{share},{n}'
        for step, share in ((200, 0.25), (400, 0.5))
        for name, n in (
            ("zero-shot accuracy, occupation", 44), ("recall@1, image to text", 60),
            ("recall@1, text to image", 30), ("audit accuracy, gender", 172),
        )
    ]  # fmt: skip
    (out / "measures.csv").write_text("\n".join(["step,epoch,measure,value,n", *measures]) + "\n")
    for step in (200, 400):
        write_audit(out, result, step=step, epoch=step * 8 / 100)
    return out
