"""Lets the parts that are never replaced take up other settings."""

from collections.abc import Callable, Collection

from agent.baseline_keeper import BaselineKeeper
from agent.core import CoreThread
from agent.housekeeping import Housekeeping
from agent.models import Models
from agent.pipeline import Pipeline
from agent.reload_plan import BASELINE, LIMITS, MODEL, PIPELINE
from agent.settings import AgentSettings
from agent.store.store import Store
from edge_runtime.errors import BackendError, BundleError, ConfigurationError


class Tuning:
    """Model, store, pipeline and baseline, as far as their settings may change while they are at work."""

    def __init__(
        self,
        core: CoreThread,
        store: Store,
        models: Models,
        pipeline: Pipeline,
        baselines: BaselineKeeper,
        housekeeping: Housekeeping,
    ) -> None:
        self._core = core
        self._store = store
        self._models = models
        self._pipeline = pipeline
        self._baselines = baselines
        self._housekeeping = housekeeping
        self._tuners: dict[str, Callable[[AgentSettings], None]] = {
            MODEL: self._tune_model,  # first, as it alone may refuse
            LIMITS: self._tune_limits,
            PIPELINE: self._tune_pipeline,
            BASELINE: self._tune_baseline,
        }

    @property
    def takers(self) -> frozenset[str]:
        """Names of what can be tuned."""
        return frozenset(self._tuners)

    async def tune(self, settings: AgentSettings, names: Collection[str]) -> None:
        """Let those of that name take up these settings.

        Raises:
            ConfigurationError: the model can't be run with them; nothing has changed then.
        """
        for name, tune in self._tuners.items():
            if name in names:
                await self._core.call(tune, settings)

    def _tune_model(self, settings: AgentSettings) -> None:
        try:
            diagnoser = self._models.tune(
                self._pipeline.diagnoser,
                threads=settings.model.threads,
                probation_windows=settings.model.probation_windows,
            )
        except (BundleError, BackendError) as error:
            raise ConfigurationError(f"model: {error}", hint=error.hint) from error
        self._pipeline.use(diagnoser)

    def _tune_limits(self, settings: AgentSettings) -> None:
        self._store.keep_within(settings.store.retention)
        self._store.thin_by(settings.store.thinning_rule)
        self._housekeeping.min_free_bytes = settings.store.min_free_bytes

    def _tune_pipeline(self, settings: AgentSettings) -> None:
        self._pipeline.tune(settings.alerts, settings.windows.lateness_us)

    def _tune_baseline(self, settings: AgentSettings) -> None:
        self._baselines.assume_healthy(settings.baseline.assume_healthy)
