import pytest

from edge_runtime.errors import ConfigurationError
from simulator.endpoint import Endpoint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:5020", Endpoint("127.0.0.1", 5020)),
        ("rig:0", Endpoint("rig", 0)),
        ("[::1]:502", Endpoint("::1", 502)),
    ],
)
def test_host_and_port(text, expected):
    assert Endpoint.parse(text, "--modbus") == expected


@pytest.mark.parametrize("text", ["", "rig", "rig:", ":502", "rig:x", "rig:70000", "rig:-1", "rig:٣"])
def test_anything_else_names_the_option(text):
    with pytest.raises(ConfigurationError, match=r"--modbus .* is not HOST:PORT") as caught:
        Endpoint.parse(text, "--modbus")
    assert "127.0.0.1:5020" in caught.value.hint
