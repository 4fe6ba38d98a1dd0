import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud_sync.cloud.inference.batcher import BatchLimits, Lane
from cloud_sync.cloud.inference.engine import InferenceEngine
from cloud_sync.cloud.inference.job import Job, ServingModel, StoredWindow
from cloud_sync.cloud.inference.worker import Reply
from cloud_sync.cloud.metrics import CentreMetrics
from edge_runtime.errors import BackendError, OverloadedError, RefusedError

MODEL = ServingModel("rig", "1.0.0", "0" * 64, Path("bundle"), 60.0)
LIMITS = BatchLimits(max_batch=8, max_wait_s=0.0, max_waiting=4, patience_s=1.0)


class HandWorker:
    """A worker whose work is done by hand."""

    def __init__(self, model: ServingModel | None = None) -> None:
        self.model = model
        self.alive = True
        self.batches: list[tuple[list[str], asyncio.Future[list[Reply]]]] = []

    async def run_batch(self, jobs: Sequence[Job], within_s: float) -> list[Reply]:
        done: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        self.batches.append(([job.window.machine for job in jobs], done))
        return await done

    async def end(self) -> None:
        self.alive = False

    def answer(self, number: int) -> None:
        names, done = self.batches[number]
        done.set_result([name.encode() for name in names])


class Workers:
    """Every worker that an engine has started."""

    def __init__(self) -> None:
        self.started: list[HandWorker] = []

    async def __call__(self, model: ServingModel | None) -> HandWorker:
        self.started.append(HandWorker(model))
        return self.started[-1]


def engine_with(workers: Workers, processes: int) -> InferenceEngine:
    return InferenceEngine(LIMITS, CentreMetrics(), workers, processes=processes, worker_timeout_s=1.0)


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def engine(workers: Workers) -> InferenceEngine:
    return engine_with(workers, 1)


def ask(engine: InferenceEngine, machine: str, *, within_s: float = 60.0) -> "asyncio.Task[bytes]":
    job = Job(MODEL, "", StoredWindow(machine, 0, 60_000_000, {}), None)
    return asyncio.create_task(engine.infer(job, Lane.SINGLE, within_s))


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def ask_one_by_one(engine: InferenceEngine, machines: str) -> "list[asyncio.Task[bytes]]":
    """Each once the one before has gone as far as it can."""
    asked = []
    for machine in machines:
        asked.append(ask(engine, machine))
        await settle()
    return asked


async def test_what_comes_while_a_worker_is_busy_is_diagnosed_together(engine, workers):
    asked = await ask_one_by_one(engine, "abc")
    (worker,) = workers.started
    assert [names for names, _ in worker.batches] == [["a"]]
    worker.answer(0)
    await settle()
    assert [names for names, _ in worker.batches] == [["a"], ["b", "c"]]
    worker.answer(1)
    assert await asyncio.gather(*asked) == [b"a", b"b", b"c"]


async def test_what_comes_at_one_moment_is_diagnosed_together(engine, workers):
    asked = [ask(engine, name) for name in "abc"]
    await settle()
    assert [names for names, _ in workers.started[0].batches] == [["a", "b", "c"]]
    workers.started[0].answer(0)
    assert await asyncio.gather(*asked) == [b"a", b"b", b"c"]


async def test_a_window_that_nobody_waits_for_is_given_up(engine, workers):
    asked = await ask_one_by_one(engine, "abc")
    asked[1].cancel()
    await settle()
    workers.started[0].answer(0)
    await settle()
    assert [names for names, _ in workers.started[0].batches] == [["a"], ["c"]]


async def test_an_answer_that_nobody_waits_for_any_more_harms_nobody(engine, workers):
    first, second = await ask_one_by_one(engine, "ab")
    first.cancel()
    await settle()
    workers.started[0].answer(0)
    await settle()
    workers.started[0].answer(1)
    assert await second == b"b"


async def test_an_error_is_for_its_own_window(engine, workers):
    first, *others = await ask_one_by_one(engine, "abc")
    workers.started[0].answer(0)
    await settle()
    workers.started[0].batches[1][1].set_result([BackendError("it fails"), b"c"])
    with pytest.raises(BackendError, match="it fails"):
        await others[0]
    assert (await first, await others[1]) == (b"a", b"c")


async def test_after_a_worker_was_lost_over_a_batch_there_is_a_new_one(engine, workers):
    lost = ask(engine, "a")
    await settle()
    error = OverloadedError("the worker ended", bottleneck="inference queue")
    workers.started[0].batches[0][1].set_exception(error)
    with pytest.raises(OverloadedError, match="worker ended"):
        await lost
    assert not workers.started[0].alive
    again = ask(engine, "a")
    await settle()
    workers.started[1].answer(0)
    assert await again == b"a"


async def test_a_worker_that_ended_while_it_had_nothing_to_do_costs_no_window_anything(engine, workers):
    first = ask(engine, "a")
    await settle()
    workers.started[0].answer(0)
    await first
    workers.started[0].alive = False
    second = ask(engine, "b")
    await settle()
    workers.started[1].answer(0)
    assert await second == b"b"


async def test_an_engine_that_is_closed_ends_its_workers_busy_or_not(workers):
    engine = engine_with(workers, 2)
    await engine.warm_up(MODEL)
    asked = ask(engine, "a")
    await settle()
    await engine.close()
    assert [worker.alive for worker in workers.started] == [False, False]
    asked.cancel()


async def test_a_fault_of_the_program_is_told_and_the_queue_goes_on(engine, workers):
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    lost, waiting = await ask_one_by_one(engine, "ab")
    workers.started[0].batches[0][1].set_exception(ZeroDivisionError("a bug"))
    with pytest.raises(BackendError, match="a bug"):
        await lost
    await settle()
    workers.started[1].answer(0)
    assert await waiting == b"b"
    assert [type(fault) for fault in faults] == [ZeroDivisionError]


async def test_workers_that_were_warmed_up_are_those_that_diagnose(workers):
    engine = engine_with(workers, 2)
    await engine.warm_up(MODEL)
    assert [worker.model for worker in workers.started] == [MODEL, MODEL]
    asked = await ask_one_by_one(engine, "ab")
    for worker in workers.started:
        worker.answer(0)
    assert sorted(await asyncio.gather(*asked)) == [b"a", b"b"]
    assert len(workers.started) == 2


async def test_more_than_may_wait_is_refused_at_once(engine, workers):
    asked = await ask_one_by_one(engine, "abcde")
    with pytest.raises(OverloadedError) as refused:
        await ask(engine, "f")
    assert refused.value.bottleneck == "inference queue"
    workers.started[0].answer(0)
    await settle()
    workers.started[0].answer(1)
    assert await asyncio.gather(*asked) == [b"a", b"b", b"c", b"d", b"e"]


async def test_a_turn_that_does_not_come_in_time_is_refused(engine, workers):
    await ask_one_by_one(engine, "a")
    with pytest.raises(OverloadedError, match="in time"):
        await ask(engine, "b", within_s=0.01)


async def test_a_server_without_workers_says_that_it_does_not_diagnose():
    with pytest.raises(RefusedError) as refused:
        await ask(engine_with(Workers(), 0), "a")
    assert refused.value.status == 501
    assert "hydrosight[inference]" in refused.value.hint
