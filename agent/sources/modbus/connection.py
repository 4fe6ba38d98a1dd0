"""A connection to a Modbus device, gateway or serial bus, over pymodbus."""

import asyncio
import logging
import ssl
import termios
from collections.abc import Callable

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.framer import FramerRTU, FramerSocket, FramerType
from pymodbus.framer.base import FramerBase
from pymodbus.pdu import ModbusPDU
from pymodbus.transport import CommParams, CommType

from agent.sources.base import SourceCounters
from agent.sources.modbus.read_plan import Block
from agent.sources.modbus.registers import RegisterKind
from agent.sources.modbus.settings import ConnectionSettings
from agent.sources.modbus.transport import RtuOverTcpTransport, RtuTransport, TcpTransport, TlsTransport
from edge_runtime.errors import SourceError

# What pymodbus logs comes back as an exception too, and is reported once.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_PARITY = {"even": "E", "odd": "O", "none": "N"}


class UnreachableError(SourceError):
    """The device can't be connected to, went away, doesn't answer, or answers nonsense: the connection is of no use."""


class ExceptionAnswerError(SourceError):
    """The device answers a read with a Modbus exception; the connection is as good as before."""

    def __init__(self, message: str, *, code: int, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.code = code

    @property
    def about_range(self) -> bool:
        """Some of the registers asked for don't exist, or they are too many at once."""
        return self.code in {ExcCodes.ILLEGAL_ADDRESS, ExcCodes.ILLEGAL_VALUE}

    @property
    def from_gateway(self) -> bool:
        """The gateway answers in place of a device that it can't reach."""
        return self.code in {ExcCodes.GATEWAY_PATH_UNAVIABLE, ExcCodes.GATEWAY_NO_RESPONSE}


class ModbusConnection:
    """One connection; it reads for one caller at a time. Faults come out as `SourceError`."""

    def __init__(self, settings: ConnectionSettings, counters: SourceCounters | None = None) -> None:
        """`counters` gets the exceptions that are answered.

        Raises:
            SourceError: a certificate or key can't be read.
        """
        self._settings = settings
        self._counters = counters or SourceCounters()
        self._client = client = self._make_client()
        client.ctx.framer = _framer(client.ctx.framer)
        for answer in _ANSWERS:
            client.register(answer)
        self._reads = {
            RegisterKind.COIL: client.read_coils,
            RegisterKind.DISCRETE: client.read_discrete_inputs,
            RegisterKind.HOLDING: client.read_holding_registers,
            RegisterKind.INPUT: client.read_input_registers,
        }
        self._next_request_s = 0.0
        self._waiting = False

    def __str__(self) -> str:
        return f"{self._settings.name} ({self._settings.transport})"

    async def connect(self) -> None:
        """Connect.

        Raises:
            UnreachableError: it can't be.
        """
        context = self._client.ctx
        try:
            # Not client.connect(), which keeps the reason of a failure to itself.
            context.transport, _ = await asyncio.wait_for(context.call_create(), self._settings.timeout_s)
        except (OSError, termios.error) as error:
            raise UnreachableError(f"{self}: no connection: {_reason(error)}", hint=self._connection_hint()) from error
        await asyncio.sleep(0)  # a serial port is set up in the next round of the loop

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    async def read(self, unit_id: int, block: Block) -> bytes:
        """The content of the answer: two bytes a register as they arrive, or eight bits a byte.

        Raises:
            UnreachableError: no answer, or one to another question.
            ExceptionAnswerError: the device refuses.
        """
        if self._settings.request_delay_s:
            await asyncio.sleep(self._next_request_s - asyncio.get_running_loop().time())
        self._waiting = True
        try:
            answer = await self._reads[block.kind](block.address, count=block.count, device_id=unit_id)
        except ModbusException as error:
            question = f"a read of {block} of unit {unit_id}"
            closed = isinstance(error, ConnectionException)
            raise UnreachableError(
                f"{self}: closed the connection during {question}"
                if closed
                else f"{self}: no answer to {question} within {self._settings.timeout_s:g} s",
                hint="Check the device and the network; a slow device needs a longer timeout_s.",
            ) from error
        finally:
            self._waiting = False
            if self._settings.request_delay_s:
                self._next_request_s = asyncio.get_running_loop().time() + self._settings.request_delay_s
        return self._content(answer, unit_id, block)

    def _content(self, answer: ModbusPDU, unit_id: int, block: Block) -> bytes:
        # pymodbus also takes answers to transaction 0 and to other functions.
        fits = answer.transaction_id == self._client.ctx.request_transaction_id
        if fits and answer.function_code == block.kind.function_code | 0x80:
            code = answer.exception_code
            self._counters.exceptions[code] = self._counters.exceptions.get(code, 0) + 1
            raise ExceptionAnswerError(
                f"{self}: unit {unit_id} refuses a read of {block}: exception {exception_name(code)}",
                code=code,
                hint="Check unit id, kind and address with the device's manual, and what it says of this exception.",
            )
        fits = fits and answer.function_code == block.kind.function_code
        if fits and isinstance(answer, _ReadAnswer) and len(answer.content) == block.size:
            return answer.content
        self._counters.malformed += 1
        raise UnreachableError(
            f"{self}: unit {unit_id} answers a read of {block} with something else",
            hint="Check that it speaks Modbus as `transport` says, and that no two devices have one unit id.",
        )

    def _make_client(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        timeout_s = self._settings.timeout_s
        match self._settings.transport:
            case TcpTransport(host=host, port=port):
                return self._tcp_client(host, port, FramerType.SOCKET)
            case RtuOverTcpTransport(host=host, port=port):
                return self._tcp_client(host, port, FramerType.RTU)
            case TlsTransport() as transport:
                return _TlsClient(transport, timeout_s, self._connection_changed)
            case RtuTransport() as line:
                return AsyncModbusSerialClient(
                    str(line.device),
                    baudrate=line.baud_rate,
                    parity=_PARITY[line.parity],
                    stopbits=line.stop_bits,
                    handle_local_echo=line.local_echo,
                    timeout=timeout_s,
                    retries=0,
                    reconnect_delay=0,
                    trace_connect=self._connection_changed,
                )

    def _tcp_client(self, host: str, port: int, framer: FramerType) -> AsyncModbusTcpClient:
        return AsyncModbusTcpClient(
            host,
            port=port,
            framer=framer,
            timeout=self._settings.timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=self._connection_changed,
        )

    def _connection_changed(self, connected: bool) -> None:
        """End the wait for an answer when the connection is gone; pymodbus would wait for the timeout."""
        answer = self._client.ctx.response_future
        if not connected and self._waiting and not answer.done():
            answer.set_exception(ConnectionException("closed"))

    def _connection_hint(self) -> str:
        match self._settings.transport:
            case RtuTransport(device=device):
                return f"Check that the adapter is plugged in and that this user may open {device} (group dialout)."
            case TlsTransport():
                return "Check host and port; the device's certificate must name the host and be signed by ca_file."
            case _:
                return "Check that the device is on and host and port are right; some devices take one connection only."


class _TlsClient(AsyncModbusTcpClient):
    """Modbus TCP frames inside TLS. pymodbus' own TLS client takes whatever arrives in one piece for a whole frame."""

    def __init__(self, transport: TlsTransport, timeout_s: float, trace_connect: Callable[[bool], None]) -> None:
        self.comm_params = CommParams(
            comm_type=CommType.TLS,
            comm_name="comm",
            host=transport.host,
            port=transport.port,
            sslctx=transport.context(),
            timeout_connect=timeout_s,
        )
        super().__init__(transport.host, framer=FramerType.SOCKET, retries=0, trace_connect=trace_connect)


class _Tolerant(FramerBase):
    """Drops what it can't decode, where pymodbus' framers raise into the event loop; the read then times out."""

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
        try:
            return super().handleFrame(data, exp_devid, exp_tid)
        except ModbusException:
            return len(data), None


class _TolerantSocket(_Tolerant, FramerSocket):
    """Modbus TCP frames."""


class _TolerantRtu(_Tolerant, FramerRTU):
    """RTU frames."""


def _framer(framer: FramerBase) -> FramerBase:
    return (_TolerantRtu if isinstance(framer, FramerRTU) else _TolerantSocket)(framer.decoder)


class _ReadAnswer(ModbusPDU):
    """The answer to a read, undecoded; its content is empty where its length isn't what it says."""

    rtu_byte_count_pos = 2
    content = b""

    def decode(self, data: bytes) -> None:
        if data and data[0] == len(data) - 1:
            self.content = data[1:]


_ANSWERS = [
    type(f"_{kind.name.title()}Answer", (_ReadAnswer,), {"function_code": kind.function_code}) for kind in RegisterKind
]


def exception_name(code: int) -> str:
    """The code of a Modbus exception, with what it is called."""
    try:
        return f"{code} ({ExcCodes(code).name.replace('_', ' ').replace('UNAVIABLE', 'unavailable').lower()})"
    except ValueError:
        return str(code)


def _reason(error: OSError | termios.error) -> str:
    if isinstance(error, termios.error):
        return f"the port doesn't take baud rate or parity: {error.args[-1]}"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return error.strerror or str(error)
