"""Every error of Hydrosight, in one tree.

    HydrosightError
    ├── ConfigurationError      a file or setting is wrong; exit code 2
    ├── RecordingError          a recording can't be read or written
    ├── BundleError             a model bundle is damaged or doesn't fit
    │   └── GoldenMismatchError the bundle doesn't reproduce its own golden windows on this box
    ├── BaselineError           a machine's healthy baseline can't be learned, or doesn't fit
    ├── BackendError            the inference engine can't load or run a model
    ├── SourceError             a sensor source can't be reached or answers nonsense
    ├── StoreError              the local store can't be read or written
    │   ├── StoreFullError      there is no room left on the disk
    │   └── StoreDamagedError   what is stored isn't what was stored
    ├── CentreError             the centre can't be used
    │   ├── CentreUnreachableError  no answer, or a passing fault: try again later
    │   ├── CredentialError         the centre doesn't accept this box: enrol again
    │   ├── RefusedError            the centre refuses a request, and would again
    │   ├── DatabaseError           the centre's database doesn't answer: it is tried again
    │   └── OverloadedError         the centre has more to do than it can: it is tried again
    ├── WireError               a message can't be decoded
    │   └── MessageTooLargeError    it is larger than any that is sent on purpose
    ├── UpdateError             an over-the-air update was refused
    ├── TrainingError           a model can't be trained or evaluated from what was given
    └── DemoError               a step of the demo didn't happen

An error says what is wrong and where; its `hint` says what to do about it, naming the command where there is one.
"""


class HydrosightError(Exception):
    """Base of all errors raised on purpose. `str()` gives the message, `hint` what to do."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigurationError(HydrosightError):
    """A file or setting is wrong. The message names the file and the path in it."""

    exit_code = 2


class RecordingError(HydrosightError):
    """A recording can't be read or written."""


class BundleError(HydrosightError):
    """A model bundle is damaged, incomplete or made for another agent or machine."""


class GoldenMismatchError(BundleError):
    """The bundle doesn't reproduce its own golden windows on this box."""


class BaselineError(HydrosightError):
    """A machine's healthy baseline can't be learned from what was given, is damaged, or is of another machine."""


class BackendError(HydrosightError):
    """The inference engine can't load or run a model."""


class SourceError(HydrosightError):
    """A sensor source can't be reached or answers nonsense; the other sources go on."""


class StoreError(HydrosightError):
    """The local store can't be read or written."""


class StoreFullError(StoreError):
    """There is no room left on the disk for what was to be stored."""


class StoreDamagedError(StoreError):
    """What is stored isn't what was stored: the file, or one payload in it, is damaged."""


class CentreError(HydrosightError):
    """The centre can't be used."""


class CentreUnreachableError(CentreError):
    """No answer from the centre, or a passing fault; `retry_after_s` is what it asked for, if it did."""

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class CredentialError(CentreError):
    """The centre doesn't accept this box's token or credential."""


class RefusedError(CentreError):
    """The centre refuses a request, and would again if it were sent unchanged; `status` is the HTTP status."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class DatabaseError(CentreError):
    """The centre's database doesn't answer, or not as it should. Nothing was committed, or it can be sent again."""


class OverloadedError(CentreError):
    """The centre has more to do than it can now; `bottleneck` says where, `retry_after_s` when to come again."""

    def __init__(self, message: str, *, bottleneck: str, hint: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.bottleneck = bottleneck
        self.retry_after_s = retry_after_s


class WireError(HydrosightError):
    """A message that crossed the WAN can't be decoded."""


class MessageTooLargeError(WireError):
    """A message is larger than any that is sent on purpose."""


class UpdateError(HydrosightError):
    """An over-the-air update was refused; the model in use stays in use."""


class TrainingError(HydrosightError):
    """A model can't be trained or evaluated from what was given."""


class DemoError(HydrosightError):
    """A step of the demo didn't happen."""
