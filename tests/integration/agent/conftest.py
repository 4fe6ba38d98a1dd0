"""One Modbus device with one register."""

import pytest

from tests.servers.modbus import ModbusDevice


@pytest.fixture
async def one_device():
    device = ModbusDevice()
    device.put("holding", 0, "f", 1.5)
    await device.start()
    yield device
    await device.stop()
