"""Draws the arguments of commands: what is usual mostly, and what lies on a border now and then."""

from .scripts import SOURCES

LONG = b"long value " * 7  # Over 64 bytes: too long for a packed encoding.
HUGE = b"huge" * 1500

WORDS = [b"a", b"b", b"c", b"d", b"e", b"foo", b"bar", b"hello", b"1", b"2", b"3", b"10", b"-1", b"007", b"3.14", b"",
         b"two words", b"caf\xc3\xa9", b"\x00\xff\r\n"] * 3 + [LONG]
BORDERS = [b"0", b"-1", b"1", b"127", b"128", b"-128", b"-129", b"255", b"256", b"32767", b"32768", b"65536", b"2147483647",
           b"2147483648", b"-2147483648", b"4294967296", b"9223372036854775807", b"9223372036854775808",
           b"-9223372036854775808", b"-9223372036854775809", b"18446744073709551616"]
NO_INTEGERS = [b"", b" 1", b"1 ", b"+1", b"01", b"-0", b"1.0", b"1e3", b"0x10", b"abc", b"nan", b"inf", b"--1", b"1\x00"]
FLOATS = [b"0", b"1", b"-1", b"0.1", b"0.2", b"0.30000000000000004", b"1.5", b"-2.5", b"3.0", b"5.0e3", b"1e17", b"-1e17", b"1e21",
          b"1.23456789012345678", b"123456789.123", b"1e-5", b"1e-7", b"17179869184.5", b"9007199254740993", b"1e300", b"1e-300",
          b"-0", b"-0.0", b".5", b"5.", b"0x10", b"4.9e-324", b"1.7976931348623157e308"]
NO_FLOATS = [b"", b"nan", b"-nan", b"abc", b" 1", b"1 ", b"1e400", b"1e-400", b"1,5", b"++1", b"1.5.5", b"0x", b"infinity",
             b"inf", b"+inf", b"-inf", b"Inf"]
SCORES = [b"0", b"1", b"2", b"3", b"4", b"5", b"-1", b"-2", b"1.5", b"2.5", b"10", b"100", b"0.1", b"inf", b"-inf"]
POSITIONS = [b"13.361389 38.115556", b"15.087269 37.502669", b"0 0", b"179.999 0", b"-179.999 0", b"-180 85", b"2 -85.05112878",
             b"180 85.05112878", b"0x10 1"]
NO_POSITIONS = [b"181 0", b"0 86", b"nan 1", b"1 inf", b"x 1", b"1 -x", b"1e400 1", b"-1e30 0"]
GARBAGE = [b"", b"nan", b"inf", b"-inf", b"abc", b"0", b"-1", b"1.5", b"9223372036854775807", b"9223372036854775808",
           b"-9223372036854775808", b"-9223372036854775809", b"4294967296", b"NX", b"COUNT", b"1e3"]
PATTERNS = [b"*", b"a*", b"?", b"[a-c]*", b"*1", b"*o*", b"[^a]*", b"\\*", b"[", b"s*", b"", b"**", b"h?llo", b"[a", b"*\\"]

FAMILY_LETTER = {"strings": "s", "list": "l", "hash": "h", "set": "t", "sorted_set": "z", "hyperloglog": "p", "geo": "g", "streams": "x"}
KEYS = [letter.encode() + digit for letter in FAMILY_LETTER.values() for digit in (b"1", b"2", b"3")] + [b"n"]

LEX_KEYS = [b"y1", b"y2"]


