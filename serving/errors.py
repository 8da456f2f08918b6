"""What can go wrong between a request and its answer.

The errors know no transport: gRPC and REST each hold one table from these types to their own status codes.
"""

__all__ = [
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "SavedModelError",
    "ServerStartError",
    "ServingError",
    "UnavailableError",
    "UnimplementedError",
]


class ServingError(Exception):
    """Base of all errors that the serving package raises on purpose."""


class InvalidArgumentError(ServingError):
    """The request does not fit the signature, or its content is malformed."""


class FailedPreconditionError(ServingError):
    """The request asks for something that the model does not have."""


class NotFoundError(ServingError):
    """No such model or version."""


class UnimplementedError(ServingError):
    """The server does not do this."""


class UnavailableError(ServingError):
    """The server cannot answer now; trying again may help."""


class InternalError(ServingError):
    """The model or the server failed though the request was sound."""


class SavedModelError(ServingError):
    """A directory holds no SavedModel that can be loaded; the message names it and says what to do."""


class ServerStartError(ServingError):
    """The server cannot start: a port is taken, a flag is wrong, or there is no model to serve."""
