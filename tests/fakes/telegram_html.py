#!/usr/bin/python3
"""telegram_html: what the Bot API's server makes of a text with parse_mode HTML, by its own rules; what it refuses raises Refused.

    tests/fakes/telegram_html.py < PARTS          every part, each ended by a NUL, as sendMessage would take it. Prints the number of
                                                  parts; the first that is refused ends it, with the reason, and exit 1
    … --json                                      one line of JSON per part: {"text": …, "entities": […]}
    … --forms                                     every second one is without markup
    … --pairs                                     and shows the same as the one before it

The rules: tags and entities as the server reads them (byte by byte, a NUL ends nothing but a tag); then control characters become spaces, \\r and
some invisible characters go; then the text is trimmed, and must not be empty. Lengths: 32,768 bytes before, 4,096 characters (not UTF-16 units)
after; a caption 1,024.
"""
import json
import sys

MAX_RAW_BYTES = 1 << 15
MAX_TEXT, MAX_CAPTION = 4096, 1024
TAGS = {"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline", "s": "strikethrough",
        "strike": "strikethrough", "del": "strikethrough", "span": "spoiler", "tg-spoiler": "spoiler", "tg-emoji": "custom_emoji",
        "tg-time": "date_time", "a": "text_link", "pre": "pre", "code": "code", "blockquote": "blockquote"}
NAMED = {b"lt": "<", b"gt": ">", b"amp": "&", b"quot": '"'}
SPACE = b" \t\r\n\0\v"                    # a NUL is one: it ends names, too
BLANKS = set("\u1680\u180e\u202e\u202f\u205f\u2800\u3000\ufffc") | {chr(c) for c in range(0x2000, 0x200B)} | {
    chr(c) for c in range(0xE0000, 0xE0080)}
INVISIBLE = BLANKS | set(" \n\u200b\u200c\u200d\u200e\u200f\ufeff\u00a0")


class Refused(Exception):
    """A description as it follows "Bad Request: "."""


def units(text):
    return len(text.encode("utf-16-le")) // 2


