"""From a machine and a time to jobs: what to diagnose, with which model. On the connection of who was authorised."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from cloud_sync.cloud.inference.job import Job, ServingModel
from cloud_sync.cloud.inference.model_shelf import ModelShelf
from cloud_sync.cloud.inference.window_lookup import FoundWindow, known_machine_file, window_at, window_page
from edge_runtime.errors import RefusedError

PAGE_ROWS = 512
"""Channels read at once of a range: 30 windows of the rig, 5 MB at its native rates."""


@dataclass(frozen=True, slots=True)
class AskedRange:
    """Windows of one machine that begin from `since` on and before `until`, and what diagnoses them."""

    machine: str
    machine_file: str
    model: ServingModel
    since: datetime
    until: datetime

    @property
    def most_windows(self) -> int:
        """As many as there can be."""
        return int((self.until - self.since) / timedelta(seconds=self.model.window_s)) + 1

    async def page(self, connection: psycopg.AsyncConnection, since: datetime) -> list[FoundWindow]:
        """The first windows from `since` on; none at the end."""
        return await window_page(connection, self.machine, since, self.until, PAGE_ROWS)

    def job(self, found: FoundWindow) -> Job:
        """What to do about a window of the range.

        Raises:
            RefusedError: it is of another length than the model takes (409).
        """
        return _job(self.model, self.machine_file, found)


async def ask_one(connection: psycopg.AsyncConnection, shelf: ModelShelf, machine: str, time: datetime | None) -> Job:
    """The window of a machine that holds `time`, or its newest.

    Raises:
        RefusedError: there is no such machine or window (404), its machine file or a model is missing, or the window is
            of another length than the model takes (409).
        BundleError: the model is damaged.
        UpdateError: the model repository can't be trusted.
    """
    text = await known_machine_file(connection, machine)
    model = await shelf.model_for(connection, machine)
    return _job(model, text, await window_at(connection, machine, time))


async def ask_range(
    connection: psycopg.AsyncConnection, shelf: ModelShelf, machine: str, since: datetime, until: datetime
) -> AskedRange:
    """The windows of a machine in a span of time; what can be wrong about that is as in `ask_one`."""
    text = await known_machine_file(connection, machine)
    return AskedRange(machine, text, await shelf.model_for(connection, machine), since, until)


def _job(model: ServingModel, machine_file: str, found: FoundWindow) -> Job:
    length_s = (found.window.end_us - found.window.start_us) / 1e6
    if length_s != model.window_s:
        raise RefusedError(
            f"the window is {length_s:g} s long, model {model.name} {model.version} takes {model.window_s:g} s",
            status=409,
            hint="Ask for windows that the box cut for this model.",
        )
    return Job(model, machine_file, found.window, found.box_baseline)
