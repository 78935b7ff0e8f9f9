"""poptorch 3.4: Options. Setters return the options; frozen by the first use; `clone()` is not."""

import copy
import os

import torch

from ._enums import ConnectionType, OutputMode


class _Values:
    """Named values behind setters; reading a name gives its value."""

    def __init__(self, **values):
        self.__dict__["_values"] = values
        self.__dict__["_frozen"] = False

    def _set(self, **values):
        # poptorch 3.4: Options, frozen by the first use by a DataLoader or a model.
        if self._frozen:
            raise AttributeError("Can't modify frozen Options")
        self._values.update(values)
        return self

    def __getattr__(self, name):
        if name.startswith("__") or name not in self.__dict__["_values"]:
            raise AttributeError(name)
        return self.__dict__["_values"][name]

    def __setattr__(self, name, value):
        if self._frozen:
            raise AttributeError("Can't modify frozen Options")
        raise AttributeError(f"Invalid option {name}: use a setter")

    def exists(self, name):
        return name in self._values


def _positive(name, value):
    assert isinstance(value, int), f"{name} must be an integer, not {value!r}"
    assert value > 0, f"{name} must be positive, not {value!r}"
    return value


class _Training(_Values):
    def gradientAccumulation(self, count):
        return self._set(gradient_accumulation=_positive("gradientAccumulation", count))


class _Precision(_Values):
    def enableStochasticRounding(self, enabled):
        return self._set(stochastic_rounding=bool(enabled))


class Options(_Values):
    """What is compiled, and how it is run."""

    def __init__(self):
        super().__init__(
            device_iterations=1,
            replication_factor=1,
            output_mode=OutputMode.Default,
            output_return_period=1,
            connection_type=ConnectionType.Always,
            auto_round_num_ipus=False,
            use_model=False,
            log_dir=".",
            model_name="",
            cache_dir="",
            show_compilation_progress_bar=True,
            log_cycle_count=False,
            synthetic_data=False,
            available_memory_proportion={},
            relax_optimizer_checks=False,
            broadcast_buffers=True,
        )
        self.__dict__["Training"] = _Training(gradient_accumulation=1)
        self.__dict__["Precision"] = _Precision(stochastic_rounding=False)
        # poptorch 3.4: Options, enableExecutableCaching; environment, POPTORCH_CACHE_DIR.
        self.enableExecutableCaching(os.environ.get("POPTORCH_CACHE_DIR"))

    def deviceIterations(self, count):
        return self._set(device_iterations=_positive("deviceIterations", count))

    def replicationFactor(self, count):
        return self._set(replication_factor=_positive("replicationFactor", count))

    def outputMode(self, mode, output_return_period=None):
        """poptorch 3.4: output modes; EveryN needs a period, the others have none."""
        assert isinstance(mode, OutputMode)
        assert (mode == OutputMode.EveryN) == (output_return_period is not None)
        return self._set(output_mode=mode, output_return_period=output_return_period or 1)

    def randomSeed(self, seed):
        """poptorch 3.4: Options, randomSeed seeds torch's generator too."""
        assert isinstance(seed, int)
        torch.manual_seed(seed)
        return self._set(random_seed=seed)

    def useIpuModel(self, use):
        return self._set(use_model=bool(use))

    def connectionType(self, kind):
        assert isinstance(kind, ConnectionType)
        return self._set(connection_type=kind)

    def autoRoundNumIPUs(self, enabled=True):
        return self._set(auto_round_num_ipus=bool(enabled))

    def enableExecutableCaching(self, path):
        return self._set(cache_dir=path or "")

    def logDir(self, path):
        return self._set(log_dir=path)

    def modelName(self, name):
        return self._set(model_name=name)

    def logCycleCount(self, enabled):
        return self._set(log_cycle_count=bool(enabled))

    def enableSyntheticData(self, enabled):
        return self._set(synthetic_data=bool(enabled))

    def showCompilationProgressBar(self, show=True):
        return self._set(show_compilation_progress_bar=bool(show))

    def relaxOptimizerAttributesChecks(self, relax=True):
        return self._set(relax_optimizer_checks=bool(relax))

    def broadcastBuffers(self, broadcast_buffers=True):
        return self._set(broadcast_buffers=bool(broadcast_buffers))

    def setAvailableMemoryProportion(self, shares):
        assert isinstance(shares, dict)
        assert all(name.startswith("IPU") and 0 < share <= 1 for name, share in shares.items())
        return self._set(available_memory_proportion=dict(shares))

    def clone(self):
        """Return a copy that is not frozen."""
        return copy.deepcopy(self)

    def __deepcopy__(self, memo):
        made = Options.__new__(Options)
        for name, value in self.__dict__.items():
            made.__dict__[name] = copy.deepcopy(value, memo)
        for each in (made, made.Training, made.Precision):
            each.__dict__["_frozen"] = False
        return made

    def _freeze(self):
        for each in (self, self.Training, self.Precision):
            each.__dict__["_frozen"] = True

    def _default_output_mode(self, mode):
        """poptorch 3.4: output modes, the default is Final in training and All in inference."""
        if self.output_mode == OutputMode.Default:
            self.outputMode(mode)

    def toDict(self):
        parts = (self, self.Training, self.Precision)
        return {name: value for part in parts for name, value in part._values.items()}

    def __repr__(self):
        return "\n".join("{}: {}".format(*each) for each in sorted(self.toDict().items()))
