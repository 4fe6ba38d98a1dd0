"""What the centre may change on this box."""

from typing import Annotated

from pydantic import Field

from agent.settings.section import Section
from edge_runtime.machine import Name


class RemoteSettings(Section):
    """Lets the centre change some of these settings by signed documents. Without this section it can't."""

    follow: Annotated[
        Name | None, Field(description="Whose documents are taken: a group's; default: this machine's own.")
    ] = None
    probation_s: Annotated[
        float, Field(ge=1, le=86_400, description="For so long sources must work under a new document to keep it.")
    ] = 300.0
    patience_s: Annotated[
        float, Field(ge=1, le=3600, description="A source may be at fault for so long meanwhile, such as to connect.")
    ] = 60.0
