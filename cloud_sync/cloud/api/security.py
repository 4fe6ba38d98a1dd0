"""Who a route is for, as the API's description says it; the checks themselves are in `access`."""

from fastapi.security import HTTPBearer

BOX = HTTPBearer(
    scheme_name="box",
    bearerFormat="hsa_…",
    description="A box's own credential, from its enrolment. It may write what is about its machine, and no more.",
    auto_error=False,
)
PERSON = HTTPBearer(
    scheme_name="person",
    bearerFormat="hso_…",
    description="A token of a person or program: `hydrosight-cloud operator create NAME --role viewer|operator|admin`.",
    auto_error=False,
)
