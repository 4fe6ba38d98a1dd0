import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from cloud_sync.cloud.inference.batcher import BatchLimits, Lane
from cloud_sync.cloud.inference.engine import InferenceEngine
from cloud_sync.cloud.inference.job import Job, ServingModel, StoredWindow
from cloud_sync.cloud.inference.worker import prepare
from cloud_sync.cloud.metrics import CentreMetrics
from edge_runtime.errors import BackendError, OverloadedError, RefusedError

MODEL = ServingModel("rig", "1.0.0", "0" * 64, Path("bundle"), 60.0)
LIMITS = BatchLimits(max_batch=8, max_wait_s=0.0, max_waiting=4, patience_s=1.0)


class HandPool(Executor):
    """A pool whose work is done by hand."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[str], Future[list[object]]]] = []

    def submit(self, call: Callable[..., object], jobs: list[Job]) -> Future[list[object]]:
        done: Future[list[object]] = Future()
        done.set_running_or_notify_cancel()
        self.batches.append(([job.window.machine for job in jobs], done))
        return done

    def answer(self, number: int) -> None:
        names, done = self.batches[number]
        done.set_result([name.encode() for name in names])


class Pools:
    """Every pool that an engine has started."""

    def __init__(self) -> None:
        self.started: list[HandPool] = []

    def __call__(self, processes: int) -> HandPool:
        self.started.append(HandPool())
        return self.started[-1]


@pytest.fixture
def pools() -> Pools:
    return Pools()


@pytest.fixture
def engine(pools: Pools) -> InferenceEngine:
    return InferenceEngine(LIMITS, CentreMetrics(), processes=1, start_pool=pools)


def ask(engine: InferenceEngine, machine: str, *, within_s: float = 60.0) -> "asyncio.Task[bytes]":
    job = Job(MODEL, "", StoredWindow(machine, 0, 60_000_000, {}), None)
    return asyncio.create_task(engine.infer(job, Lane.SINGLE, within_s))


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_while_a_worker_is_busy_is_diagnosed_together(engine, pools):
    asked = [ask(engine, name) for name in "abc"]
    await settle()
    (pool,) = pools.started
    assert [names for names, _ in pool.batches] == [["a"]]
    pool.answer(0)
    await settle()
    assert [names for names, _ in pool.batches] == [["a"], ["b", "c"]]
    pool.answer(1)
    assert await asyncio.gather(*asked) == [b"a", b"b", b"c"]


async def test_a_window_that_nobody_waits_for_is_given_up(engine, pools):
    asked = [ask(engine, name) for name in "abc"]
    await settle()
    asked[1].cancel()
    await settle()
    pools.started[0].answer(0)
    await settle()
    assert [names for names, _ in pools.started[0].batches] == [["a"], ["c"]]


async def test_an_answer_that_nobody_waits_for_any_more_harms_nobody(engine, pools):
    first, second = ask(engine, "a"), ask(engine, "b")
    await settle()
    first.cancel()
    await settle()
    pools.started[0].answer(0)
    await settle()
    pools.started[0].answer(1)
    assert await second == b"b"


async def test_an_error_is_for_its_own_window(engine, pools):
    first, *others = (ask(engine, name) for name in "abc")
    await settle()
    pools.started[0].answer(0)
    await settle()
    pools.started[0].batches[1][1].set_result([BackendError("it fails"), b"c"])
    with pytest.raises(BackendError, match="it fails"):
        await others[0]
    assert (await first, await others[1]) == (b"a", b"c")


async def test_after_a_worker_has_ended_there_are_new_ones(engine, pools):
    lost = ask(engine, "a")
    await settle()
    pools.started[0].batches[0][1].set_exception(BrokenProcessPool("a worker was killed"))
    with pytest.raises(OverloadedError, match="worker"):
        await lost
    again = ask(engine, "a")
    await settle()
    pools.started[1].answer(0)
    assert await again == b"a"


async def test_a_fault_of_the_program_is_told_and_the_queue_goes_on(engine, pools):
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    lost, waiting = ask(engine, "a"), ask(engine, "b")
    await settle()
    pools.started[0].batches[0][1].set_exception(ZeroDivisionError("a bug"))
    with pytest.raises(BackendError, match="a bug"):
        await lost
    await settle()
    pools.started[0].answer(1)
    assert await waiting == b"b"
    assert [type(fault) for fault in faults] == [ZeroDivisionError]


async def test_workers_that_were_warmed_up_are_those_that_diagnose(pools):
    class Warming(HandPool):
        def submit(self, call: Callable[..., object], given: object) -> Future[list[object]]:
            if call is not prepare:
                return super().submit(call, given)
            warmed.append(given)
            done: Future[list[object]] = Future()
            done.set_result([])
            return done

    warmed: list[object] = []
    pool = Warming()
    engine = InferenceEngine(LIMITS, CentreMetrics(), processes=2, start_pool=lambda _: pool)
    await engine.warm_up(MODEL)
    assert warmed == [MODEL, MODEL]
    asked = ask(engine, "a")
    await settle()
    pool.answer(0)
    assert await asked == b"a"


async def test_more_than_may_wait_is_refused_at_once(engine, pools):
    asked = [ask(engine, name) for name in "abcde"]
    await settle()
    with pytest.raises(OverloadedError) as refused:
        await ask(engine, "f")
    assert refused.value.bottleneck == "inference queue"
    pools.started[0].answer(0)
    await settle()
    pools.started[0].answer(1)
    assert await asyncio.gather(*asked) == [b"a", b"b", b"c", b"d", b"e"]


async def test_a_turn_that_does_not_come_in_time_is_refused(engine, pools):
    ask(engine, "a")
    with pytest.raises(OverloadedError, match="in time"):
        await ask(engine, "b", within_s=0.01)


async def test_a_server_without_workers_says_that_it_does_not_diagnose():
    with pytest.raises(RefusedError) as refused:
        await ask(InferenceEngine(LIMITS, CentreMetrics(), processes=0), "a")
    assert refused.value.status == 501
    assert "hydrosight[inference]" in refused.value.hint
