import json
import stat
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tests.models.tiny_bundle import TINY_MACHINE
from tests.unit.agent.cli.conftest import failed

ENROLMENT = {"agent": "agent-7", "credential": "s3cret", "machine": "tiny"}


class Centre(HTTPServer):
    """Answers every request alike and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.answer = 200, ENROLMENT
        self.asked = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(content)))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.answer).encode())

    def log_message(self, *_) -> None:
        """Says nothing."""


@pytest.fixture
def centre(box) -> Iterator[Centre]:
    with Centre() as centre:
        thread = Thread(target=centre.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        box.configure(centre={"url": centre.url})
        yield centre
        centre.shutdown()
        thread.join()


def test_a_token_becomes_a_credential_that_only_its_owner_reads(box, centre):
    result = box.run("enrol", text="the-token\n")
    assert result.exit_code == 0
    assert "Enrolled as agent-7 for machine tiny." in result.stdout
    file = box.folder / "data" / "credential.json"
    assert json.loads(file.read_text()) == ENROLMENT
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ((path, request),) = centre.asked
    assert path == "/api/v1/enrol"
    assert (request["token"], request["machine"], request["machine_file"]) == ("the-token", "tiny", TINY_MACHINE)


def test_the_credential_is_never_printed(box, centre):
    (box.folder / "token").write_text("the-token\n")
    result = box.run("enrol", "--token-file", str(box.folder / "token"), "--json")
    assert json.loads(result.stdout) == {
        "agent": "agent-7",
        "machine": "tiny",
        "file": str(box.folder / "data" / "credential.json"),
    }
    assert "s3cret" not in result.output
    assert centre.asked[0][1]["token"] == "the-token"


def test_a_refused_token_leaves_no_credential(box, centre):
    centre.status = 401
    failed(box.run("enrol", text="used-before\n"), 1)
    assert not (box.folder / "data" / "credential.json").exists()


def test_an_answer_that_is_not_the_centres_is_refused(box, centre):
    centre.answer = {"hello": "world"}
    assert "doesn't answer as the centre does" in failed(box.run("enrol", text="the-token\n"), 1)
    assert not (box.folder / "data" / "credential.json").exists()


def test_an_empty_token_is_not_sent(box, centre):
    assert "hydrosight-cloud enroll" in failed(box.run("enrol", text="\n"), 2)
    assert centre.asked == []


def test_a_token_file_that_is_missing_is_named(box, centre):
    assert "nowhere" in failed(box.run("enrol", "--token-file", str(box.folder / "nowhere")), 2)


def test_without_a_centre_in_the_settings_there_is_nothing_to_enrol_at(box):
    assert "centre.url" in failed(box.run("enrol", text="the-token\n"), 2)


def test_a_centre_that_is_away_is_named(box):
    box.configure(centre={"url": "http://127.0.0.1:1"})
    assert "127.0.0.1:1" in failed(box.run("enrol", text="the-token\n"), 1)
