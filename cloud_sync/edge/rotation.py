"""A box renews its own credential: the centre issues another, and the former one ends once the new one was used.

So whatever is lost on the way, and whenever the power goes, the box holds a credential that is accepted.
"""

import asyncio
from pathlib import Path

from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import read_credential, succeed_credential
from cloud_sync.wire import Enrolment
from edge_runtime.errors import CentreUnreachableError

PATH = "/api/v1/credential/rotate"


async def rotate_credential(client: CentreClient, file: Path) -> bool:
    """Replace the credential in `file`; False when another was enrolled meanwhile.

    Raises:
        CentreError: the centre gives no new one; the old one stays.
        ConfigurationError: the new one can't be written; the old one stays.
    """
    former = await asyncio.to_thread(read_credential, file)
    successor = await client.post(PATH, b"", "application/json", former.credential, Enrolment)
    if (successor.agent, successor.machine) != (former.agent, former.machine):
        raise CentreUnreachableError(
            f"the new credential is for box {successor.agent} of {successor.machine}, this is {former.agent} of "
            f"{former.machine}",
            hint="Is something on the way that mixes up answers?",
        )
    return await asyncio.to_thread(succeed_credential, file, former, successor)
