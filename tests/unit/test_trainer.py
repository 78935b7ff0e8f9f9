"""From a cell to its Run: the data set, the seed, and what is refused before anything starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from accelbench import workload_files
from accelbench.declarations import Cell, Declaration, DeclarationError
from accelbench.devices import DeviceConfig, Found
from accelbench.limits import parse_limits
from accelbench.report.progress import Quiet
from accelbench.trainer import Place, Trainer, chance, missing_framework, prepare

SOURCE = """
from accelbench.records import Evaluation
from accelbench.workers.ways.own import Stepper

FRAMEWORK = "numpy"
TRAINED_BY = "own"
INPUT = [8, 8]
PARAMETERS = {"rate": 0.5, "train_samples": 100}
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
    assert source.run_id == "session/alpha/cpu/5"
    assert source.workload_fingerprint == f"{declaration.fingerprint}-0"
    files = prepare(declaration, point, trainer.data_root)
    assert files is not None
    assert source.dataset_fingerprint == files.fingerprint
    assert {("commit", "abc"), ("fact", "x")} <= set(source.treatment)
    assert list(source.treatment) == sorted(source.treatment)
    assert (trainer.logs / "alpha-cpu-5.log").exists()


def test_a_parameter_with_a_slash_does_not_leave_the_folder_of_logs(
    trainer: Trainer, declaration: Declaration, tmp_path: Path
) -> None:
    (tmp_path / "beta.py").write_text(SOURCE.replace('"rate": 0.5', '"path": "x"'))
    beta = workload_files.read(tmp_path / "beta.py")
    odd = replace(beta.cells("smoke")[0], params=(("path", "../../x"),))
    assert trainer.run(beta, odd, PLACE, seed=5).state.name == "completed"
    assert [each.name for each in trainer.logs.iterdir()] == ["beta-path=.._.._x-cpu-5.log"]


def test_seeds_differ_by_cell_device_and_number(trainer: Trainer, declaration: Declaration) -> None:
    (point,) = declaration.cells("smoke")
    other = replace(point, params=(("rate", 0.1),))
    seeds = {
        trainer.seed(one, name, number, ())
        for one in (point, other)
        for name in ("cpu", "ipu")
        for number in range(3)
    }
    assert len(seeds) == 12
    first = trainer.seed(point, "cpu", 0, ())
    assert trainer.seed(point, "cpu", 0, {first}) != first


@pytest.mark.parametrize(
    ("size", "name", "said"),
    [
        ((8, 8), "cifar", "unknown data set 'cifar'; known: digits, mnist, inline"),
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
    assert said.endswith("python -m pip install 'pytest-accelbench[nonexistent_framework]'")
    assert missing_framework(absent, DeviceConfig(command=("other/python",))) is None
    assert missing_framework(absent, DeviceConfig(setup="source enable")) is None
