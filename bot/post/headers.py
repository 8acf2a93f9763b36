"""Header fields of a mail (RFC 5322); texts that are not plain ASCII are written as encoded words (RFC 2047).

The `email` package folds encoded words in a way that loses or doubles blanks between them, and in newer versions of Python
sets them side by side without a blank, so that they are not read as such. Here a text is either plain, or encoded as a whole:
then its blanks stand within the words, and what stands between the words does not count.
"""

import re
from email.header import Header
from email.utils import quote

LINE = 76  # characters, of which an encoded word has at most 75
LONGEST_WORD = 60

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


def text(field: str, value: str) -> str:
    """The body of an unstructured field, such as Subject, folded; read back it is `value` with each run of blanks as one."""
    value = _one_line(value)
    charset = "us-ascii" if _is_plain(value) else "utf-8"
    return Header(value, charset, header_name=field, maxlinelen=LINE).encode()


def mailbox(field: str, name: str, address: str) -> str:
    """The body of a field with one address, such as To; the name before it may be empty."""
    name = _one_line(name)
    if not name:
        return address
    if not _is_plain(name):
        name = Header(name, "utf-8", header_name=field, maxlinelen=LINE).encode()
    elif not _ATOMS.fullmatch(name):
        name = f'"{quote(name)}"'
    last = name.rpartition("\n")[2]
    blank = " " if len(f"{field}: {last} <{address}>") <= LINE else "\n "
    return f"{name}{blank}<{address}>"


def _one_line(value: str) -> str:
    """One line that can be encoded: lone surrogates become question marks."""
    return " ".join(value.encode(errors="replace").decode().split())


def _is_plain(value: str) -> bool:
    """Whether it may stand as it is: printable ASCII that nobody takes for an encoded word, and that can be folded."""
    folds = all(len(word) <= LONGEST_WORD for word in value.split(" "))
    return value.isascii() and value.isprintable() and "=?" not in value and folds
