"""How a service is started, found and stopped: the same for every server."""

from .answering import answered
from .service import Options, Service, host, options

__all__ = ["Options", "Service", "answered", "host", "options"]
