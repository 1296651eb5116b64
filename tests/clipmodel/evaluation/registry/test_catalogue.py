"""The shipped registry: every entry loads, lists are those of the publications, mistakes are named."""

from __future__ import annotations

import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.registry.catalogue import entry_names, imagenet_maps, load_entry, set_lists


def test_every_entry_loads_and_says_where_it_comes_from() -> None:
    for name in entry_names():
        entry = load_entry(name)
        assert entry.name == name and entry.title and entry.source and entry.licence
        assert not entry.classes or entry.names_from or entry.subset


def test_the_lists_have_the_published_lengths() -> None:
    lengths = {name: len(one.members) for name, one in set_lists().items()}
    assert lengths == {
        "paper27": 27, "kornblith12": 12, "datacomp38": 38, "vtab19": 19, "imagenet_shifts": 5
    }  # fmt: skip
    for one in set_lists().values():
        assert all(load_entry(member.set).name == member.set for member in one.members)


@pytest.mark.parametrize("name", ["vtab/dtd", "wds/vtab/dtd", "dtd"])
def test_a_set_is_found_by_its_names(name: str) -> None:
    assert load_entry(name).name == "dtd"


def test_class_names_are_kept_as_published() -> None:
    # A blank class, two names that occur twice, classes of several names.
    assert load_entry("clevr_closest_object_distance").classes[3] == ""  # type: ignore[index]
    assert load_entry("imagenet1k").repeated_names == ["missile", "sunglasses"]
    assert load_entry("fer2013").class_names[3] == ("happy", "smiling")  # type: ignore[index]
    templates = load_entry("imagenet1k").templates
    assert templates is not None and len(templates) == 80


def test_subsets_of_imagenet_take_its_names() -> None:
    maps = imagenet_maps()
    assert {name: len(set(rows)) for name, rows in maps.subsets.items()} == {
        "imagenet-a": 200,
        "imagenet-r": 200,
    }
    assert len(set(maps.subsets["imagenet-a"]) & set(maps.subsets["imagenet-r"])) == 86
    assert len(maps.objectnet) == 113 and sum(map(len, maps.objectnet.values())) == 125
    names = load_entry("imagenet1k").classes
    assert names is not None
    assert load_entry("imagenet-r").classes == [names[i] for i in maps.subsets["imagenet-r"]]
    assert load_entry("objectnet").border_px == 2


def test_an_unknown_set_is_refused_with_the_closest() -> None:
    with pytest.raises(UserError, match="did you mean 'cifar10'"):
        load_entry("cifar-10")
