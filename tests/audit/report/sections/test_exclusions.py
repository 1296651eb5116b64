from __future__ import annotations

import dataclasses

from audit.report.section import ReportContext
from audit.report.sections import exclusions


def test_what_was_left_out_is_listed_by_reason_and_group(context: ReportContext) -> None:
    found = exclusions.build(context)
    assert found["table"].rows[0] == [
        "occupation",
        "unreadable image",
        "split train, skin tone dark, gender woman",
        "1",
    ]
    assert found["table"].rows[1][2:] == ["skin tone (missing)", "180"]


def test_nothing_left_out_is_said(context: ReportContext) -> None:
    whole = dataclasses.replace(context.result, excluded=context.result.excluded.iloc[:0])
    found = exclusions.build(ReportContext(result=whole))
    assert found["table"] is None and found["lead"].startswith("Nothing was left out")
