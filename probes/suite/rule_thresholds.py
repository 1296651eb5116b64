"""The names and thresholds of assignment rules that a suite may hold, by the records of `probes.rules`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from probes.rules.rule_registry import RULES
from probes.suite.validation_errors import check_known, misplaced
from probes.suite.values import unique


def _known(name: str) -> str:
    check_known(name, list(RULES), what="rule", location=[])
    return name


class _Enumerated:
    """Lists the rules in the JSON Schema, those that are registered when it is asked for."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(RULES)}


RuleName = Annotated[str, AfterValidator(_known), _Enumerated()]


def _in_range(values: dict[str, list[float]]) -> dict[str, list[float]]:
    for name, thresholds in values.items():
        known = [rule.name for rule in RULES.values() if rule.thresholds is not None]
        check_known(name, known, what="rule with thresholds", location=[])
        record = RULES[name].thresholds
        assert record is not None
        for place, inside in enumerate(record.contains(np.array(thresholds, dtype=np.float64))):
            if not inside:
                message = f"{thresholds[place]:g} cannot be a threshold of the rule {name!r}"
                raise misplaced([name, place], message, remedy=f"they are {record.range_words}")
    return values


Thresholds = Annotated[
    dict[str, Annotated[list[float], Field(min_length=1), AfterValidator(unique)]], AfterValidator(_in_range)
]
"""Rule -> its thresholds, each in the rule's range."""


def check_written_once(rule_thresholds: Mapping[str, Sequence[float]], suite: object) -> None:
    """Refuse thresholds that stand both in `rule_thresholds` and under the rule's own key of a suite.

    Raises
    ------
    ValidationError
        As `probes.suite.validation_errors.misplaced` makes it.
    """
    for name in rule_thresholds:
        key = own_key(name)
        if key and getattr(suite, key):
            message = f"the thresholds of {name!r} are written twice, here and under {key!r}"
            raise misplaced(["rule_thresholds", name], message, remedy="keep one of the two")


def own_key(name: str) -> str:
    """The key of the suite that holds the thresholds of one rule alone; "" for none."""
    record = RULES[name].thresholds
    return "" if record is None else record.key


def normalised(values: Mapping[str, Any]) -> dict[str, Any]:
    """A dumped suite with each rule's thresholds under the key of its own, if it has one.

    Both ways of writing the same thresholds have one meaning, so they have one hash.
    """
    written = dict(values.get("rule_thresholds") or {})
    for name, thresholds in written.items():
        record = RULES[name].thresholds
        # `rule_thresholds` reads numbers as floats, the rule's own key as whole ones; their JSON would
        # differ.
        written[name] = [int(one) for one in thresholds] if record and record.whole else thresholds
    moved = {own_key(name): thresholds for name, thresholds in written.items() if own_key(name)}
    rest = {name: thresholds for name, thresholds in written.items() if not own_key(name)}
    kept = {key: value for key, value in values.items() if key != "rule_thresholds"} | moved
    return kept | ({"rule_thresholds": rest} if rest else {})
