"""The page of `clip-audit view`: a form that chooses a cell, and its images. It needs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

import pandas as pd

from audit.formatting import words
from audit.result import AuditResult
from audit.viewer.cell_images import SHOWN, Choice, specifications_of
from clipmodel.errors import UserError

GROUP: Final = "group."
"""Before the name of an attribute in an address."""
EVERY: Final = "every"
STYLE: Final = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { margin: 1rem auto; max-width: 75rem; padding: 0 1rem; line-height: 1.45; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin: 1rem 0; }
label { display: grid; font-size: .85rem; }
select, button { font: inherit; max-width: 18rem; padding: .25rem .4rem; }
ul { list-style: none; padding: 0; display: grid; gap: .8rem; }
ul { grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); }
li { font-size: .8rem; min-width: 0; overflow-wrap: anywhere; }
img { display: block; width: 100%; height: 10rem; object-fit: contain; background: #8882; }
nav a { margin-right: 1rem; }
"""


def choice_of(result: AuditResult, query: Mapping[str, str]) -> Choice:
    """Return what an address asks for; what it leaves out or misspells is the first of its kind.

    Raises
    ------
    UserError
        No probe of the audit has outcomes.
    """
    probes = [probe for probe in result.manifest["probes"] if probe["outcomes"] and probe["specifications"]]
    if not probes:
        raise UserError(
            "no probe of the audit has outcomes of single images", remedy="view an audit that classifies"
        )
    probe = next((one for one in probes if one["name"] == query.get("probe")), probes[0])
    outcomes = [str(one["name"]) for one in probe["outcomes"]]
    outcome, show = query.get("outcome", ""), query.get("show", "")
    attributes = _attributes(probe)
    return Choice(
        probe=probe["name"],
        outcome=outcome if outcome in outcomes else outcomes[0],
        specification=_place(query.get("specification"), probe),
        other=_place(query.get("other"), probe),
        show=show if show in SHOWN else SHOWN[0],
        groups={
            name: value for name in attributes if (value := query.get(GROUP + name, EVERY)) != EVERY
        },
    )  # fmt: skip


def _place(text: str | None, probe: Mapping[str, Any]) -> int:
    # isdigit is true of other scripts' digits too, which int would read.
    place = int(text) if text and text.isascii() and text.isdecimal() else 0
    return place if place < len(probe["specifications"]) else 0


def _attributes(probe: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for spec in probe["groups"] for name in spec))


def render(
    result: AuditResult, choice: Choice, shown: pd.DataFrame, *, total: int, missing: int, page: int,
    per_page: int, token: str, two_audits: bool,
) -> str:  # fmt: skip
    """Return the page as HTML.

    Parameters
    ----------
    shown
        The images of this page, rows of `AuditResult.outcomes`.
    total, missing
        Images of the cell that the data hold, and those that they do not.
    """
    probe = next(one for one in result.manifest["probes"] if one["name"] == choice.probe)
    attributes = _attributes(probe)
    items = "".join(_item(row, attributes, token) for row in shown.to_dict("records"))
    lost = f" {missing:,} more are not in the data given." if missing else ""
    what = f"{words(choice.probe)}, {words(choice.outcome)}: {choice.show}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(what)}</title>'
        # Else a browser asks for /favicon.ico, without the token, and is refused.
        '<link rel="icon" href="data:,">'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<h1>The images behind a number</h1><p>{escape(result.manifest['model']['name'])} on "
        f"{escape(result.manifest['data']['name'])}. Blurred; a click shows one clearly, on a page of its "
        "own. Nothing here leaves this machine.</p>"
        + _form(result, probe, choice, token=token, two_audits=two_audits)
        + f"<p><strong>{total:,} images</strong>, {escape(what)}.{lost}</p><ul>{items}</ul>"
        + _pages(choice, total=total, page=page, per_page=per_page, token=token)
        + "</html>"
    )


def _item(row: Mapping[Any, Any], attributes: Sequence[str], token: str) -> str:
    small, clear = (
        escape(f"/image?{urlencode({'id': row['image'], 'clear': clear, 'token': token})}")
        for clear in (0, 1)
    )
    told = ", ".join(words(row[name]) for name in attributes)
    image = f'<img src="{small}" alt="{escape(told)}" loading="lazy">'
    return f'<li><a href="{clear}">{image}</a>{escape(told)}</li>'


def _form(
    result: AuditResult, probe: Mapping[str, Any], choice: Choice, *, token: str, two_audits: bool
) -> str:
    specifications = dict(enumerate(specifications_of(probe)))
    probes = {one["name"]: one["title"] for one in result.manifest["probes"] if one["outcomes"]}
    parts = [
        _select("probe", "Question", probes, choice.probe),
        _select(
            "outcome", "Outcome", {o["name"]: words(o["name"]) for o in probe["outcomes"]}, choice.outcome
        ),
        _select("specification", "Asked", specifications, choice.specification),
        _select("show", "Images in which it", {name: name for name in SHOWN}, choice.show),
    ]
    if not two_audits:
        parts.append(_select("other", "Disagree with", specifications, choice.other))
    rows = result.outcomes[result.outcomes["probe"] == choice.probe] if result.outcomes is not None else None
    for name in _attributes(probe) if rows is not None else ():
        values = sorted(map(str, rows[name].unique())) if rows is not None else []
        known = {EVERY: EVERY, **{value: words(value) for value in values}}
        parts.append(_select(GROUP + name, words(name), known, choice.groups.get(name, EVERY)))
    return (
        f'<form><input type="hidden" name="token" value="{escape(token)}">{"".join(parts)}'
        "<button>Show</button></form>"
    )


def _select(name: str, label: str, options: Mapping[Any, str], chosen: Any) -> str:
    made = "".join(
        f'<option value="{escape(str(key))}"{chosen_word(key == chosen)}>{escape(str(text))}</option>'
        for key, text in options.items()
    )
    return f'<label>{escape(label)}<select name="{escape(name)}">{made}</select></label>'


def chosen_word(chosen: bool) -> str:
    """The attribute of the option that is chosen."""
    return " selected" if chosen else ""


def _pages(choice: Choice, *, total: int, page: int, per_page: int, token: str) -> str:
    query = {
        "token": token, "probe": choice.probe, "outcome": choice.outcome, "show": choice.show,
        "specification": choice.specification, "other": choice.other,
        **{GROUP + name: value for name, value in choice.groups.items()},
    }  # fmt: skip
    links = [
        f'<a href="/?{escape(urlencode({**query, "page": number}))}">{text}</a>'
        for number, text in ((page - 1, "Earlier"), (page + 1, "Later"))
        if 0 <= number * per_page < total
    ]
    return f"<nav>{''.join(links)}</nav>" if links else ""
