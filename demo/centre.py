"""The centre: `hydrosight-cloud` with TLS, its keys, tokens and models."""

import json
from dataclasses import dataclass
from pathlib import Path

import trustme

from demo.postgres import Postgres
from demo.process import Processes, program
from edge_runtime.errors import DemoError


@dataclass(frozen=True)
class Centre:
    """A running centre.

    Attributes:
        processes: where it starts its commands.
        folder: of all its files.
        url: where it serves, https.
        ca_file: certificate of the authority that vouches for it, made for this demo.
        trust_root: the root metadata of its model registry, which a box is given at installation.
        database_url: of its database, with the password.
    """

    processes: Processes
    folder: Path
    url: str
    ca_file: Path
    trust_root: Path
    database_url: str

    @classmethod
    async def start(cls, processes: Processes, folder: Path, database: Postgres) -> "Centre":
        """Make certificates and keys, bring the database to its schema, and serve.

        Raises:
            DemoError: a command fails.
        """
        ca_file, certificate, key = _certificates(folder)
        await _run(processes, folder, "migrate", database.url, "db", "migrate")
        await _run(
            processes, folder, "keys", database.url, "model", "keys", "init", "--directory", str(folder / "keys")
        )
        registry = await _run(
            processes, folder, "registry", database.url, "model", "init", *_registry(folder), "--json"
        )
        process = await processes.start(
            "the centre",
            [
                *(program("hydrosight-cloud"), "serve", "--host", "127.0.0.1", "--port", "0", "--json"),
                *("--tls-cert", certificate, "--tls-key", key, "--tuf-repository", folder / "registry"),
            ],
            folder / "serve.log",
            environment={"HYDROSIGHT_DATABASE_URL": database.url},
        )
        urls: list[str] = []

        async def announced() -> bool:
            urls.extend(_announced_urls(process.log))
            return bool(urls)

        await process.until(announced)
        return cls(processes, folder, urls[0], ca_file, Path(json.loads(registry)["root"]), database.url)

    async def token(self, machine: str) -> str:
        """A one-time enrolment token.

        Raises:
            DemoError: the command fails.
        """
        said = await _run(self.processes, self.folder, "enroll", self.database_url, "enroll", machine, "--json")
        token = json.loads(said)["token"]
        if not isinstance(token, str):
            raise DemoError(f"hydrosight-cloud enroll gave no token: {said}")
        return token

    async def publish(self, bundle: Path) -> None:
        """Sign a model and offer it to the boxes.

        Raises:
            DemoError: the command fails.
        """
        await _run(
            self.processes,
            self.folder,
            "publish",
            self.database_url,
            "model",
            "publish",
            str(bundle),
            *_registry(self.folder),
        )


def _registry(folder: Path) -> list[str]:
    return ["--repository", str(folder / "registry"), "--keys", str(folder / "keys")]


async def _run(processes: Processes, folder: Path, name: str, database_url: str, *arguments: str) -> str:
    return await processes.run(
        f"hydrosight-cloud {arguments[0]}",
        [program("hydrosight-cloud"), *arguments],
        folder / f"{name}.log",
        environment={"HYDROSIGHT_DATABASE_URL": database_url},
    )


def _announced_urls(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [str(document["url"]) for document in documents if document.get("event") == "ready" and "url" in document]


def _certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A certificate authority's certificate, and a server's chain and key."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    paths = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    authority.cert_pem.write_to_path(str(paths[0]))
    for number, blob in enumerate(server.cert_chain_pems):
        blob.write_to_path(str(paths[1]), append=number > 0)
    server.private_key_pem.write_to_path(str(paths[2]))
    paths[2].chmod(0o600)
    return paths
