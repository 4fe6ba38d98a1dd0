"""Settings of a training run: `configs/training/*.yaml`, frozen and checked as a whole."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import MisfitError, Name
from gnn.model import ModelConfig
from training.augmentation import NO_AUGMENTATION, Augmentation
from training.protocol_kinds import HoldOut, Protocol, SensorDropout, WithoutSensors

Precision = Literal["32-true", "bf16-mixed", "float8"]
Share = Annotated[float, Field(ge=0, lt=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FitSettings(_Frozen):
    """How one network is fitted.

    Attributes:
        epochs: at most; early stopping usually ends sooner.
        patience: epochs without fewer validation errors before it ends.
        batch_size: windows a step, joined as one disjoint graph.
        learning_rate: of AdamW at its peak, after one warm-up epoch; it falls as a cosine to zero.
        sensor_drop: probability that a sensor is taken out of a degraded copy of a window.
        sensor_faults: probability that a sensor of the copy that training sees drifts, sticks or is noisy; what the
            sensor fault head learns from.
        degraded_share: how often training sees the degraded copy instead of the window itself.
        fault_weight, innovation_weight, sensor_fault_weight: of those losses beside the level loss; the last two only
            with the ARMA block and the sensor fault head.
        validation_share: part of the training groups kept out for early stopping.
        accumulate: batches a step; as many windows as `batch_size` times this, with the memory of one batch.
        precision: of the arithmetic; weights are always float32. `bf16-mixed` pays on a GPU, `float8` on large networks
            there (`training.float8`).
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 60
    patience: Annotated[int, Field(ge=1)] = 12
    batch_size: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    sensor_drop: Share = 0.1
    sensor_faults: Share = 0.0
    degraded_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    fault_weight: Annotated[float, Field(ge=0)] = 0.5
    innovation_weight: Annotated[float, Field(ge=0)] = 0.1
    sensor_fault_weight: Annotated[float, Field(ge=0)] = 0.2
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    accumulate: Annotated[int, Field(ge=1)] = 1
    precision: Precision = "32-true"


class Ablation(_Frozen):
    """What an ablated run does differently; for the rest the training file stands.

    Attributes:
        model: values of `ModelConfig` that replace those of the training file.
        shuffled_edges: pipes join other components than they do, in each window anew (`training.ablation`).
    """

    description: str = ""
    model: dict[str, JsonValue] = {}
    shuffled_edges: bool = False


class TrainingConfig(_Frozen):
    """A whole training file.

    Attributes:
        name: of the model, as it is published.
        augment: changes to the signals of the degraded copy that training sees; off unless measured to pay.
        group_by: label columns. Windows that agree in all of them are too alike to be on both sides of a split.
        calibration_folds: the calibration comes from models that did not see the group they are asked about.
        protocols: by name.
        reported: protocols that `fit` runs and writes into the model card.
        ablations: by name; what each part of the network is worth is measured without it.
    """

    name: Name = "model"
    description: str = ""
    model: ModelConfig = ModelConfig()
    fit: FitSettings = FitSettings()
    augment: Augmentation = NO_AUGMENTATION
    group_by: Annotated[tuple[str, ...], Field(min_length=1)] = ("block",)
    calibration_folds: Annotated[int, Field(ge=2)] = 5
    protocols: dict[str, Protocol] = {}
    reported: tuple[str, ...] = ()
    ablations: dict[str, Ablation] = {}

    @model_validator(mode="after")
    def _protocols_refer_to_others(self) -> Self:
        for name, protocol in self.protocols.items():
            if isinstance(protocol, SensorDropout | WithoutSensors) and not isinstance(
                self.protocols.get(protocol.split), HoldOut
            ):
                message = f"there is no hold-out protocol {protocol.split!r} whose folds it could take"
                raise MisfitError(message, "protocols", name, "split")
        return self

    @model_validator(mode="after")
    def _sensor_head_has_something_to_learn(self) -> Self:
        if self.model.sensor_head and not self.fit.sensor_faults:
            message = "the sensor fault head learns from sensors made faulty: set fit.sensor_faults above 0"
            raise MisfitError(message, "model", "sensor_head")
        return self

    @model_validator(mode="after")
    def _ablations_fit_the_model(self) -> Self:
        for name in self.ablations:
            self._ablated_model(name)
        return self

    def ablated(self, name: str) -> "TrainingConfig":
        """The training file of an ablated run.

        Raises:
            ConfigurationError: there is no ablation of that name.
        """
        if name not in self.ablations:
            raise ConfigurationError(
                f"there is no ablation {name!r}; the training file has: {', '.join(self.ablations) or 'none'}",
                hint="Name one of these, or add it under ablations: in the training file (--config).",
            )
        return self.model_copy(update={"model": self._ablated_model(name)})

    def _ablated_model(self, name: str) -> ModelConfig:
        try:
            return ModelConfig.model_validate({**self.model.model_dump(), **self.ablations[name].model})
        except ValidationError as error:
            fault = error.errors()[0]
            message = f"the network can't be so: {fault['msg'].removeprefix('Value error, ')}"
            raise MisfitError(message, "ablations", name, "model", *fault["loc"]) from error
