"""How names, texts and numbers are spelt in C."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from assay.errors import NotCompilable

MOST_BYTES = 4_000
"""Of one text; C99 compilers must take literals of 4,095 bytes and need take no longer ones."""

# Words of C and C++, and names that common headers or compilers define in small letters.
_TAKEN = frozenset(
    re.findall(
        r"\w+",
        """
    alignas alignof and and_eq asm assert auto bitand bitor bool break case catch char class compl
    complex const constexpr continue decltype default delete do double dynamic_cast else enum errno
    explicit export extern false far float for friend goto huge i386 if imaginary inline int
    interface isfinite isinf isnan isnormal linux long mutable namespace near new noexcept not
    not_eq nullptr offsetof operator or or_eq private protected public register reinterpret_cast
    requires restrict return short signbit signed sizeof small static static_assert static_cast
    stderr stdin stdout struct switch template this thread_local throw true try typedef typeid
    typename union unix unsigned using virtual void volatile wchar_t while xor xor_eq
    """,
    )
)
_LINE = 96


def identifiers(names: Iterable[str], *, otherwise: str) -> tuple[str, ...]:
    """A different C identifier for each name, as like it as can be.

    They are in small letters, which no common macro is, and start with a letter.

    Parameters
    ----------
    names : iterable of str
    otherwise : str
        What a name without any letter or digit of ASCII is called.

    Examples
    --------
    >>> identifiers(["Größe (m)", "groesse", "int", "2nd", "?", "grosse m"], otherwise="column")
    ('grosse_m', 'groesse', 'int_', 'column_2nd', 'column', 'grosse_m_2')
    """
    given: dict[str, None] = {}
    for name in names:
        plain = _plain(name, otherwise)
        choice, count = plain, 1
        while choice in given:
            count += 1
            choice = f"{plain.rstrip('_')}_{count}"
        given[choice] = None
    return tuple(given)


def _plain(name: str, otherwise: str) -> str:
    letters = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore")
    word = re.sub("[^a-z0-9]+", "_", letters.decode().lower()).strip("_")[:50].strip("_")
    if not word:
        return otherwise
    if word[0].isdigit():
        return f"{otherwise}_{word}"
    return f"{word}_" if word in _TAKEN else word


def text(value: str) -> str:
    r"""A text as a literal of its UTF-8 bytes, safe in comments too.

    Bytes beyond plain letters are octal escapes of three digits, which no digit behind can
    lengthen; ``?`` and ``*`` are among them, so that neither a trigraph nor the end of a
    comment can arise.

    Raises
    ------
    NotCompilable
        It is longer than compilers must take.

    Examples
    --------
    >>> print(text('é "7" ??/'))
    "\303\251 \0427\042 \077\077/"
    """
    body = value.encode("utf-8", "surrogatepass")
    if len(body) > MOST_BYTES:
        raise NotCompilable(
            "this model to C",
            f"one of its texts has {len(body):,} bytes, and C takes {MOST_BYTES:,}",
            hint="Use the ONNX file, which takes any text.",
        )
    return '"' + "".join(_letter(byte) for byte in body) + '"'


def _letter(byte: int) -> str:
    plain = 32 <= byte < 127 and chr(byte) not in '"\\?*%'
    return chr(byte) if plain else f"\\{byte:03o}"


def double(value: float) -> str:
    """A double, exactly.

    Examples
    --------
    >>> double(0.1), double(3), double(float("-inf"))
    ('0.1', '3.0', '-INFINITY')
    """
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return repr(float(value))


def single(value: float) -> str:
    """A float32, exactly, as a literal of the type float.

    Examples
    --------
    >>> single(0.1), single(1e30)
    ('0.1f', '1e+30f')
    """
    if not math.isfinite(value):
        return double(value)
    word = str(np.float32(value))
    return f"{word}f"


def array(kind: str, name: str, items: Sequence[str] | Iterable[str]) -> str:
    """A constant array; its lines are filled.

    Examples
    --------
    >>> print(array("double", "w", ["1.0", "2.0"]))
    static const double w[2] = {
        1.0, 2.0
    };
    """
    words = list(items)
    lines, line = [], "   "
    for word in words:
        if len(line) + len(word) + 2 > _LINE and line.strip():
            lines.append(line)
            line = "   "
        line += f" {word},"
    lines.append(line.removesuffix(","))
    body = "\n".join(lines)
    return f"static const {kind} {name}[{len(words)}] = {{\n{body}\n}};"
