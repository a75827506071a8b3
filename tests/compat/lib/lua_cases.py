"""Random calls of the libraries of Lua, as expressions of Lua."""

import random

LETTERS = "abcdefghijklmnopqrstuvwxyz"
NUMBERS = [
    "0", "-0", "1", "-1", "7", "31", "32", "-32", "-33", "101", "127", "128", "-127", "-128", "-129", "255", "256", "32767", "32768",
    "-32768", "-32769", "65535", "65536", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296",
    "2^53", "2^53+1", "-2^53", "2^62", "2^63", "-2^63", "2^63-1024", "2^64", "-2^64", "2^70", "1e14", "1e14-1", "1e14+1", "-1e14", "1e15", "1e15+0.5",
    "99999999999999.5", "9999999999999.95", "123456789012345", "0.1", "0.2+0.1", "1/3", "2/3", "-1/7", "0.5", "1.5", "2.5", "-2.5", "1e-4",
    "0.0001234", "1e-5", "0.00001234567890123456", "1e21", "1.5e300", "1e300", "-1e300", "1e-300", "5e-324", "1.7976931348623157e308", "3.4028234663852886e38",
    "1e-45", "16777217", "3.141592653589793", "100", "1000000", "123.456", "1e13/3",
]
# Values of which one at most is in a call: of two it depends on the order of a table which one the error is about.
ODD = ["type", "coroutine.create(type)", "cjson.encode", "1/0", "-1/0", "0/0"]
ODD_KEYS = ["11", "20", "1.5", "-1", "0", "2^31", "2^31-1", "1e300", "1000", "true", "1/0", "type"]
KEYS = ["id", "name", "data", "opts", "a", "b", "c", "k1", "k2", "attempts", "delay", "timestamp", "", "x y", "/"]


