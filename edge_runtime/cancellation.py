"""A cancellation that Python lost."""

import asyncio


def check_cancelled() -> None:
    """Raise CancelledError if the current task has been cancelled and doesn't know.

    `asyncio.wait_for` of Python 3.11, which MQTT and Modbus libraries wait with, swallows a cancellation that arrives
    together with what it waits for (cpython issue 86296, mended in 3.12). A loop around it calls this in each round,
    or it may never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
