"""Weights as the program keeps them: a burnpack file in half precision, and the model card beside it.

A burnpack is `NRUB`, the version (u16) and the length of the metadata (u32), all little-endian, then the metadata as
CBOR and the tensors; where the tensors begin, and each of them, is a multiple of 256 bytes.
"""

import hashlib
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

MAGIC = b"NRUB"
VERSION = 1
HEADER = struct.Struct("<4sHI")
ALIGNMENT = 256
DTYPES = {"F16": numpy.dtype("<f2"), "F32": numpy.dtype("<f4")}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def read_burnpack(path: Path) -> dict[str, numpy.ndarray]:
    """Tensors by name, in the precision of the file."""
    content = path.read_bytes()
    magic, version, length = HEADER.unpack_from(content)
    if magic != MAGIC or version != VERSION:
        raise ValueError(f"{path}: not a burnpack file of version {VERSION}")
    metadata, _ = _decoded(content, HEADER.size)
    start = _aligned(HEADER.size + length)
    tensors = {}
    for name, tensor in metadata["tensors"].items():
        first, last = tensor["data_offsets"]
        values = numpy.frombuffer(content[start + first : start + last], DTYPES[tensor["dtype"]])
        tensors[name] = values.reshape(tensor["shape"])
    return tensors


def write_burnpack(path: Path, tensors: dict[str, numpy.ndarray]) -> str:
    """Writes tensors by name; returns the file's SHA-256."""
    entries, blocks, offset = {}, [], 0
    for name in sorted(tensors):
        values = numpy.ascontiguousarray(tensors[name])
        first = _aligned(offset)
        blocks += [bytes(first - offset), values.tobytes()]
        offset = first + values.nbytes
        entries[name] = {"dtype": NAMES[values.dtype], "shape": list(values.shape), "data_offsets": [first, offset]}
    metadata = _encoded({"tensors": entries})
    head = HEADER.pack(MAGIC, VERSION, len(metadata)) + metadata
    content = b"".join([head, bytes(_aligned(len(head)) - len(head)), *blocks])
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def load(net: nn.Module, path: Path, strict: bool = True) -> None:
    """Fills a network from a burnpack; without `strict`, what the file lacks stays as it is."""
    tensors = {name: torch.from_numpy(values.astype("<f4")) for name, values in read_burnpack(path).items()}
    found = net.load_state_dict(tensors, strict=strict)
    if found.unexpected_keys:
        raise ValueError(f"{path}: tensors that this network does not have: {', '.join(found.unexpected_keys)}")


def half(net: nn.Module) -> dict[str, numpy.ndarray]:
    """A network's weights by name, in half precision."""
    return {name: p.detach().cpu().numpy().astype("<f2") for name, p in net.named_parameters()}


def save(net: nn.Module, path: Path, card: str) -> None:
    """Writes the weights in half precision, and the text of a model card with their name and checksum beside them."""
    checksum = write_burnpack(path, half(net))
    card = re.sub(r'(?m)^weights = ".*"$', f'weights = "{path.name}"', card)
    card = re.sub(r'(?m)^sha256 = ".*"$', f'sha256 = "{checksum}"', card)
    write_whole(path.with_suffix(".toml"), card.encode())


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file, so that one who is killed here leaves the old one or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _decoded(data: bytes, at: int) -> tuple[Any, int]:
    """The CBOR item (RFC 8949) at an offset, and the offset behind it; those kinds that a burnpack has."""
    kind, size = data[at] >> 5, data[at] & 31
    at += 1
    if 24 <= size <= 27:
        width = 1 << (size - 24)
        size, at = int.from_bytes(data[at : at + width], "big"), at + width
    if kind == 0:
        return size, at
    if kind == 3:
        return data[at : at + size].decode(), at + size
    items = []
    for _ in range(size * (2 if kind == 5 else 1)):
        item, at = _decoded(data, at)
        items.append(item)
    if kind == 4:
        return items, at
    if kind == 5:
        return dict(zip(items[::2], items[1::2])), at
    raise ValueError("the metadata of the burnpack holds something unexpected")


def _encoded(item: Any) -> bytes:
    """A number, text, list or table as CBOR."""
    if isinstance(item, int):
        return _head(0, item)
    if isinstance(item, str):
        return _head(3, len(item.encode())) + item.encode()
    if isinstance(item, list):
        return _head(4, len(item)) + b"".join(map(_encoded, item))
    pairs = [_encoded(key) + _encoded(value) for key, value in item.items()]
    return _head(5, len(pairs)) + b"".join(pairs)


def _head(kind: int, size: int) -> bytes:
    if size < 24:
        return bytes([kind << 5 | size])
    width = next(n for n in range(4) if size < 1 << (8 << n))
    return bytes([kind << 5 | 24 + width]) + size.to_bytes(1 << width, "big")
