"""Which addresses a credential may be sent to."""

from pathlib import Path

import pytest

from cloud_sync.edge.centre import check_url
from cloud_sync.edge.link import Link
from edge_runtime.errors import ConfigurationError


@pytest.mark.parametrize(
    "url",
    [
        "https://centre.example.com",
        "https://10.0.0.1:8443/base",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:80",
    ],
)
def test_encrypted_or_on_this_box(url: str) -> None:
    assert check_url(url).host


@pytest.mark.parametrize(
    "url",
    ["http://centre.example.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "http://localhost.example.com"],
)
def test_plain_http_to_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not encrypted") as refused:
        check_url(url)
    assert "https://" in refused.value.hint


@pytest.mark.parametrize("url", ["", "centre.example.com", "ftp://centre", "https://", "http://[::1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        check_url(url)


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")

    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError, match=str(path)):
            Link("https://centre", path).tls_context()
