"""Scripts that mean harm: each would like to keep the server from its other clients, to take all memory, or to bring it down."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Script:
    kind: str
    name: str
    source: bytes
    arguments: tuple = ()
    # What is there before it, as commands.
    before: tuple = ()
    # It changes keys, so that what it has written may be left.
    writes: bool = False


def loops():
    """They end by SCRIPT KILL alone."""
    return {
        "while": "while true do end",
        "repeat": "repeat until false",
        "for to infinity": "for i = 1, math.huge do end",
        "for without a step": "for i = 1, 2, 0 do end",
        "tail calls": "local function f() return f() end return f()",
        "iterator without an end": "for _ in function() return 1 end do end",
        "pcall of errors": "while true do pcall(error, 'x') end",
        "pcall of a loop": "while true do pcall(function() while true do end end) end",
        "pcall in pcall": "local function f() while true do pcall(f) end end f()",
        "xpcall with a loop as its handler": "while true do xpcall(function() error('x') end, function() while true do end end) end",
        "xpcall of xpcall": "local function f() while true do xpcall(f, f) end end f()",
        "coroutine": "coroutine.wrap(function() while true do end end)()",
        "coroutines that yield": "while true do local c = coroutine.wrap(function() while true do coroutine.yield() end end) for i = 1, 9 do c() end end",
        "pcall of coroutines": "while true do pcall(coroutine.wrap(function() while true do pcall(function() while true do end end) end end)) end",
        "coroutine in coroutine": "local function f(n) return coroutine.wrap(function() while true do pcall(f, n + 1) end end)() end while true do pcall(f, 1) end",
        "metamethod": "local t = setmetatable({}, {__index = function() while true do end end}) while true do pcall(function() return t.x end) end",
        "metamethod of equality": "local m = {__eq = function() while true do end end} return setmetatable({}, m) == setmetatable({}, m)",
        "concatenation by a metamethod": "return setmetatable({}, {__concat = function() while true do end end}) .. 'x'",
        "tostring by a metamethod": "return tostring(setmetatable({}, {__tostring = function() while true do end end}))",
        "error that is told by a loop": "error(setmetatable({}, {__tostring = function() while true do end end}))",
        "sort with a loop": "table.sort({3, 2, 1}, function() while true do end end)",
        "gsub with a loop": "return string.gsub('x', 'x', function() while true do end end)",
        "foreach with a loop": "if table.foreach then table.foreach({1}, function() while true do end end) end while true do end",
        "finalizer": "if newproxy then local p = newproxy(true) getmetatable(p).__gc = function() while true do end end p = nil collectgarbage() end while true do end",
        "collecting": "while true do collectgarbage() end",
        "source after source": "local i = 0 while true do i = i + 1 loadstring('return ' .. i)() end",
        "clock": "local e = os.clock() + 1e9 while os.clock() < e do end",
        "calls": "while true do redis.call('PING') end",
        "calls that read": "while true do redis.call('GET', KEYS[1] or 'k') end",
        "calls that fail": "while true do redis.pcall('NONE') end",
        "calls of KEYS": "while true do redis.call('KEYS', '*') end",
        "hashing": "local s = string.rep('x', 1e6) while true do redis.sha1hex(s) end",
        "encoding": "local t = {} for i = 1, 1e4 do t[i] = {i} end while true do cjson.encode(t) cmsgpack.pack(t) end",
    }


def strings():
    """Their time goes by inside of one function of the string library."""
    return {
        "rep of a gigabyte": "return #string.rep('x', 1e9)",
        "rep beyond all": "return #string.rep('x', 2^53)",
        "rep of nothing": "return #string.rep('', 1e15)",
        "rep of much": "return #string.rep(string.rep('x', 1e6), 1e6)",
        "doubling": "local s = 'x' while true do s = s .. s end",
        "doubling in pcall": "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end",
        "find with many stars": "return string.find(string.rep('a', 3000), string.rep('a*', 40) .. 'b')",
        "match with many minuses": "return string.match(string.rep('a', 3000), string.rep('.-', 40) .. 'b')",
        "gmatch of prefixes": "for _ in string.gmatch(string.rep('a', 1e6), '.-b') do end",
        "gsub of prefixes": "return string.gsub(string.rep('a', 1e6), 'a*b', '')",
        "balanced": "return string.find(string.rep('(', 2e6), '%b()')",
        "back reference": "return string.find(string.rep('a', 2e4), '(.*)(.*)%1%2b')",
        "captures": "return string.find(string.rep('a', 2e5), string.rep('(a?)', 30) .. 'b')",
        "set": "return string.find(string.rep('a', 2e5), '[' .. string.rep('b', 2e5) .. ']')",
        "deep pattern": "return string.find(string.rep('a', 4e5), string.rep('a?', 4e5) .. 'b')",
        "long pattern": "return string.find(string.rep('a', 1e6), string.rep('a', 1e6) .. 'b')",
        "plain find": "return string.find(string.rep('a', 2e7), string.rep('a', 1e7) .. 'b', 1, true)",
        "gsub that grows": "return #string.gsub(string.rep('a', 1e5), 'a', string.rep('b', 1e6))",
        "gsub of nothing": "return #string.gsub(string.rep('a', 1e7), '', string.rep('b', 1e3))",
        "pattern in pcall": "while true do pcall(string.find, string.rep('a', 3000), string.rep('a*', 40) .. 'b') end",
        "format with a width": "return string.format('%99999999d', 1)",
        "format with a precision": "return #string.format('%.99f', 1e308) + #string.format('%99.99f', 1e308)",
        "format of much": "local s = string.rep('x', 1e8) while true do s = string.format('%s%s%q', s, s, s) end",
        "quoting zeros": "return #string.format('%q', string.rep('\\0', 1e8))",
        "concat with a separator": "local t = {} for i = 1, 1e5 do t[i] = '' end return #table.concat(t, string.rep('x', 1e6))",
        "concat of much": "local t = {} for i = 1, 1e5 do t[i] = string.rep('x', 1e5) end return #table.concat(t)",
        "bytes": "return select('#', string.byte(string.rep('x', 1e8), 1, -1))",
        "chars": "local t = {} for i = 1, 7900 do t[i] = 65 end while true do string.char(unpack(t)) end",
        "upper and reverse": "local s = string.rep('x', 5e7) while true do s = string.reverse(string.upper(s)) end",
        "comparing": "local a, b = string.rep('x', 5e7) .. 'a', string.rep('x', 5e7) .. 'b' while true do local c = a < b end",
        "number": "return tonumber(string.rep('1', 1e8))",
        "number in another base": "return tonumber(string.rep('z', 1e8), 36)",
        "strings of one hash": "local head = string.rep('x', 40) local t = {} for i = 1, 2e5 do t[i] = head .. string.format('%07d', i) .. head end",
        "upvalue of gsub": "local function f(s) return (string.gsub(s, '.', f)) end return f('x')",
    }


def memory():
    """They take memory until they are stopped."""
    return {
        "tables": "local t = {} while true do t[#t + 1] = {} end",
        "strings": "local t = {} while true do t[#t + 1] = string.rep(tostring(#t), 1000) end",
        "large strings": "local t = {} while true do t[#t + 1] = string.rep('x', 1e7) .. #t end",
        "functions": "local t = {} while true do local n = #t t[n + 1] = function() return n end end",
        "coroutines": "local t = {} while true do local c = coroutine.create(function() coroutine.yield() end) coroutine.resume(c) t[#t + 1] = c end",
        "keys of a table": "local t = {} local i = 0 while true do i = i + 1 t['k' .. i] = i end",
        "memory errors in pcall": "while true do pcall(function() local t = {} while true do t[#t + 1] = string.rep('x', 1e6) .. #t end end) end",
        "memory kept in pcall": "local t = {} while true do pcall(function() while true do t[#t + 1] = string.rep('x', 1e6) .. #t end end) end",
        "memory errors in coroutines": "while true do coroutine.wrap(function() pcall(function() local t = {} while true do t[#t + 1] = {t} end end) end)() end",
        "replies": "local t = {} while true do t[#t + 1] = redis.call('LRANGE', 'list', 0, -1) end",
        "errors": "local t = {} while true do t[#t + 1] = redis.pcall('NONE' .. #t) end",
        "deep recursion": "local function f() return 1 + f() end return f()",
        "deep recursion in pcall": "local function f() return 1 + select(2, pcall(f)) end while true do f() end",
        "recursion with large frames": "local function f(...) return 1 + f(..., ...) end return f(unpack({}, 1, 200))",
        "recursion of coroutines": "local function f() return coroutine.wrap(f)() end return f()",
        "recursion of metamethods": "local t = setmetatable({}, {__index = function(t, k) return t[k .. 'x'] end}) return t.x",
        "indexes in a ring": "local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a}) return a.x",
        "unpack of much": "return select('#', unpack({}, 1, 1e8))",
        "unpack beyond": "return unpack({1}, 0, 2147483647)",
        "unpack from below": "return unpack({1}, -2147483648, 2147483647)",
        "insertion at the front": "local t = {} for i = 1, 1e7 do table.insert(t, 1, i) end",
        "removal at the front": "local t = {} for i = 1, 1e6 do t[i] = i end for i = 1, 1e6 do table.remove(t, 1) end",
        "next of what was removed": "local t = {} for i = 1, 1e6 do t['k' .. i] = i end for i = 1, 1e6 do t['k' .. i] = nil end while true do next(t) end",
        "maxn": "local t = {} for i = 1, 1e6 do t['k' .. i] = i end while true do table.maxn(t) end",
        "sort of much": "local t = {} for i = 1, 3e6 do t[i] = (i * 7919) % 1000003 end table.sort(t) while true do table.sort(t) end",
        "sort by nonsense": "local t = {} for i = 1, 1e6 do t[i] = i end table.sort(t, function() return true end)",
        "source of much": "return #loadstring('return \"' .. string.rep('x', 1e8) .. '\"')()",
        "source without an end": "return load(function() return 'local x = 1 ' end)",
        "source of parts": "return load(function() return 'x' end)",
    }


def sources():
    """The compiler itself is what they are after."""
    many = {
        "parentheses": b"return " + b"(" * 100_000 + b"1" + b")" * 100_000,
        "tables in tables": b"return " + b"{" * 100_000 + b"}" * 100_000,
        "functions in functions": b"return " + b"function() return " * 50_000 + b"1" + b" end" * 50_000,
        "not not": b"return " + b"not " * 200_000 + b"1",
        "concatenation": b"return " + b"'a'.." * 200_000 + b"'b'",
        "power": b"return " + b"2^" * 200_000 + b"1",
        "blocks": b"do " * 100_000 + b"end " * 100_000,
        "elseif": b"if false then " + b"elseif false then " * 200_000 + b"end",
        "locals": b" ".join(b"local a%d" % number for number in range(10_000)),
        "constants": b"return {" + b",".join(b"%d.5" % number for number in range(400_000)) + b"}",
        "comment": b"--[" + b"=" * 10_000_000 + b"[",
        "delimiter without an end": b"return [" + b"=" * 1_000_000,
        "string without an end": b"return '" + b"x" * 10_000_000,
        "name": b"return " + b"x" * 10_000_000,
        "number": b"return " + b"1" * 10_000_000,
        "zeros": b"return '" + b"\0" * 10_000_000 + b"'",
        "bytecode": b"\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00" + b"\xff" * 1000,
        "large": b"local x = 1 " * 2_000_000,
        "spaces": b" " * 50_000_000,
    }
    loaded = {
        "bytecode that is loaded": "return loadstring('\\27Lua\\81\\0\\1\\4\\8\\4\\8\\0' .. string.rep('\\255', 1000))",
        "chunk names": "for i = 1, 1e4 do loadstring('return 1', string.rep('x', 1e5) .. i) collectgarbage() end",
        "dumped function": "return string.dump(function() end)",
    }
    return {**many, **loaded}


def libraries():
    """cjson, cmsgpack, struct, bit, and what the server adds."""
    return {
        "JSON, deep": "return cjson.decode(string.rep('[', 1e6))",
        "JSON, deeper": "cjson.decode_max_depth(2^31 - 1) return cjson.decode(string.rep('[', 5e6) .. string.rep(']', 5e6))",
        "JSON, long": "return #cjson.decode('[' .. string.rep('1,', 2e7) .. '1]')",
        "JSON, wide": "return cjson.decode('{' .. string.rep('\"k\":{\"a\":1},', 5e6) .. '\"z\":1}')",
        "JSON of a ring": "local t = {} t[1] = t return cjson.encode(t)",
        "JSON of depth": "local t = {} for i = 1, 1e6 do t = {t} end return cjson.encode(t)",
        "JSON of more depth": "cjson.encode_max_depth(2^31 - 1) local t = {} for i = 1, 1e6 do t = {t} end return #cjson.encode(t)",
        "JSON of zeros": "return #cjson.encode(string.rep('\\0', 2e8))",
        "JSON of an array with holes": "cjson.encode_sparse_array(true, 0, 0) return #cjson.encode({[1e9] = 1})",
        "JSON of an index beyond": "cjson.encode_sparse_array(true, 0, 0) return #cjson.encode({[2^53] = 1})",
        "JSON of one large string": "local s = string.rep('x', 1e7) while true do cjson.encode({s, s, s, s}) end",
        "JSON, a number": "return cjson.decode(string.rep('1', 5e7))",
        "JSON, escapes": "return #cjson.decode('\"' .. string.rep('\\\\u0041', 1e7) .. '\"')",
        "JSON, broken": "while true do pcall(cjson.decode, '[' .. string.rep('1,', 1e5)) end",
        "MessagePack of a ring": "local t = {} t[1] = t return cmsgpack.pack(t)",
        "MessagePack of depth": "local t = {} for i = 1, 1e6 do t = {t} end return #cmsgpack.pack(t)",
        "MessagePack, deep": "return cmsgpack.unpack(string.rep('\\145', 1e6))",
        "MessagePack, an array that is not there": "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
        "MessagePack, a map that is not there": "return cmsgpack.unpack('\\223\\255\\255\\255\\255')",
        "MessagePack, a string that is not there": "return cmsgpack.unpack('\\219\\255\\255\\255\\255x')",
        "MessagePack, very many": "return select('#', cmsgpack.unpack(string.rep('\\192', 5e7)))",
        "MessagePack, a limit": "return cmsgpack.unpack_limit(string.rep('\\1', 1e6), 2^31 - 1, 0)",
        "MessagePack, an offset": "return cmsgpack.unpack_one('x', -2^31)",
        "MessagePack in a loop": "local s = string.rep('\\145', 10) .. '\\192' while true do cmsgpack.unpack(s) end",
        "struct, a wide integer": "return struct.pack('I2147483647', 1)",
        "struct, a size beyond": "return struct.size('c2147483647c2147483647c2147483647')",
        "struct, very many": "return select('#', struct.unpack(string.rep('b', 1e6), string.rep('x', 1e6)))",
        "struct, alignment": "return struct.pack('!2147483648 i', 1)",
        "struct, an offset": "return struct.unpack('i', 'xxxxxxxx', 2^31 - 1)",
        "struct, an offset below": "return struct.unpack('c0', 'x', -1)",
        "struct, no zero": "local s = string.rep('x', 1e7) while true do pcall(struct.unpack, 's', s) end",
        "struct, characters": "return #struct.pack('c1000000000', 'x')",
        "bit.tohex": "return bit.tohex(1, -2147483648)",
        "bit in a loop": "while true do bit.bxor(1, 2, 3) end",
        "SHA1 of much": "return redis.sha1hex(string.rep('x', 1e9))",
        "a log of much": "redis.log(redis.LOG_DEBUG, string.rep('x', 1e8))",
        "libraries that are changed": "string.rep = nil cjson.encode = nil redis.call = nil",
        "metatable of strings": "getmetatable('').__index = function() while true do end end return ('x').y",
        "globals": "rawset(_G, 'left_behind', 1) setmetatable(_G, nil)",
        "environment": "if setfenv then setfenv(1, {}) getfenv(0).left_behind = 1 end",
    }


def replies():
    """What comes of their end: replies that are large, deep, or none."""
    return {
        "a ring": "local t = {} t[1] = t return t",
        "depth": "local t = {} for i = 1, 1e6 do t = {t} end return t",
        "length": "local t = {} for i = 1, 2e6 do t[i] = i end return t",
        "one string": "return string.rep('x', 1e8)",
        "lengthy strings": "local s = string.rep('x', 1e6) local t = {} for i = 1, 1000 do t[i] = s end return t",
        "width by sharing": "local t = {1} for i = 1, 40 do t = {t, t} end return t",
        "an error of much": "error(string.rep('x', 1e8))",
        "an error with lines": "return redis.error_reply('ERR x\\r\\n+OK\\r\\n' .. string.rep('\\r\\n', 1e6))",
        "a status with lines": "return {ok = 'x\\r\\n+OK\\r\\n'}",
        "a map of itself": "redis.setresp(3) local t = {} t.map = t return t",
        "a set of depth": "redis.setresp(3) local t = {} for i = 1, 1e5 do t = {set = {[i] = true, x = t}} end return t",
        "a big number": "redis.setresp(3) return {big_number = string.rep('9', 1e7)}",
        "a verbatim string": "redis.setresp(3) return {verbatim_string = {format = string.rep('x', 1e6), string = string.rep('y', 1e6)}}",
        "an error of a table": "error({err = setmetatable({}, {__index = function() while true do end end})})",
        "a reply with metamethods": "return setmetatable({}, {__index = function() while true do end end})",
        "a reply without an end": "return setmetatable({}, {__index = function(t, i) return i end})",
    }


def calls():
    """Commands that would wait, end, or do much."""
    return {
        "commands that wait": "for i = 1, 1e5 do redis.pcall('WAIT', 1, 0) end while true do redis.pcall('XREAD', 'BLOCK', 0, 'STREAMS', 'none', '$') end",
        "commands that a script may not": "for _, c in ipairs({'SUBSCRIBE', 'MONITOR', 'MULTI', 'EVAL', 'SHUTDOWN', 'SCRIPT', 'AUTH', 'HELLO', 'RESET', 'QUIT', 'CLIENT', 'CONFIG', 'SYNC', 'PSYNC', 'DEBUG', 'SELECT'}) do redis.pcall(c, 'x', 'y', 'z') redis.pcall(c) end while true do redis.pcall('SHUTDOWN', 'NOSAVE') end",
        "very many arguments": "local t = {} for i = 1, 7900 do t[i] = 'k' .. i end while true do redis.call('EXISTS', unpack(t)) end",
        "one large argument": "local s = string.rep('x', 1e8) while true do redis.pcall('ECHO', s) end",
        "arguments of gigabytes": "local s = string.rep('x', 1e8) local t = {} for i = 1, 3000 do t[i] = s end while true do redis.pcall('ECHO', unpack(t)) redis.pcall('SUBSCRIBE', unpack(t)) end",
        "a log of gigabytes": "local s = string.rep('x', 1e8) local t = {} for i = 1, 3000 do t[i] = s end while true do redis.log(redis.LOG_DEBUG, unpack(t)) end",
        "one value many times": "local t = {'text', 'text'} for i = 3, 7000 do t[i] = 'text' end while true do redis.call('MGET', unpack(t)) end",
        "one field many times": "local t = {'text', 'text'} for i = 3, 7000 do t[i] = 'text' end while true do redis.pcall('HMGET', 'hash', unpack(t)) end",
        "one member many times": "while true do redis.pcall('HRANDFIELD', 'hash', -1e8, 'WITHVALUES') redis.pcall('SRANDMEMBER', 'set', -1e8) redis.pcall('ZRANDMEMBER', 'sorted set', -1e8) end",
        "one weight many times": "while true do redis.pcall('SORT_RO', 'same', 'ALPHA', 'BY', 'h*->text') redis.pcall('SORT_RO', 'same', 'BY', 'nosort', 'GET', 'h*->text') end",
        "one name many times": "while true do redis.pcall('XPENDING', 'stream', 'g', '-', '+', 1e6) redis.pcall('XINFO', 'STREAM', 'stream', 'FULL', 'COUNT', 0) end",
        "one stream many times": "local t = {'STREAMS'} for i = 1, 3000 do t[i + 1] = 'stream' t[i + 3001] = '0' end while true do redis.pcall('XREAD', unpack(t)) end",
        "one large value": "while true do redis.call('HGET', 'hash', 'text') redis.call('LINDEX', 'long', 0) redis.call('LRANGE', 'long', 0, 9) redis.call('GETRANGE', 'text', 0, 1e4) end",
        "commands that take a while": "for i = 1, 20000 do redis.call('LPOS', 'short', 'x') redis.call('SORT_RO', 'short', 'LIMIT', 0, 1) end",
        "much of a collection": "while true do redis.call('HSCAN', 'fields', 0, 'COUNT', 1e6) redis.call('HRANDFIELD', 'fields', 30000) redis.call('HRANDFIELD', 'fields', -30000, 'WITHVALUES') end",
        "a large reply": "while true do redis.call('LRANGE', 'list', 0, -1) end",
        "a large reply in part": "while true do redis.call('LINDEX', 'list', 50000) redis.call('SORT_RO', 'list') end",
        "sorting": "while true do redis.call('SORT_RO', 'list', 'ALPHA', 'BY', 'w_*', 'GET', '#') end",
        "scanning": "local at = '0' while true do at = redis.call('SCAN', at, 'COUNT', 1e6)[1] end",
        "searching": "while true do redis.call('BITCOUNT', 'text') redis.pcall('LCS', 'text', 'text', 'LEN') end",
        "access lists": "while true do redis.pcall('ACL', 'LIST') redis.acl_check_cmd('GET', 'x') end",
        "an error in each": "while true do redis.pcall('GET', 'list') redis.pcall('GET') end",
        "compilation": "while true do redis.pcall('SCRIPT', 'LOAD', 'return 1') loadstring(string.rep('x = 1 ', 1e5)) end",
    }


def writing():
    """They write before they go on, so they may not be stopped, but they end; the others are answered all the while."""
    return {
        "counting": "for i = 1, 2e6 do redis.call('INCR', 'n') end",
        "many keys": "for i = 1, 3e5 do redis.call('SET', 'k' .. i, i) end",
        "one large key": "for i = 1, 200 do redis.call('APPEND', 'text', string.rep('x', 1e6)) end",
        "a write and a loop": "redis.call('SET', 'k', 1) for i = 1, 2e8 do end",
        "commands that wait to write": "for i = 1, 1e5 do redis.pcall('BLPOP', 'none', 0) redis.pcall('BZPOPMIN', 'none', 0) redis.pcall('BLMOVE', 'none', 'none', 'LEFT', 'LEFT', 0) end",
        "commands that might write": "for i = 1, 20 do redis.call('SORT', 'list') redis.pcall('SET', 'none', 1, 'XX') redis.call('DEL', 'none') end",
        "values that are replaced": "local s = string.rep('x', 1e5) for i = 1, 2e5 do redis.call('SET', 'k', s) end",
        "values that are removed": "local s = string.rep('x', 1e5) for i = 1, 1e5 do redis.call('SET', 'k', s) redis.call('FLUSHALL') end",
        "events": "redis.call('SET', 'k', 1) for i = 1, 3e6 do redis.pcall('SET', 'k', '1') end",
        "long elements that are removed": "local s = string.rep('x', 1e5) for i = 1, 20 do for j = 1, 300 do redis.call('RPUSH', 'l', s) redis.call('HSET', 'h', j, s) end redis.call('LPOP', 'l', 300) redis.call('HGETDEL', 'h', 'FIELDS', 3, 1, 2, 3) redis.call('DEL', 'h') end",
        "a write and an error": "redis.call('SET', 'k', 1) error('x')",
        "a write and no memory": "redis.call('SET', 'k', 1) local s = 'x' while true do s = s .. s end",
    }


PREPARED = ((b"RPUSH", b"list", *[b"%d" % number for number in range(100_000)]), (b"SET", b"text", b"x" * 20_000))

LONG = b"x" * 1_000_000
# What a command answers once for each of its words, or for each element of another value.
REPEATED = (
    (b"SET", b"text", b"x" * 20_000), (b"HSET", b"hash", b"text", LONG), (b"SADD", b"set", LONG), (b"ZADD", b"sorted set", b"1", LONG),
    (b"RPUSH", b"same", *[b"ash"] * 4000), (b"RPUSH", b"long", *[LONG] * 10), (b"RPUSH", b"short", *[b"1"] * 30_000),
    (b"HSET", b"fields", *[b"%d" % (number // 2) for number in range(200_000)]),
    *[(b"XADD", b"stream", b"*", b"a", b"b")] * 1000, (b"XADD", b"stream", b"*", b"a", LONG),
    (b"XGROUP", b"CREATE", b"stream", b"g", b"0"), (b"XREADGROUP", b"GROUP", b"g", LONG, b"STREAMS", b"stream", b">"),
)


def corpus():
    kinds = [loops, strings, memory, sources, libraries, replies, calls, writing]
    found = []
    for kind in kinds:
        for name, source in kind().items():
            source = source if isinstance(source, bytes) else source.encode()
            is_repeated = "many times" in name or any(key in source for key in (b"'long'", b"'short'", b"'fields'"))
            before = REPEATED if is_repeated else PREPARED if b"'list'" in source else ()
            found.append(Script(kind.__name__, name, source, before=before, writes=kind is writing))
    return found