class Arguments:
    """Draws arguments for the commands of a family."""

    def __init__(self, random, family, clock):
        self.random, self.clock = random, clock
        letter = FAMILY_LETTER.get("hash" if family == "fields" else family)
        self.own = [key for key in KEYS if letter and key.startswith(letter.encode())] or KEYS

    def usual(self, usual, rare, chance=0.06):
        return self.random.choice(rare if self.random.random() < chance else usual)

    def key(self):
        draw = self.random.random()
        if draw < 0.88:
            return self.random.choice(self.own)
        return self.random.choice(KEYS) if draw < 0.99 else self.random.choice([b"", b"\x00", b"a key"])

    def lexkey(self):
        return self.random.choice(LEX_KEYS)

    def value(self):
        draw = self.random.random()
        if draw < 0.25:
            return b"%d" % self.random.randint(-20, 300)
        if draw < 0.32:
            return self.random.choice(BORDERS)
        if draw < 0.36:
            return self.random.choice(FLOATS)
        if draw < 0.365:
            return HUGE
        return self.random.choice(WORDS)

    def script(self):
        return self.random.choice(SOURCES).encode()

    def member(self):
        return self.random.choice(WORDS)

    def many(self):
        """A number that makes a member of a large collection."""
        return b"%d" % self.random.randint(0, 400)

    def text(self):
        return b"m%d" % self.random.randint(0, 400)

    def element(self):
        """An element of a HyperLogLog: a few that are added again and again, and many others."""
        draw = self.random.random()
        return self.value() if draw < 0.3 else b"element:%d" % self.random.randint(0, 100_000)

    def position(self):
        """A longitude and a latitude."""
        draw = self.random.random()
        if draw < 0.5:
            return [b"%.6f" % self.random.uniform(13, 16), b"%.6f" % self.random.uniform(37, 39)]
        if draw < 0.75:
            return [b"%.3f" % self.random.uniform(-180, 180), b"%.3f" % self.random.uniform(-85, 85)]
        return self.usual(POSITIONS, NO_POSITIONS, 0.15).split()

    def corners(self):
        """The number of the corners of a polygon, and their positions."""
        count = self.random.randint(3, 5)
        told = self.usual([b"%d" % count], [b"2", b"-1", b"abc", b"7", b"2147483648"])
        return [told, *(word for _ in range(count) for word in self.position())]

    def distance(self):
        return self.usual([b"0", b"1", b"50", b"100", b"150.5", b"200", b"1000", b"9000", b"30000"], [*GARBAGE, b"1e9", b"1e-9"])

    def unit(self):
        return self.usual([b"km", b"m", b"KM", b"mi", b"ft"], [b"parsec", b""])

    def town(self):
        """A member with a position."""
        return self.usual([b"town%d" % n for n in range(9)], [b"nowhere", b""])

    def sid(self):
        """The identifier of an entry of a stream."""
        usual = [b"%d-%d" % (self.random.randint(0, 12), self.random.randint(0, 2)), b"%d" % self.random.randint(0, 12)]
        return self.usual(usual, [b"0", b"0-0", b"18446744073709551615-18446744073709551615", b"18446744073709551616", b"1-",
                                  b"-1", b"007-01", b"abc", b"", b"-", b"+", b"1-2-3"])

    def newid(self):
        """The identifier that an entry is added with."""
        return self.usual([b"*", b"*", b"%d-*" % self.random.randint(0, 12), self.sid()], [b"*-*", b"-*", b"5-**"], chance=0.02)

    def edge(self):
        """An end of a range of identifiers."""
        return self.usual([b"-", b"+", self.sid(), b"(" + self.sid()], [b"(", b"(-", b"(+", b"[1"])

    def readid(self):
        return self.usual([b"0", b"$", self.sid()], [b">", b"*", b"-"])

    def consumer_group(self):
        return self.random.choice([b"g", b"g", b"g", b"h"])

    def consumer(self):
        return self.usual([b"c", b"c", b"d", b"e"], [b"", b"none"])

    def integer(self):
        draw = self.random.random()
        if draw < 0.8:
            return b"%d" % self.random.randint(-10, 100)
        return self.random.choice(BORDERS if draw < 0.95 else NO_INTEGERS)

    def index(self):
        draw = self.random.random()
        if draw < 0.92:
            return b"%d" % self.random.randint(-6, 6)
        return self.random.choice(BORDERS if draw < 0.97 else NO_INTEGERS)

    def cursor(self):
        return self.usual([b"%d" % n for n in range(10)], [b"-1", b"abc", b"", b"1.5", b"18446744073709551616"])

    def count(self):
        draw = self.random.random()
        if draw < 0.94:
            return b"%d" % self.random.randint(0, 6)
        return self.random.choice([b"-1", b"-9223372036854775808", b"9223372036854775807", b"9223372036854775808", b"", b"abc", b"1.5"])

    def signed(self):
        """A count that may be negative, and is never a large negative one: the reply would be as long."""
        return self.usual([b"%d" % n for n in range(-6, 12)], [b"9223372036854775807", b"-9223372036854775808", b"abc", b""])

    def offset(self):
        """Never one that makes a large string: it is refused, or short."""
        return self.usual([b"%d" % n for n in range(0, 40)], [b"-1", b"536870912", b"9223372036854775807", b"abc", b"300"])

    def bit(self):
        """The offset of a bit: never one that makes a large string."""
        return self.usual([b"%d" % n for n in range(0, 200)], [b"-1", b"4294967296", b"9223372036854775807", b"abc", b"3000"])

    def field(self):
        """The type of a field."""
        width = self.random.choice([1, 2, 3, 7, 8, 9, 16, 31, 32, 33, 62, 63])
        return self.usual([b"u%d" % width, b"i%d" % width, b"i64"], [b"u64", b"i65", b"u0", b"x8", b"u", b"8", b"U8"])

    def place(self):
        """The offset of a field."""
        bit = self.bit()
        return self.usual([bit], [b"#" + bit[:2], b"#", b"#abc"], chance=0.3)

    def float(self):
        draw = self.random.random()
        if draw < 0.6:
            return b"%d.%d" % (self.random.randint(-20, 100), self.random.randint(0, 99))
        return self.random.choice(FLOATS if draw < 0.95 else NO_FLOATS)

    def score(self):
        draw = self.random.random()
        if draw < 0.85:
            return self.random.choice(SCORES)
        return self.random.choice(FLOATS if draw < 0.97 else NO_FLOATS)

    def bound(self):
        draw = self.random.random()
        if draw < 0.3:
            return self.random.choice([b"-inf", b"+inf", b"inf", b"(inf", b"(-inf"])
        score = self.random.choice(SCORES) if draw < 0.97 else self.random.choice(NO_FLOATS)
        return (b"(" if self.random.random() < 0.3 else b"") + score

    def lex(self):
        draw = self.random.random()
        if draw < 0.35:
            return self.random.choice([b"-", b"+"])
        prefix = self.random.choice([b"[", b"("]) if draw < 0.97 else b""
        return prefix + self.random.choice(WORDS)

    def pattern(self):
        return self.random.choice(PATTERNS)

    def database(self):
        return self.usual([b"0", b"1", b"2"], [b"15", b"16", b"-1", b"abc", b"9223372036854775808"], 0.1)

    # The clock goes on by multiples of 3 ms, and no key expires after such a time: in the millisecond of an expiry the active
    # expiry of Redis 8 may remove the key, and its commands find it.

    def seconds(self):
        return self.usual([b"1", b"2", b"10", b"100"], [b"0", b"-1", b"9223372036854775807", b"9223372036854775", b"-9223372036854775808", b"abc"])

    def milliseconds(self):
        return self.usual([b"1", b"100", b"1501", b"1000", b"100000"], [b"0", b"-1", b"9223372036854775807", b"-9223372036854775808", b"abc"])

    def timestamp(self):
        seconds = [self.clock.now // 1000 + n for n in (1, 2, 10, 100)]
        return self.usual([b"%d" % (second + (second % 3 == 0)) for second in seconds],
                          [b"0", b"-1", b"1", b"9223372036854775807", b"9223372036854775", b"abc"], 0.12)

    def ms_timestamp(self):
        return self.usual([b"%d" % (self.clock.now + n) for n in (7, 508, 1507, 100007)],
                          [b"0", b"-1", b"1", b"9223372036854775807", b"-9223372036854775808", b"abc"], 0.12)

    def garbage(self):
        return self.random.choice(GARBAGE)
