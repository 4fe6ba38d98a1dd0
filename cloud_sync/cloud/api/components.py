"""A machine's parts and how they are: components and sensors of the machine file, with the newest diagnosis of each."""

from datetime import datetime

from fastapi import APIRouter, Request, Security
from psycopg.rows import class_row
from pydantic import BaseModel

from cloud_sync.cloud.access.operators import authorise
from cloud_sync.cloud.api.paging import MachineName
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.fleet import machine_file, machine_of
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.machine import Machine
from edge_runtime.vocabulary import ComponentType, Port, Quantity

_QUERIES = load_queries("read.sql")


class SensorAnswer(BaseModel):
    """A sensor at a port of the component; `rate_hz` is the fastest that it delivers."""

    name: str
    quantity: Quantity
    unit: str
    port: Port
    rate_hz: float


class StateAnswer(BaseModel):
    """What the newest diagnosis, of the window from `start` on, says of a component; nulls where it abstained."""

    component: str
    start: datetime
    health: float | None
    level: str | None
    severity: str | None
    ne107: str
    confidence: float | None
    abstained: bool


class ComponentAnswer(BaseModel):
    """One component.

    Attributes:
        type: null where the component is known from diagnoses alone, as is `criticality`, 0–1.
        leads_to: components that its pipes and hoses lead to.
        conditions: what labels say of it.
        newest: null until it was diagnosed.
    """

    name: str
    type: ComponentType | None
    criticality: float | None
    leads_to: list[str]
    conditions: list[str]
    sensors: list[SensorAnswer]
    newest: StateAnswer | None


def component_api(database: Database) -> APIRouter:
    """The route for components; it needs a viewer's token."""
    router = APIRouter(
        prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)], responses=problems(404)
    )

    @router.get("/{machine}/components", summary="Components, their sensors and how they are")
    async def components(request: Request, machine: MachineName) -> list[ComponentAnswer]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            known = machine_of(machine, await machine_file(connection, machine))
            async with connection.cursor(row_factory=class_row(StateAnswer)) as cursor:
                await cursor.execute(_QUERIES["newest_components"], {"machine": machine})
                newest = {state.component: state for state in await cursor.fetchall()}
        described = [] if known is None else _described(known, newest)
        left = [state for name, state in newest.items() if name not in {one.name for one in described}]
        return described + [
            ComponentAnswer(
                name=state.component, type=None, criticality=None, leads_to=[], conditions=[], sensors=[], newest=state
            )
            for state in left
        ]

    return router


def _described(machine: Machine, newest: dict[str, StateAnswer]) -> list[ComponentAnswer]:
    return [
        ComponentAnswer(
            name=component.name,
            type=component.type,
            criticality=component.criticality,
            leads_to=[link.target for link in machine.connections if link.source == component.name],
            conditions=[one.name for one in machine.conditions if one.component == component.name],
            sensors=[
                SensorAnswer(
                    name=sensor.name,
                    quantity=sensor.quantity,
                    unit=sensor.unit,
                    port=place.port,
                    rate_hz=sensor.rate_hz,
                )
                for sensor in machine.sensors
                for place in sensor.placements
                if place.component == component.name
            ],
            newest=newest.get(component.name),
        )
        for component in machine.components
    ]
