#!/usr/bin/env python3
"""Makes assets/fonts/NotoSansSC-GB2312.otf: the characters of GB 2312 (6763), its punctuation and full-width forms, of
Noto Sans CJK SC Regular, without hints. Latin letters are left out: the window has those in its own font.

    pip install fonttools
    apt-get download fonts-noto-cjk && dpkg -x fonts-noto-cjk_*.deb noto
    python3 assets/fonts/make_chinese_font.py noto/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc

The font: https://github.com/notofonts/noto-cjk, SIL Open Font License 1.1 (OFL.txt).
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection

OUT = Path(__file__).resolve().parent / "NotoSansSC-GB2312.otf"
FACE = "Noto Sans CJK SC"
# Punctuation (CJK and general) and full-width forms.
RANGES = [(0x3000, 0x303F), (0xFF00, 0xFF5E), (0x2010, 0x2027)]


def gb2312():
    """The ideographs of GB 2312: rows 16 to 87 of its table."""
    codes = (bytes([row, column]) for row in range(0xB0, 0xF8) for column in range(0xA1, 0xFF))
    return [ord(character) for code in codes for character in code.decode("gb2312", "ignore")]


def main(source):
    font = next(f for f in TTCollection(source, lazy=True).fonts if f["name"].getDebugName(4) == FACE)
    options = subset.Options(hinting=False, layout_features=[], name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14])
    subsetter = subset.Subsetter(options)
    characters = gb2312() + [c for first, last in RANGES for c in range(first, last + 1)]
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    font.save(OUT)
    print(f"{OUT.name}: {len(set(characters))} characters, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
