"""What can go wrong between a request and its answer.

The errors know no transport. Each has one of TensorFlow's canonical codes (`absl::StatusCode`), and each transport
holds one table from these codes to its own.
"""

from typing import ClassVar

__all__ = [
    "CancelledError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "PermissionDeniedError",
    "RequestTooLargeError",
    "ResourceExhaustedError",
    "SavedModelError",
    "ServerStartError",
    "ServingError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
    "error_of",
]


class ServingError(Exception):
    """Base of all errors that the serving package raises on purpose.

    Args:
        message: for the sender of the request.
        retry_after_seconds: when the same request may be sent again; None = there is no telling.
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class InvalidArgumentError(ServingError):
    """The request does not fit the signature, or its content is malformed."""

    code = "INVALID_ARGUMENT"


class FailedPreconditionError(ServingError):
    """The request asks for something that the model does not have, or not now."""

    code = "FAILED_PRECONDITION"


class NotFoundError(ServingError):
    """No such model or version."""

    code = "NOT_FOUND"


class UnauthenticatedError(ServingError):
    """The request does not say who sends it, or not credibly."""

    code = "UNAUTHENTICATED"


class PermissionDeniedError(ServingError):
    """The sender may not do this."""

    code = "PERMISSION_DENIED"


class ResourceExhaustedError(ServingError):
    """The sender, or the server, has reached a limit."""

    code = "RESOURCE_EXHAUSTED"


class RequestTooLargeError(ResourceExhaustedError):
    """The request has more bytes than the server takes; gRPC itself has the same code for it."""


class DeadlineExceededError(ServingError):
    """The time that the sender gave has passed."""

    code = "DEADLINE_EXCEEDED"


class CancelledError(ServingError):
    """Nobody waits for the answer: the client has gone."""

    code = "CANCELLED"


class UnimplementedError(ServingError):
    """The server does not do this."""

    code = "UNIMPLEMENTED"


class UnavailableError(ServingError):
    """The server cannot answer now; trying again may help."""

    code = "UNAVAILABLE"


class UnknownError(ServingError):
    """What TensorFlow Serving answers when a model that it was told to load cannot be loaded."""

    code = "UNKNOWN"


class InternalError(ServingError):
    """The model or the server failed though the request was sound."""


class SavedModelError(ServingError):
    """A directory holds no SavedModel that can be loaded; the message names it and says what to do."""


class ServerStartError(ServingError):
    """The server cannot start: a port is taken, a flag is wrong, or there is no model to serve."""


_BY_CODE: dict[str, type[ServingError]] = {
    error.code: error
    for error in (
        InvalidArgumentError,
        FailedPreconditionError,
        NotFoundError,
        UnauthenticatedError,
        PermissionDeniedError,
        ResourceExhaustedError,
        DeadlineExceededError,
        UnimplementedError,
        UnavailableError,
        UnknownError,
    )
}


def error_of(code: str, message: str) -> ServingError:
    """The error of a canonical code, for those who receive it; codes without a class are InternalError."""
    return _BY_CODE.get(code, InternalError)(message)
