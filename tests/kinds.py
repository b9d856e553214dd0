"""Files of every kind and encoding that people have, broken ones too."""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import zipfile
import zlib
from pathlib import Path

LANGUAGES = {
    "de": (
        "Die Pumpe läuft früh um acht. Öffnet das Ventil bei drei bar – „größer“ nicht.",
        "cp1252",
    ),
    "fr": (
        "La pompe démarre à huit heures. La valve s'ouvre à trois, été comme hiver.",
        "latin-1",
    ),
    "pl": ("Pompa włącza się o ósmej rano. Zawór otwiera się przy trzech barach.", "iso8859-2"),
    "tr": ("Pompa sabah sekizde çalışır. Vana üç barda açılır, ışıklar söner.", "cp1254"),
    "ru": ("Насос включается в восемь часов утра. Клапан открывается при трёх барах.", "cp1251"),
    "el": ("Η αντλία ξεκινά στις οκτώ το πρωί. Η βαλβίδα ανοίγει στα τρία μπαρ.", "cp1253"),
    "he": ("המשאבה מתחילה בשמונה בבוקר. השסתום נפתח בשלושה בר.", "cp1255"),
    "ar": ("تبدأ المضخة في الثامنة صباحا. يفتح الصمام عند ثلاثة بار.", "cp1256"),
    "ja": ("ポンプは午前八時に始動します。弁は三気圧で開きます。", "cp932"),
    "zh": ("水泵在早上八点启动。阀门在三巴时打开。", "gb18030"),
    "ko": ("펌프는 아침 여덟 시에 시작합니다. 밸브는 3바에서 열립니다.", "euc_kr"),
    "hi": ("पंप सुबह आठ बजे चालू होता है। वाल्व तीन बार पर खुलता है।", "utf-8"),
    "th": ("ปั๊มเริ่มทำงานตอนแปดโมงเช้า วาล์วเปิดที่สามบาร์", "cp874"),
    "word": ("Pumpenventil", "ascii"),
}
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le")
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
    'relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r" Target="word/document.xml" Type="http://schemas.openxmlformats.org/'
    'officeDocument/2006/relationships/officeDocument"/></Relationships>'
)


def docx(*paragraphs: str) -> bytes:
    """A Word document."""
    lines = "".join(f"<w:p><w:r><w:t>{one}</w:t></w:r></w:p>" for one in paragraphs)
    body = f"<w:body>{lines}</w:body>"
    return _packed(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _RELATIONS,
            "word/document.xml": f'<w:document xmlns:w="{_WORD}">{body}</w:document>',
        }
    )


def pptx(*slides: str) -> bytes:
    """Slides, each with a title."""
    from pptx import Presentation

    made, file = Presentation(), io.BytesIO()
    for one in slides:
        made.slides.add_slide(made.slide_layouts[5]).shapes.title.text = one
    made.save(file)
    return file.getvalue()


def xlsx(*rows: list[str]) -> bytes:
    """A table."""
    from openpyxl import Workbook

    made, file = Workbook(), io.BytesIO()
    for row in rows:
        made.active.append(row)
    made.save(file)
    return file.getvalue()


def pdf(*pages: str) -> bytes:
    """Pages of a line each, in Latin letters; without one, a page as of a scan."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for text in pages:
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /Contents {len(objects) + 2} 0 R /MediaBox [0 0 612 792]"
            " /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica"
            " >> >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects[1] = f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(kids)}] >>"
    out, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{one}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + (head + end).encode()


def bomb(name: str) -> bytes:
    """A zip file as of Office, with a part that says it is of 300 MB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", _TYPES)
        packed.writestr(name, "\0" * 100_000)
        packed.filelist[-1].file_size = 300_000_000
    return file.getvalue()


def _packed(parts: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, text)
    return file.getvalue()


def picture() -> bytes:
    """A PNG of one pixel."""

    def part(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    data = part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"\0\0")) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def mail(subject: str, body: str, charset: str = "utf-8") -> bytes:
    """A message in eight bits."""
    head = f"From: ann@example.org\nSubject: {subject}\nMIME-Version: 1.0\n"
    kind = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n"
    return (head + kind + body).encode(charset, "replace")