class Cases:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.families = [self.json_encode, self.json_decode, self.json_decode, self.json_settings, self.json_there_and_back, self.json_nesting,
                         self.msgpack_pack, self.msgpack_unpack, self.msgpack_unpack, self.msgpack_parts, self.msgpack_there_and_back,
                         self.struct_pack, self.struct_unpack, self.struct_size, self.struct_there_and_back, self.bits, self.misuse]

    def case(self):
        self.may_be_odd = True
        return self.random.choice(self.families)()

    def is_odd(self, chance):
        odd = self.may_be_odd and self.random.random() < chance
        self.may_be_odd &= not odd
        return odd

    # Values

    def number(self):
        kind = self.random.random()
        if kind < 0.4:
            return self.random.choice(NUMBERS)
        if kind < 0.6:
            return str(self.random.randint(-300, 300))
        if kind < 0.8:
            return repr(self.random.uniform(-1, 1) * 10 ** self.random.randint(-20, 20))
        if kind < 0.9:
            return f"{self.random.randint(-10**9, 10**9)}/{10 ** self.random.randint(0, 12)}"
        return str(self.random.randint(-2**63, 2**63))

    def bytes(self, longest=40):
        length = self.random.randint(0, longest)
        kind = self.random.random()
        if kind < 0.4:
            return "".join(self.random.choice(LETTERS) for _ in range(length)).encode()
        if kind < 0.7:
            return bytes(self.random.choice(b'abc \t\n\r\b\f\0\x01\x1f\x7f"\\/<>\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff') for _ in range(length))
        return self.random.randbytes(length)

    def string(self):
        if self.random.random() < 0.03:
            length = self.random.choice([31, 32, 255, 256, 2047, 2048, 2049, 5000, 65535, 65536, 100000])
            return f"string.rep({literal(self.bytes(1) or b'x')}, {length})"
        return literal(self.bytes())

    def value(self, depth=3):
        kind = self.random.random()
        if self.is_odd(0.02):
            return self.random.choice(ODD)
        if depth and kind < 0.35:
            return self.table(depth)
        if kind < 0.6:
            return self.number()
        if kind < 0.85:
            return self.string()
        return self.random.choice(["true", "false", "cjson.null", "nil"])

    def table(self, depth):
        kind = self.random.random()
        count = self.random.choice([0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17])
        if depth < 3:
            count = min(count, 5)
        if kind < 0.4:
            return "{" + ", ".join(self.value(depth - 1) for _ in range(count)) + "}"
        if kind < 0.5:
            return "{" + ", ".join(f"[{self.random.randint(1, 10)}]={self.value(depth - 1)}" for _ in range(count)) + "}"
        keys = [self.key() for _ in range(count)]
        if self.is_odd(0.2):
            keys = self.random.choice([keys, keys[:1], [str(index) for index in range(1, count)]])
            keys.append(self.random.choice(ODD_KEYS))
        return "{" + ", ".join(f"[{key}]={self.value(depth - 1)}" for key in keys) + "}"

    def key(self):
        return literal(self.random.choice(KEYS).encode()) if self.random.random() < 0.7 else self.string()

    # cjson

    def json_encode(self):
        return in_any_order("cjson.encode", self.value())

    def json_there_and_back(self):
        return self.random.choice([
            f"cjson.decode(cjson.encode({self.value()}))",
            in_any_order("cjson.encode", f"cjson.decode({literal(self.json().encode('utf-8', 'surrogatepass'))})"),
        ])

    def json_decode(self):
        text = self.json().encode("utf-8", "surrogatepass")
        if self.random.random() < 0.6:
            text = self.damaged(text, b'{}[],:"\\ue01xn-+. \t\n\r\0tfNIaE/\xff')
        return f"cjson.decode({literal(text)})"

    def json(self, depth=3):
        kind = self.random.random()
        space = lambda: self.random.choice(["", "", "", " ", "\n\t", "\r "])
        if depth and kind < 0.3:
            items = [self.json(depth - 1) for _ in range(self.random.choice([0, 1, 2, 3, 5, 8, 9, 17]))]
            return f"[{space()}" + f"{space()},{space()}".join(items) + f"{space()}]"
        if depth and kind < 0.65:
            pairs = [f"{self.json_string()}{space()}:{space()}{self.json(depth - 1)}" for _ in range(self.random.choice([0, 1, 2, 3, 5, 8, 9, 17]))]
            return "{" + space() + f"{space()},{space()}".join(pairs) + space() + "}"
        if kind < 0.8:
            return self.json_string()
        if kind < 0.95:
            return self.json_number()
        return self.random.choice(["true", "false", "null"])

    def json_string(self):
        def part():
            return self.random.choice([
                self.random.choice(KEYS[:12]), "\\n", "\\t", "\\b", "\\f", "\\r", "\\\"", "\\\\", "\\/", "\\u0041", "\\u0000", "\\u00e9", "\\u20aC", "\\ud83d\\ude00",
                "é", "€", "😀", " ", "x" * self.random.randint(0, 40),
                self.random.choice(["\\ud83d", "\\ude00", "\\ud83dx", "\\ud83d\\u0041", "\\u12", "\\u12g4", "\\x", "\\'", "\\uD83D\\uDE00", "\\uffff", "\\uDBFF\\uDFFF"]),
            ])
        return '"' + "".join(part() for _ in range(self.random.choice([0, 1, 1, 1, 2, 3]))) + '"'

    def json_number(self):
        kind = self.random.random()
        if kind < 0.3:
            return str(self.random.randint(-1000, 1000))
        if kind < 0.6:
            return repr(self.random.uniform(-1, 1) * 10 ** self.random.randint(-320, 308))
        if kind < 0.7:
            return str(self.random.randint(-10**25, 10**25))
        return self.random.choice([
            "-0", "0", "00", "01", "-01", "1.", "-1.", "-.5", "1.e5", "1e5", "1E+5", "1e-5", "1e", "1e+", "1.5e", "1e999", "-1e999", "1e-999", "0x10", "-0x1F", "0x", "0xg", "0x1p4",
            "0x1.8p1", "0x.8", "inf", "-inf", "Infinity", "-infinity", "INF", "nan", "-nan", "NaN", "nan(12)", "infx", "+1", "+", "-", "--1", "+-1", "1-1", "1.2.3", "123456789012345678",
            "1234567890123456789", "12345678901234567890", "18446744073709551616", "9007199254740993", "0.1", "3.14159265358979323846264338327950288", "5e-324", "2e-324", "i", "n", "N", "-n", "-i", ".5", "0.",
            "1" * 400, "0." + "0" * 400 + "1", "4.35", "2.2250738585072011e-308",
        ])

    def json_settings(self):
        text, value = literal(self.json().encode("utf-8", "surrogatepass")), self.value()
        argument = lambda: self.random.choice(["true", "false", "nil", "'on'", "'off'", "'null'", "'x'", "0", "1", "2", "3", "10", "14", "15", "-1", "1.9", "'5'", "{}", "2^31", "2^32+3", "0/0", "''"])
        name = self.random.choice(["encode_max_depth", "decode_max_depth", "encode_number_precision", "encode_keep_buffer", "encode_invalid_numbers", "decode_invalid_numbers", "encode_sparse_array"])
        arguments = [argument() for _ in range(self.random.choice([0, 1, 1, 1, 2] if name != "encode_sparse_array" else [0, 1, 2, 3, 3, 3, 4]))]
        call = f"json.{name}({', '.join(arguments)})"
        use = self.random.choice([in_any_order("json.encode", value), f"json.decode({text})", f"json.{name}()"])
        return f"(function() local json = cjson.new() local a, b, c = {call} return a, b, c, {use} end)()"

    def json_nesting(self):
        depth = self.random.choice([1, 2, 15, 16, 17, 100, 998, 999, 1000, 1001, 1002, 1500])
        limit = self.random.choice([1, 2, 15, 16, 17, 1000, 1001, 3000])
        return self.random.choice([
            f"#cjson.encode((function() local t = {{}} for _ = 2, {depth} do t = {{t}} end return t end)())",
            f"#cjson.encode((function() local t = {{}} for _ = 2, {depth} do t = {{a=t}} end return t end)())",
            f"type(cjson.decode(string.rep('[', {depth}) .. string.rep(']', {depth})))",
            f"type(cjson.decode(string.rep('{{\"a\":', {depth}) .. '1' .. string.rep('}}', {depth})))",
            f"(function() local json = cjson.new() json.decode_max_depth({limit}) json.encode_max_depth({limit}) return #json.encode(json.decode(string.rep('[', {depth}) .. string.rep(']', {depth}))) end)()",
            f"(function() local t = {{}} t[1] = t return cjson.encode(t) end)()",
            f"(function() local t = {{}} t.a = t return #cmsgpack.pack(t) end)()",
        ])

    # cmsgpack

    def msgpack_pack(self):
        return in_any_order("cmsgpack.pack", self.values())

    def msgpack_there_and_back(self):
        return f"cmsgpack.unpack(cmsgpack.pack({self.values()}))"

    def values(self):
        """Returns arguments without NaN, whose sign is the processor's."""
        return ", ".join(self.value() for _ in range(self.random.choice([1, 1, 1, 2, 3]))).replace("0/0", "1/0")

    def msgpack_unpack(self):
        data = self.msgpack()
        if self.random.random() < 0.5:
            data = self.damaged(data, bytes(range(0x80, 0x100)) + b"\0\1\2\3")
        return f"cmsgpack.unpack({literal(data)})"

    def msgpack_parts(self):
        data = literal(b"".join(self.msgpack(1) for _ in range(self.random.randint(0, 4))))
        number = lambda: self.random.choice(["0", "1", "2", "3", "5", "-1", "100", "nil", "1.7", "'1'", "'x'", "{}", "2^40"])
        arguments = "".join(f", {number()}" for _ in range(self.random.randint(0, 3)))
        return f"cmsgpack.{self.random.choice(['unpack_one', 'unpack_limit', 'unpack'])}({data}{arguments})"

    def msgpack(self, depth=3):
        kind, number = self.random.random(), self.random.randint
        if depth and kind < 0.25:
            items = [self.msgpack(depth - 1) for _ in range(self.random.choice([0, 1, 2, 3, 5, 8, 15, 16]))]
            return self.head(len(items), 0x90, 15, [(0xdc, 2), (0xdd, 4)]) + b"".join(items)
        if depth and kind < 0.5:
            items = [self.msgpack(0) + self.msgpack(depth - 1) for _ in range(self.random.choice([0, 1, 2, 3, 5, 8, 15, 16]))]
            return self.head(len(items), 0x80, 15, [(0xde, 2), (0xdf, 4)]) + b"".join(items)
        if kind < 0.7:
            data = self.bytes()
            return self.head(len(data), 0xa0, 31, [(0xd9, 1), (0xda, 2), (0xdb, 4)]) + data
        if kind < 0.9:
            tag, size = self.random.choice([(0xca, 4), (0xcb, 8), (0xcc, 1), (0xcd, 2), (0xce, 4), (0xcf, 8), (0xd0, 1), (0xd1, 2), (0xd2, 4), (0xd3, 8)])
            return bytes([tag]) + self.random.choice([self.random.randbytes(size), b"\xff" * size, b"\0" * size, b"\x80" + b"\0" * (size - 1), b"\x7f" + b"\xff" * (size - 1)])
        return self.random.choice([bytes([number(0, 127)]), bytes([number(0xe0, 0xff)]), b"\xc0", b"\xc2", b"\xc3", b"\xc1", b"\xc4\1x", b"\xd4\1x"])

    def head(self, length, base, most, wide):
        forms = [bytes([base | length])] * 3 if length <= most else []
        forms += [bytes([tag]) + length.to_bytes(size, "big") for tag, size in wide if length < 256**size]
        return self.random.choice(forms)

    # struct

    def struct_format(self, rows=None):
        """Returns a format, and values for it."""
        parts, values = [], []
        for _ in range(self.random.randint(0, 8)):
            kind = self.random.random()
            if kind < 0.25:
                parts.append(self.random.choice([">", "<", "!", "!1", "!2", "!4", "!8", "!16", " ", "x", ">!4", "<!8"]))
            elif kind < 0.8:
                option = self.random.choice(["b", "B", "h", "H", "l", "L", "T", "i", "I", "i1", "I1", "i2", "I2", "i3", "I3", "i4", "i5", "I6", "i7", "i8", "I8", "i16", "I16", "i32", "I32", "f", "d", "i0"])
                parts.append(option)
                values.append(self.number() if self.random.random() < 0.95 else self.random.choice(["'12'", "'x'", "nil", "{}"]))
            elif kind < 0.95:
                parts.append(self.random.choice(["s", "c0", "c1", "c3", "c", "c10"]))
                values.append(self.string())
            else:
                parts.append(self.random.choice(["z", "?", "i33", "c99999999999", "!3", "!0", "I999", "\\200", "\\000b", "1", "-", "A", "c2147483648", "c2147483647"]))
        return "".join(parts), values

    def struct_pack(self):
        form, values = self.struct_format()
        if values and self.random.random() < 0.1:
            values.pop()
        return f"struct.pack({', '.join([quoted(form), *values])})"

    def struct_size(self):
        return f"struct.size({quoted(self.struct_format()[0])})"

    def struct_unpack(self):
        form, _ = self.struct_format()
        position = self.random.choice(["", "", "", ", 1", ", 2", ", 3", ", 0", ", -1", ", 100", ", nil", ", 'x'", ", 1.5", ", 2^63", ", -2^63"])
        data = literal(self.random.randbytes(self.random.randint(0, 60)).replace(b"\x07", b"\0"))
        return f"struct.unpack({quoted(form)}, {data}{position})"

    def struct_there_and_back(self):
        form, values = self.struct_format()
        return f"struct.unpack({quoted(form)}, struct.pack({', '.join([quoted(form), *values])}))"

    # bit, and calls that are wrong

    def bits(self):
        name = self.random.choice(["tobit", "bnot", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "bswap", "tohex", "tohex"])
        count = self.random.choice([0, 1, 2, 2, 2, 2, 3, 5])
        value = lambda: self.random.choice([self.number(), self.number(), self.number(), "'12'", "'x'", "nil", "{}", "-2147483648", "2147483648", "0xffffffff", "-8", "8", "4"])
        return f"bit.{name}({', '.join(value() for _ in range(count))})"

    def misuse(self):
        name = self.random.choice(["cjson.encode", "cjson.decode", "cjson.new", "cmsgpack.pack", "cmsgpack.unpack", "cmsgpack.unpack_one", "cmsgpack.unpack_limit", "struct.pack", "struct.unpack", "struct.size", "bit.band"])
        value = lambda: self.random.choice(["nil", "1", "'x'", "{}", "true", "type", "cjson.null", "12.5"])
        arguments = ", ".join(value() for _ in range(self.random.randint(0, 3)))
        called = self.random.choice([f"{name}({arguments})", f"pcall({name}{arguments and ', ' + arguments})", f"{name.replace('.', ':')}({arguments})"])
        if "new" in called or "cmsgpack:pack" in called:
            return "type(cjson.new().null)"
        return called if called.startswith("pcall") else f"(function() return {called}, 0 end)()"

    def damaged(self, data, alphabet):
        data = bytearray(data)
        for _ in range(self.random.choice([1, 1, 2, 4])):
            at = self.random.randint(0, len(data))
            kind = self.random.random()
            if kind < 0.35:
                data[at:at + 1] = bytes([self.random.choice(alphabet)])
            elif kind < 0.6:
                data[at:at] = bytes([self.random.choice(alphabet)])
            elif kind < 0.85:
                del data[at:at + self.random.choice([1, 1, 2, 5])]
            else:
                del data[at:]
        return bytes(data)


def in_any_order(function, arguments):
    """Calls a function whose result has the entries of a table in their order, if there are several."""
    return f"bag({function}({arguments}))" if arguments.count("=") > 1 or ":" in arguments else f"{function}({arguments})"


def literal(data):
    return '"' + "".join(chr(byte) if chr(byte).isalnum() and byte < 128 or byte in b" .,:;(){}[]<>=+*/_-" else f"\\{byte:03d}" for byte in data) + '"'


def quoted(text):
    """A format, which has escapes of Lua already."""
    return f'"{text}"'
