"""The guide "Write a destination in an hour": its package is in it word for word, and works as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from reverse_etl.destinations import registry
from reverse_etl.errors import ConfigError
from sandbox import accounts

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "acme_destination"
FILES = ("weft_acme/destination.py", "pyproject.toml", "weft_acme/simulator.py", "tests/test_acme.py")


def run(*command: str, cwd: Path, path: str = "") -> str:
    """Run Python as somebody does who has the package, and return what it printed."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, str(ROOT))))}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=env, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package's wheel was unpacked to, with the entry points that it declares."""
    place = tmp_path_factory.mktemp("acme")
    source = shutil.copytree(EXAMPLE, place / "source")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", str(place / "wheel"), cwd=source)
    [wheel] = (place / "wheel").glob("*.whl")
    with ZipFile(wheel) as file:
        file.extractall(place / "site")
    return place / "site"


def test_the_guide_holds_the_package_word_for_word() -> None:
    guide = (ROOT / "docs" / "write-a-destination.md").read_text()

    shown = re.findall(r"`([\w/.]+)`\n\n```\w+\n(.*?)```\n", guide, re.DOTALL)
    assert shown == [(name, (EXAMPLE / name).read_text()) for name in FILES]


def test_the_destination_is_under_120_lines() -> None:
    assert len((EXAMPLE / FILES[0]).read_text().splitlines()) < 120


def test_once_installed_it_is_one_of_the_destinations(installed: Path) -> None:
    listed = run("-m", "weft", "destinations", "--json", cwd=ROOT, path=str(installed))

    assert '"acme"' in listed
    assert '"klaviyo"' in listed


def test_it_passes_the_suite_as_it_stands(installed: Path, tmp_path: Path) -> None:
    suite = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", ".")
    tests = shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")  # beside nothing that could be imported instead
    told = run(*suite, cwd=tests, path=str(installed))

    assert re.search(r"\d\d passed", told)
    assert "1 skipped" in told, "it declares no column that would change consent"


# what else an installed package may bring


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that packages are installed into."""
    monkeypatch.syspath_prepend(tmp_path)
    registry._brought.cache_clear()
    yield tmp_path
    registry._brought.cache_clear()


def install(site: Path, name: str, code: str, *groups: str) -> None:
    """Install a package that brings something under a name."""
    (site / f"weft_{name}_.py").write_text(code)
    info = site / f"weft_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: weft-{name}\nVersion: 1.0\n")
    points = [f"[{group}]\n{name} = weft_{name}_:Thing\n" for group in groups or (registry.GROUP,)]
    (info / "entry_points.txt").write_text("".join(points))


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("breaks", "import not_to_be_found", r"'breaks' could not be loaded \(ModuleNotFoundError\)"),
        ("raises", "raise RuntimeError('secret')", r"'raises' could not be loaded \(RuntimeError\)"),
        ("lacks", "", r"'lacks' could not be loaded \(AttributeError\)"),
        ("other", "class Thing: name = 'other'", "'other' is not a destination of that name"),
        ("number", "Thing = 7", "'number' is not a destination of that name"),
        (
            "alias",
            "from reverse_etl.destinations.meta.destination import Meta as Thing",
            "'alias' is not a destination of that name",
        ),
    ],
)
def test_a_package_that_cannot_be_used_is_told_by_name_and_the_others_work(
    site: Path, name: str, code: str, says: str
) -> None:
    install(site, name, code)

    with pytest.raises(ConfigError, match=says) as problem:
        registry.get(name)
    assert problem.value.where == f"package weft-{name}, entry point weft_{name}_:Thing"
    assert problem.value.fix
    assert "secret" not in str(problem.value)
    assert name in registry.names()
    assert registry.get("klaviyo").name == "klaviyo"


def test_a_name_that_wefts_own_has_is_taken(site: Path) -> None:
    own = (registry.get("klaviyo"), accounts.load()["klaviyo"])
    install(site, "klaviyo", "raise AssertionError('imported')", registry.GROUP, accounts.GROUP)

    assert (registry.get("klaviyo"), accounts.load()["klaviyo"]) == own
    assert registry.names().count("klaviyo") == 1
