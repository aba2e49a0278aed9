"""Where networks compute, in which type, and how much memory is free there."""

from __future__ import annotations

from typing import Protocol

import psutil
import torch

from core.errors import DarkroomError
from core.events import Usage

HOST = torch.device("cpu")


def choose_device(word: str) -> torch.device:
    """The device that `auto`, `cpu`, `cuda`, `cuda:N` or `mps` stands for; `auto` prefers an accelerator.

    Raises:
        DarkroomError: Not one of these words, or this machine has no such device.
    """
    match word.split(":"):
        case ["auto"]:
            return choose_device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
        case ["cpu"]:
            return HOST
        case ["mps"]:
            if not _has_mps():
                raise DarkroomError("there is no Apple GPU that PyTorch can use here: choose cpu or auto")
            return torch.device("mps")
        case ["cuda"]:
            return _cuda(0)
        case ["cuda", number] if number.isdecimal():
            return _cuda(int(number))
        case _:
            raise DarkroomError(f"unknown device {word!r}: choose auto, cpu, cuda, cuda:N or mps")


def start_device(word: str) -> torch.device:
    """The device of that word, and the one that everything is made on from now on where none is named.

    Raises:
        DarkroomError: There is no such device, or the GPU library has begun on another one: it keeps memory
            there until the process ends.
    """
    device = choose_device(word)
    if device.type == "cuda":
        if torch.cuda.is_initialized() and torch.cuda.current_device() != device.index:
            begun = f"cuda:{torch.cuda.current_device()}"
            raise DarkroomError(
                f"{device} is chosen too late: the GPU library has begun on {begun}; "
                f"start Darkroom again with --device {device}"
            )
        torch.cuda.set_device(device)
    return device


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _cuda(index: int) -> torch.device:
    if not torch.cuda.is_available():
        built = torch.version.cuda is not None or torch.version.hip is not None
        reason = "no usable GPU was found" if built else "this PyTorch was built without GPU support"
        raise DarkroomError(f"cuda cannot be used: {reason}; choose cpu or auto")
    if index >= torch.cuda.device_count():
        raise DarkroomError(
            f"there is no cuda:{index}: the last GPU here is cuda:{torch.cuda.device_count() - 1}"
        )
    return torch.device("cuda", index)


def denoiser_type(device: torch.device) -> torch.dtype:
    """The type denoisers and text encoders compute in: float16 on accelerators, where it is faster."""
    return torch.float32 if device.type == "cpu" else torch.float16


def vae_type(device: torch.device) -> torch.dtype:
    """The type VAEs compute in: bfloat16 where that is native, else float32; SDXL's overflows in float16."""
    native = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.bfloat16 if native else torch.float32


class Memory(Protocol):
    """What the cache asks about memory."""

    def free(self, device: torch.device) -> int:
        """Bytes that can still be taken on a device."""
        ...


class SystemMemory:
    """The memory of this machine."""

    def free(self, device: torch.device) -> int:
        """Bytes that can still be taken on a device."""
        if device.type == "cuda":
            kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            return torch.cuda.mem_get_info(device)[0] + kept
        if device.type == "mps":
            return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return psutil.virtual_memory().available


class DeviceMeter:
    """Measures what nodes use of this machine: a `core.engine.profile.Meter`."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._process = psutil.Process()
        self._began: torch.cuda.Event | None = None

    def start(self) -> None:
        """A node is about to work."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._began = _event(self._device)

    def stop(self) -> Usage:
        """What there is now that it has worked; waits for the accelerator."""
        host = self._process.memory_info().rss
        if self._device.type == "mps":
            taken = torch.mps.driver_allocated_memory()
            return Usage(host, taken, taken)
        if self._began is None:
            return Usage(host)
        ended = _event(self._device)
        ended.synchronize()
        return Usage(
            host,
            torch.cuda.memory_allocated(self._device),
            torch.cuda.max_memory_allocated(self._device),
            self._began.elapsed_time(ended) / 1000,
        )


def _event(device: torch.device) -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event


def words(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1024**3:.1f} GB"