def make_kinds(folder: Path) -> dict[str, str]:
    """Fill a folder with one or more files of each kind; name → a word found in it, or "" ."""
    made: dict[str, str] = {}

    def put(name: str, data: bytes | str, word: str = "") -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        made[name] = word

    for language, (text, legacy) in LANGUAGES.items():
        for encoding in {*UNICODE, legacy}:
            many = text if encoding in UNICODE else f"{text}\n" * 20
            put(f"text/{language}.{encoding}.txt", many.encode(encoding), text.split()[0])
    put("page.html", "<html><head><title>Pumps</title></head><body><p>Otters swim.</p>", "Otters")
    declared = '<html><head><meta charset="iso-8859-7"></head><body><p>Αντλία</p></body></html>'
    put("greek.htm", declared.encode("iso8859-7"), "Αντλία")
    put("table.csv", "part,price\nvalve,3\n", "valve")
    put("data.json", '{"otter": 1}', "otter")
    put("code.py", "def otter():\n    return 1\n", "otter")
    put("Makefile", "all: otters\n", "otters")
    put("book.ipynb", _notebook("Otters in a notebook"), "notebook")
    put("feed.xml", "<doc><a>Otters</a></doc>", "Otters")
    put("mail.eml", mail("Pumps", "Die Pumpe läuft.", "iso-8859-1"), "läuft")
    put("odd-charset.eml", mail("Pumps", "Otters").replace(b"utf-8", b"klingon"), "Otters")
    put("letter.docx", docx("Otters write letters.", "Grüße"), "Grüße")
    put("talk.pptx", pptx("Otters", "Pumps at 24 volts", "Thanks"), "volts")
    put("prices.xlsx", xlsx(["part", "price"], ["Ventil", "drei"]), "Ventil")
    put("guide.pdf", pdf("Otters on page one.", "Pumps on page two."), "page")
    put("long.txt", "x" * 300_000, "x")
    put("names/ü-日本-🚰.txt", "Otters", "Otters")
    put("names/two\nlines.txt", "Otters", "Otters")
    put(os.fsdecode(b"names/caf\xe9.txt"), "Otters", "Otters")
    for name, data in _bad().items():
        put(name, data)
    (folder / "loop").symlink_to(folder)
    (folder / "self.txt").symlink_to(folder / "self.txt")
    os.mkfifo(folder / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(folder)  # a socket's path is short
        one.bind("socket.txt")
        os.chdir(here)
    made |= dict.fromkeys(("self.txt", "pipe.txt", "socket.txt"), "")
    return made


def _notebook(text: str) -> str:
    cell = {"cell_type": "markdown", "metadata": {}, "source": [text]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _bad() -> dict[str, bytes]:
    """Files without text that can be had."""
    sheet, word, slides = xlsx(["a"]), docx("Otters"), pptx("Otters")
    locked = Path(__file__).with_name("data") / "locked.pdf"
    office = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500
    return {
        "bad/empty.txt": b"",
        "bad/blank.md": b" \n\n",
        "bad/zeros.txt": b"a\0\0\0b\0\0" * 9,
        "bad/picture.png": picture(),
        "bad/picture.txt": picture(),
        "bad/scan.pdf": pdf(""),
        "bad/locked.pdf": locked.read_bytes(),
        "bad/cut.pdf": pdf("Otters")[:60],
        "bad/none.pdf": b"no PDF at all",
        "bad/cut.docx": word[: len(word) // 2],
        "bad/cut.pptx": slides[: len(slides) // 2],
        "bad/cut.xlsx": sheet[: len(sheet) // 2],
        "bad/locked.docx": office + "EncryptedPackage".encode("utf-16-le"),
        "bad/locked.xlsx": office + "EncryptedPackage".encode("utf-16-le"),
        "bad/empty.docx": b"",
        "bad/bomb.docx": bomb("word/document.xml"),
        "bad/bomb.xlsx": bomb("xl/workbook.xml"),
        "bad/old.doc": office,
        "bad/empty.eml": b"Subject: nothing\n\n",
        "bad/archive.zip": _packed({"a": "Otters"}),
    }