class Parser:
    """One pass over the bytes; `self.at` is where it stands. A NUL behind the end is the end."""

    def __init__(self, raw, has_time_tag):
        self.raw = raw + b"\0"
        self.end = len(raw)
        self.at = 0
        self.out = bytearray()
        self.open = []                    # (tag, argument, bytes of text before it)
        self.entities = []
        self.tags = set(TAGS) if has_time_tag else set(TAGS) - {"tg-time"}

    def byte(self):
        return self.raw[self.at:self.at + 1]

    def fail(self, text):
        raise Refused(f"can't parse entities: {text}")

    def entity(self):
        """What the reference at `at` stands for, behind which `at` is then; or None."""
        at = self.at + 1
        if self.raw[at:at + 1] == b"#":
            is_hex = self.raw[at + 1:at + 2] == b"x"
            begin = at = at + (2 if is_hex else 1)
            digits = b"0123456789abcdefABCDEF" if is_hex else b"0123456789"
            while self.raw[at] in digits:
                at += 1
            code = int(self.raw[begin:at] or b"0", 16 if is_hex else 10)
            if code == 0 or code >= 0x10FFFF or at - self.at >= 10:
                return None
            found = chr(code).encode("utf-8", "surrogatepass")
        else:
            begin = at
            while self.raw[at:at + 1].isalpha():
                at += 1
            found = NAMED.get(self.raw[begin:at])
            if found is None:
                return None
            found = found.encode()
        self.at = at + (self.raw[at:at + 1] == b";")
        return found

    def skip_spaces(self):
        while self.at < self.end and self.byte() in (b" ", b"\t", b"\r", b"\n", b"\v"):
            self.at += 1

    def until(self, stops):
        begin = self.at
        while self.raw[self.at] not in stops:
            self.at += 1
        return self.raw[begin:self.at]

    def value(self, tag, where):
        quote = self.byte()
        if quote not in (b"'", b'"'):
            begin = self.at
            while self.byte().isalnum() or self.byte() in (b".", b"-"):
                self.at += 1
            if self.raw[self.at] not in SPACE + b">":
                self.fail(f"Unexpected end of name token at byte offset {begin}")
            return self.raw[begin:self.at].lower()
        self.at += 1
        out = bytearray()
        while self.byte() != quote and self.byte() != b"\0":
            if self.byte() == b"&":
                found = self.entity()
                if found is not None:
                    out += found
                    continue
            out += self.byte()
            self.at += 1
        if self.byte() == quote:
            self.at += 1
        return bytes(out)

    def attributes(self, tag, where):
        found = {}
        while self.byte() != b">":
            self.skip_spaces()
            if self.byte() == b">":
                break
            name = self.until(SPACE + b"=>/\"'").decode("latin-1")
            if not name:
                self.fail(f'Empty attribute name in the tag "{tag}" at byte offset {where}')
            self.skip_spaces()
            if self.byte() != b"=":
                if self.byte() == b"\0":
                    self.fail(f'Unclosed start tag "{tag}" at byte offset {where}')
                found[name] = b"1"
                continue
            self.at += 1
            self.skip_spaces()
            if self.byte() == b"\0":
                self.fail(f'Unclosed start tag "{tag}" at byte offset {where}')
            found[name] = self.value(tag, where)
            if self.byte() == b"\0":
                self.fail(f"Unclosed start tag at byte offset {where}")
        return found

    def begin_tag(self, where):
        tag = self.until(SPACE + b">").decode("utf-8", "replace").lower()
        if self.byte() == b"\0":
            self.fail(f"Unclosed start tag at byte offset {where}")
        if tag not in self.tags:
            self.fail(f'Unsupported start tag "{tag}" at byte offset {where}')
        found = self.attributes(tag, where)
        if tag == "span" and found.get("class") != b"tg-spoiler":
            self.fail(f'Tag "span" must have class "tg-spoiler" at byte offset {where}')
        self.open.append((tag, found, len(self.out)))
        self.at += 1

    def end_tag(self, where):
        if not self.open:
            self.fail(f"Unexpected end tag at byte offset {where}")
        self.at += 1
        name = self.until(SPACE + b">").decode("utf-8", "replace").lower()
        self.skip_spaces()
        if self.byte() != b">":
            self.fail(f"Unclosed end tag at byte offset {where}")
        tag, found, begin = self.open.pop()
        if name and name != tag:
            self.fail(f'Unmatched end tag at byte offset {where}, expected "</{tag}>", found "</{name}>"')
        self.at += 1
        if len(self.out) > begin:
            self.entities.append((tag, found, begin, len(self.out)))

    def run(self):
        while self.at < self.end:
            if self.byte() == b"&":
                found = self.entity()
                if found is not None:
                    self.out += found
                    continue
            if self.byte() != b"<":
                self.out += self.byte()
                self.at += 1
                continue
            where = self.at
            self.at += 1
            if self.byte() == b"/":
                self.end_tag(where)
            else:
                self.begin_tag(where)
        if self.open:
            self.fail(f'Can\'t find end tag corresponding to start tag "{self.open[-1][0]}"')
        try:
            self.out.decode()
        except UnicodeDecodeError:
            self.fail("Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units")
        return bytes(self.out)

    def described(self):
        for tag, found, begin, end in sorted(self.entities, key=lambda entity: (entity[2], -entity[3])):
            text = self.out[begin:end].decode()
            entity = {"type": TAGS[tag], "offset": units(self.out[:begin].decode()), "length": units(text), "text": text}
            if tag == "a":
                entity["url"] = found.get("href", text.encode()).decode("utf-8", "replace")
            if tag == "tg-time":
                entity["unix_time"] = int(found.get("unix", b"0"))
            if tag == "blockquote" and "expandable" in found:
                entity["type"] = "expandable_blockquote"
            yield entity


def clean(text):
    """What the server takes out of every text, parsed or not."""
    out = []
    for c in text:
        if c == "\r" or 0x2028 <= ord(c) <= 0x202E or c in "\u0333\u033f\u030a":
            continue
        out.append(" " if c < " " and c != "\n" else c)
    return "".join(out)


def parse(raw, mode="HTML", max_length=MAX_TEXT, has_time_tag=True):
    """(text, entities) of what was sent. `mode` "": plain."""
    if max_length == MAX_TEXT and not raw:
        raise Refused("message text is empty")
    if len(raw) > MAX_RAW_BYTES:
        raise Refused("text is too long")
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise Refused("strings must be encoded in UTF-8") from None
    entities = []
    if mode.lower() == "html":
        parser = Parser(raw, has_time_tag)
        raw = parser.run()
        entities = list(parser.described())
    elif mode:
        raise Refused("unsupported parse_mode")
    text = clean(raw.decode()).strip(" \n")
    if max_length == MAX_TEXT and all(c in INVISIBLE for c in text):
        raise Refused("text must be non-empty")
    if len(text) > max_length:
        raise Refused("message is too long" if max_length == MAX_TEXT else "message caption is too long")
    return text, entities


def main():
    parts = sys.stdin.buffer.read().split(b"\0")
    is_paired, last = "--pairs" in sys.argv, None
    has_forms = is_paired or "--forms" in sys.argv
    for n, part in enumerate(parts[:-1]):
        is_plain = has_forms and n % 2 == 1
        try:
            text, entities = parse(part, "" if is_plain else "HTML")
        except Refused as reason:
            print(f"part {n}: {reason}: {part!r}")
            return 1
        if is_plain and is_paired and text != last:
            print(f"part {n}: {part!r} should show {last!r}")
            return 1
        last = text
        if "--json" in sys.argv:
            print(json.dumps({"text": text, "entities": entities}))
    if "--json" not in sys.argv:
        print(len(parts) - 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
