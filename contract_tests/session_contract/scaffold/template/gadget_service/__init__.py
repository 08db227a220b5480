"""What clients of GadgetService import."""

from .session import (
    GadgetServiceClient,
    ServiceError,
)
from .session_constructor import (
    INSTRUMENT_TYPE,
    GadgetServiceSessionConstructor,
)

__all__ = [
    "INSTRUMENT_TYPE",
    "GadgetServiceClient",
    "GadgetServiceSessionConstructor",
    "ServiceError",
]
