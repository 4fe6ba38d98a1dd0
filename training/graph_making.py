"""Many windows made into graphs: from the cache where they are there, else by several processes where that is asked."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from edge_runtime.graph import GraphSample
from edge_runtime.graph_builder import build_graphs
from edge_runtime.machine import Machine
from edge_runtime.window import Window
from training.feature_cache import FeatureCache, graphs_key

RUN = 64
"""Windows whose graphs are made, handed over and cached together."""

Graphs = tuple[GraphSample, ...]


@dataclass(frozen=True, slots=True)
class GraphMaking:
    """How graphs are made; the graphs are the same however.

    Attributes:
        cache: where they are looked for first and kept; None for nowhere.
        workers: processes. A window takes under a millisecond, a process a second to start: more than one pays from
            some thousand windows on.
    """

    cache: FeatureCache | None = None
    workers: int = 1


def make_graphs(
    machine: Machine,
    windows: Sequence[Window],
    making: GraphMaking,
    report: Callable[[int], None] = lambda _: None,
) -> Iterator[GraphSample]:
    """The graph of each window, in order.

    Args:
        machine: whose windows they are.
        windows: what to make graphs of.
        making: by which cache and how many processes.
        report: called with the number of windows done.

    Raises:
        TrainingError: the cache can't be written.
    """
    runs = [tuple(windows[start : start + RUN]) for start in range(0, len(windows), RUN)]
    done = 0
    for graphs in _made(machine, runs, making):
        yield from graphs
        done += len(graphs)
        report(done)


def _made(machine: Machine, runs: Sequence[tuple[Window, ...]], making: GraphMaking) -> Iterator[Graphs]:
    if making.workers == 1:
        yield from (_run(machine, run, making.cache) for run in runs)
        return
    # Started anew and not forked: torch's threads don't survive a fork.
    with ProcessPoolExecutor(making.workers, mp_context=get_context("spawn")) as processes:
        count = len(runs)
        yield from processes.map(_run, [machine] * count, runs, [making.cache] * count)


def _run(machine: Machine, windows: tuple[Window, ...], cache: FeatureCache | None) -> Graphs:
    if cache is None:
        return build_graphs(machine, windows, [None] * len(windows))
    key = graphs_key(machine, windows)
    graphs = cache.get(key)
    if graphs is None:
        graphs = build_graphs(machine, windows, [None] * len(windows))
        cache.put(key, graphs)
    return graphs
