import subprocess
import sys

import pytest

import audit
import clipmodel
import clipmodel.loading
import probes
from clipmodel.lazy_names import lazy_names

PACKAGES = [audit, clipmodel, clipmodel.loading, probes]


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_a_name_is_the_one_of_its_module() -> None:
    load, _ = lazy_names("clipmodel", {"number_of": "clipmodel.plurals"})
    from clipmodel.plurals import number_of

    assert load("number_of") is number_of


def test_an_unknown_name_says_which_package_lacks_it() -> None:
    load, _ = lazy_names("clipmodel", {"number_of": "clipmodel.plurals"})
    with pytest.raises(AttributeError, match="module 'clipmodel' has no attribute 'number'"):
        load("number")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_loads_and_is_listed(package: object) -> None:
    for name in package.__all__:  # type: ignore[attr-defined]
        assert getattr(package, name) is not None
        assert name in dir(package)


def test_importing_the_packages_loads_little() -> None:
    # 0.5 s is the goal of `import audit`. Python alone loads about 50 modules before any import, which takes
    # 0.02 s; a time would depend on the machine, so the modules are counted.
    bare = modules_after("pass")
    loaded = modules_after("import audit, probes, clipmodel, clipmodel.loading") - bare
    assert not {"numpy", "pandas", "scipy", "pydantic", "torch", "typer"} & loaded
    assert len(loaded) < 25, sorted(loaded)
