"""What goes wrong with an installation, said in words that an operator can act on."""


class OperatorError(Exception):
    """Something that the operator must put right; the command line prints the message and exits with `status`."""

    def __init__(self, message: str, *, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
