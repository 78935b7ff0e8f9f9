"""From a cell to its Run: the data set, the seed, and what is refused before anything starts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from accelbench import workload_files
from accelbench.declarations import Cell, Declaration, DeclarationError
from accelbench.devices import DeviceConfig, Found
from accelbench.limits import parse_limits
from accelbench.report.progress import Quiet
from accelbench.trainer import Place, Trainer, chance, missing_framework, prepare, refused

SOURCE = """
from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
INPUT = [8, 8]
PARAMETERS = {"rate": 0.5, "batch_size": 1, "train_samples": 100}
TIERS = {"smoke": [{"dataset": "digits", "epochs": 1, "gates": []}]}

def start(params, seed, data):
    count = len(data.train_images)
    mean = float(data.train_images.mean())
    return Stepper(lambda _: mean, lambda: Evaluation(0.5, len(data.test_labels), 0.5), count, 3)
"""

PLACE = Place(Found("cpu", "Model", ("cpu",), (("fact", "x"),)), DeviceConfig(), role="confirm")


@pytest.fixture
def declaration(tmp_path: Path) -> Declaration:
    (tmp_path / "alpha.py").write_text(SOURCE)
    return workload_files.read(tmp_path / "alpha.py")


@pytest.fixture
def trainer(tmp_path: Path, home: Path) -> Trainer:
    return Trainer(
        session_id="session",
        data_root=tmp_path / "data",
        limits=parse_limits(60, []),
        treatment=(("commit", "abc"),),
        logs=tmp_path / "logs",
        listener=Quiet(),
    )


def test_a_cell_is_trained_on_its_data_with_its_whole_provenance(
    trainer: Trainer, declaration: Declaration
) -> None:
    (point,) = declaration.cells("smoke")
    run = trainer.run(declaration, point, PLACE, seed=5)
    assert run.state.name == "completed"
    assert run.counters.batch_size == 100
    assert run.evaluation is not None
    assert run.evaluation.samples == 360
    assert (run.spec.seed, run.spec.role, run.spec.dataset) == (5, "confirm", "digits")
    source = run.provenance
    assert re.fullmatch("session/[0-9a-f]{8}", source.run_id)
    assert source.workload_fingerprint == f"{declaration.fingerprint}-0"
    files = prepare(declaration, point, trainer.data_root)
    assert files is not None
    assert source.dataset_fingerprint == files.fingerprint
    assert {("commit", "abc"), ("fact", "x")} <= set(source.treatment)
    assert list(source.treatment) == sorted(source.treatment)
    assert [each.name.rpartition("-")[0] for each in trainer.logs.iterdir()] == ["alpha-cpu"]


def test_a_parameter_with_a_slash_does_not_leave_the_folder_of_logs(
    trainer: Trainer, declaration: Declaration, tmp_path: Path
) -> None:
    (tmp_path / "beta.py").write_text(SOURCE.replace('"rate": 0.5', '"path": "x"'))
    beta = workload_files.read(tmp_path / "beta.py")
    odd = replace(beta.cells("smoke")[0], params=(("path", "../../x"),))
    assert trainer.run(beta, odd, PLACE, seed=5).state.name == "completed"
    (log,) = trainer.logs.iterdir()
    assert log.name.startswith("beta-cpu-")


def test_seeds_differ_by_origin_and_number(trainer: Trainer) -> None:
    origins = ("test_a.py::test_one", "test_a.py::test_two", "test_b.py::test_one[x-cpu]")
    seeds = {trainer.seed(origin, number, ()) for origin in origins for number in range(3)}
    assert len(seeds) == 9
    first = trainer.seed(origins[0], 0, ())
    assert trainer.seed(origins[0], 0, {first}) != first


@pytest.mark.parametrize(
    ("size", "name", "said"),
    [
        (
            (8, 8),
            "imagenet",
            "unknown data set 'imagenet'; known: cifar10, cifar10-jpeg, digits, mnist, inline",
        ),
        ((8, 8), "inline", "trains on images (INPUT) and holds no data itself"),
        ((0, 0), "digits", "holds its own data (data set inline) and cannot train on 'digits'"),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused_before_anything_starts(  # noqa: PLR0917  # fixtures
    declaration: Declaration,
    tmp_path: Path,
    home: Path,
    size: tuple[int, int],
    name: str,
    said: str,
) -> None:
    changed = replace(declaration, input_size=size)
    with pytest.raises(DeclarationError) as caught:
        prepare(changed, Cell("alpha", name, 1, ()), tmp_path)
    assert said in str(caught.value)


def test_a_workload_with_its_own_data_needs_no_files(
    declaration: Declaration, tmp_path: Path
) -> None:
    own = replace(declaration, input_size=(0, 0))
    assert prepare(own, Cell("alpha", "inline", 1, ()), tmp_path) is None


def test_the_accuracy_of_guessing() -> None:
    assert chance("digits") == chance("mnist") == pytest.approx(0.1)
    assert chance("inline") == 0.0


def test_a_missing_framework_is_known_for_this_interpreter_only(declaration: Declaration) -> None:
    assert missing_framework(declaration, DeviceConfig()) is None
    absent = replace(declaration, framework="nonexistent_framework")
    said = missing_framework(absent, DeviceConfig())
    assert said is not None
    assert said.endswith(": python -m pip install nonexistent_framework")
    assert missing_framework(absent, DeviceConfig(command=("other/python",))) is None
    assert missing_framework(absent, DeviceConfig(setup="source enable")) is None


def test_a_framework_inside_a_package_is_looked_for_without_importing_the_package(
    declaration: Declaration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heavy").mkdir()
    (tmp_path / "heavy" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert missing_framework(replace(declaration, framework="heavy.part"), DeviceConfig()) is None


@pytest.mark.parametrize(
    ("framework", "advice"),
    [
        ("torch", "'pytest-accelbench[torch]'"),
        ("tensorflow.keras", "'pytest-accelbench[tensorflow]'"),
        ("jax.numpy", "jax"),
    ],
)
def test_an_extra_is_advised_only_where_there_is_one(
    declaration: Declaration, monkeypatch: pytest.MonkeyPatch, framework: str, advice: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)  # as where none is installed
    said = missing_framework(replace(declaration, framework=framework), DeviceConfig())
    assert said is not None
    assert said.endswith(f": python -m pip install {advice}")


def test_what_is_compared_exactly_or_has_no_way_to_spread_is_refused_on_several_replicas(
    declaration: Declaration,
) -> None:
    (point,) = declaration.cells("smoke")
    pair = replace(PLACE, device=replace(PLACE.device, device="cpu-2", replicas=2))
    assert refused(declaration, point, PLACE) is None
    assert "has one replica: use -m cpu, not cpu-2" in str(refused(declaration, point, pair))
    exact = replace(declaration, trained_by="torch", exact_digits=6)
    assert refused(exact, point, PLACE) is None
    assert "is compared exactly" in str(refused(exact, point, pair))
    assert refused(replace(exact, exact_digits=None), point, pair) is None
    graph = replace(point, mode="graph")
    said = refused(replace(declaration, trained_by="torch"), graph, PLACE)
    assert said == "mode graph runs on cuda alone, not on cpu"
