"""The commands of each family, as templates: see `template`.

Behind `:` stands how replies are compared, where that is not byte for byte:

- `unordered`  the elements are in any order
- `pairs`      and so are the pairs of elements
- `scan`       a cursor, and elements in any order; `scan-pairs` pairs
- `random`     drawn from what the command before it answered; `random-pairs` pairs
- `shape`      the type alone

`lexkey` is a sorted set with one score for all members: what BYLEX does with others is unspecified. Commands that are joined by `;` stay together, and have the same key. Before `@` stand the servers that have a command, if not all
have it: Redis or Valkey since a version. Four are none of the servers':

- `CLOCK n`      advances the clock by so many milliseconds
- `OTHER`        goes on with the other connection
- `ITERATE scan` scans in small steps while elements are added, and expects that none is missed
- `CARRY key`    carries a value from one server to the other with DUMP and RESTORE, both ways
"""

FAMILIES = {
    "strings": """
        GET key
        GET key
        SET key value
        SET key value
        SET key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT timestamp|PXAT ms_timestamp|KEEPTTL]
        SETNX key value
        SETEX key seconds value
        PSETEX key milliseconds value
        GETSET key value
        GETDEL key
        GETEX key [EX seconds|PX milliseconds|EXAT timestamp|PXAT ms_timestamp|PERSIST]
        APPEND key value
        STRLEN key
        GETRANGE key index index
        SUBSTR key index index
        SETRANGE key offset value
        INCR key
        DECR key
        INCRBY key integer
        DECRBY key integer
        INCRBYFLOAT key float; DEL key
        INCRBYFLOAT key garbage; DEL key
        MGET key+
        MSET (key value)+
        MSETNX (key value)+
        LCS key key
        LCS key key [LEN|IDX] [MINMATCHLEN index] [WITHMATCHLEN]
        valkey8.1 @ SET key value IFEQ value [GET]
        valkey9.0 @ DELIFEQ key value
        valkey9.1 @ MSETEX key_value# [NX|XX] [EX seconds|PX milliseconds|EXAT timestamp|PXAT ms_timestamp|KEEPTTL]
    """,
    "bitmaps": """
        SET key value
        SETRANGE key offset value
        SETBIT key bit (0|1)
        SETBIT key bit (0|1)
        SETBIT key bit (2|01|garbage)
        GETBIT key bit
        BITCOUNT key [index index]
        BITCOUNT key index index (BYTE|BIT|NOSUCH)
        BITPOS key (0|1) [index]
        BITPOS key (0|1) index index [BYTE|BIT]
        BITPOS key index
        BITOP (AND|OR|XOR|NOT|NOSUCH) key key+
        BITOP NOT key key
        redis8.2 @ BITOP (DIFF|DIFF1|ANDOR|ONE) key key+
        BITFIELD key (GET field place)+
        BITFIELD key [OVERFLOW (WRAP|SAT|FAIL|NOSUCH)] SET field place integer GET field place
        BITFIELD key [OVERFLOW (WRAP|SAT|FAIL)] INCRBY field place integer [OVERFLOW (WRAP|SAT|FAIL)] INCRBY field place integer
        BITFIELD_RO key GET field place
        BITFIELD_RO key SET field place integer
        EXPIRE key seconds
        STRLEN key
        GET key
        RPUSH key value
        DEL key
        CARRY key
    """,
    "hyperloglog": """
        PFADD key element+
        PFADD key element+
        PFADD key element*
        PFADD key
        PFCOUNT key
        PFCOUNT key
        PFCOUNT key key+
        PFMERGE key key+
        PFMERGE key
        PFDEBUG (ENCODING|DECODE|TODENSE|NOSUCH) key
        GET key
        STRLEN key
        TTL key
        COPY key key REPLACE
        EXPIRE key seconds
        APPEND key value; PFCOUNT key; DEL key
        SETRANGE key offset value; PFCOUNT key key; DEL key
        SET key value
        RPUSH key value
        DEL key
        DEL key
        CARRY key
    """,
    "geo": """
        GEOADD key (position town)+
        GEOADD key (position town)+
        GEOADD key [NX|XX] [CH] (position town)+
        GEOADD key (position many)*
        GEOADD key (position text)*
        GEOPOS key town+
        GEODIST key town town [unit]
        GEOHASH key town+
        GEOHASH key many+
        GEOSEARCH key FROMLONLAT position BYRADIUS distance unit
        GEOSEARCH key FROMLONLAT position BYRADIUS distance unit [ASC|DESC] [WITHDIST] [WITHHASH] [COUNT count [ANY]]
        GEOSEARCH key FROMMEMBER town BYRADIUS distance unit [WITHCOORD] [WITHDIST] [ASC|DESC] [COUNT count]
        GEOSEARCH key FROMLONLAT position BYBOX distance distance unit [ASC|DESC] [WITHDIST] [COUNT count [ANY]]
        GEOSEARCH key FROMMEMBER town BYBOX distance distance unit COUNT count ANY
        GEOSEARCH key [FROMLONLAT position|FROMMEMBER town] [BYRADIUS distance unit] [BYBOX distance distance unit] [COUNT count] [ANY]
        valkey9.0 @ GEOSEARCH key BYPOLYGON corners [ASC|DESC] [WITHDIST] [WITHCOORD] [COUNT count [ANY]]
        valkey9.0 @ GEOSEARCH key [FROMMEMBER town] BYPOLYGON corners [FROMLONLAT position] [BYRADIUS distance unit]
        valkey9.0 @ GEOSEARCHSTORE key key BYPOLYGON corners [STOREDIST]
        GEOSEARCHSTORE key key FROMLONLAT position BYRADIUS distance unit [ASC|DESC] [COUNT count] [STOREDIST] [WITHDIST]
        GEOSEARCHSTORE key key FROMMEMBER town BYBOX distance distance unit [STOREDIST]
        GEORADIUS key position distance unit [WITHDIST] [WITHCOORD] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]
        GEORADIUS key position distance unit [COUNT count] [STORE key|STOREDIST key] [STORE key|STOREDIST key]
        GEORADIUS_RO key position distance unit [WITHDIST] [STORE key]
        GEORADIUSBYMEMBER key town distance unit [WITHDIST] [COUNT count] [STORE key|STOREDIST key]
        GEORADIUSBYMEMBER_RO key town distance unit [WITHHASH] [ASC|DESC] [COUNT count [ANY]]
        ZADD key (score town)+
        ZRANGE key 0 -1 WITHSCORES
        ZREM key town+
        OBJECT ENCODING key
        DEL key
        CARRY key
        SET key value
        EXPIRE key seconds
    """,
    "streams": """
        XADD key newid (member value)+
        XADD key newid member value
        XADD key newid member value
        XADD key [NOMKSTREAM] [MAXLEN count|MAXLEN = count|MINID sid|MAXLEN ~ count|MAXLEN ~ count LIMIT count] newid member value
        XADD key (MAXLEN|MINID|LIMIT|FOO) (count|sid) newid member value
        XLEN key
        XRANGE key edge edge [COUNT count]
        XREVRANGE key edge edge [COUNT count]
        XRANGE key - +
        XDEL key sid+
        XTRIM key MAXLEN [=|~] count
        XTRIM key MINID [=|~] sid [LIMIT count]
        XSETID key sid [ENTRIESADDED integer] [MAXDELETEDID sid]
        XREAD [COUNT count] STREAMS key key readid readid
        XREAD COUNT 2 STREAMS key 0
        XGROUP CREATE key consumer_group sid MKSTREAM
        XGROUP CREATE key consumer_group (sid|$) [MKSTREAM] [ENTRIESREAD integer]
        XGROUP SETID key consumer_group (sid|$) [ENTRIESREAD integer]
        XGROUP DESTROY key consumer_group
        XGROUP CREATECONSUMER key consumer_group consumer
        XGROUP DELCONSUMER key consumer_group consumer
        XREADGROUP GROUP consumer_group consumer [COUNT count] [NOACK] STREAMS key >
        XREADGROUP GROUP consumer_group consumer COUNT 2 STREAMS key >
        XREADGROUP GROUP consumer_group consumer [COUNT count] STREAMS key sid
        XREADGROUP GROUP consumer_group consumer STREAMS key key > sid
        XACK key consumer_group sid+
        XPENDING key consumer_group
        XPENDING key consumer_group [IDLE count] edge edge count [consumer]
        XCLAIM key consumer_group consumer count sid+ [IDLE integer|TIME ms_timestamp] [RETRYCOUNT integer] [FORCE] [JUSTID] [LASTID sid]
        XAUTOCLAIM key consumer_group consumer count edge [COUNT count] [JUSTID]
        XINFO GROUPS key
        XINFO CONSUMERS key consumer_group
        redis8.2 @ XDELEX key [KEEPREF|DELREF|ACKED] IDS sid#
        redis8.2 @ XACKDEL key consumer_group [KEEPREF|DELREF|ACKED] IDS sid#
        redis8.2 @ XADD key (KEEPREF|DELREF|ACKED) (MAXLEN count|MAXLEN = count|MINID sid) newid member value
        redis8.2 @ XTRIM key (MAXLEN count|MINID = sid) (KEEPREF|DELREF|ACKED)
        CLOCK 30
        DEL key
        SET key value
        TYPE key
        OBJECT ENCODING key
        COPY key key REPLACE
        RENAME key key
        CARRY key
    """,
    "keys": """
        DEL key+
        UNLINK key
        EXISTS key+
        TOUCH key+
        TYPE key
        TYPE key
        RENAME key key
        RENAMENX key key
        COPY key key [DB database] [REPLACE]
        MOVE key database
        SELECT database
        SELECT 0
        SWAPDB database database
        EXISTS every_key; DBSIZE :shape
        KEYS pattern :unordered
        SCAN 0 COUNT 10000 :scan
        SCAN 0 [MATCH pattern] COUNT 10000 [TYPE (STRING|LIST|HASH|SET|ZSET|NOSUCH)] :scan
        SCAN cursor MATCH '~ COUNT 10000 TYPE NOSUCH :shape
        KEYS '~ :unordered; RANDOMKEY :random
        FLUSHDB [SYNC|ASYNC|NOSUCH]
        FLUSHALL
        OBJECT ENCODING key
        OBJECT REFCOUNT key :shape
        OBJECT FREQ key
        OBJECT NOSUCH key
        OBJECT key
        MEMORY USAGE key [SAMPLES count] :shape
        SORT key [BY ('~|'nosort|'s~|'h1->~)] [LIMIT index index] [GET (#|'s~|'h1->a)] [ASC|DESC] [ALPHA] :unordered
        SORT key [ALPHA] [ASC|DESC]
        SORT key [ALPHA] [ASC|DESC] [LIMIT index index] STORE key
        SORT_RO key [ALPHA] [ASC|DESC] [LIMIT index index]
        SORT_RO key ALPHA STORE key
        SET key value
        SET key value
        SET key value PX milliseconds
        RPUSH key value+
        SADD key member+
        HSET key (member value)+
        ZADD key (score member)+
        RPUSH key integer+
        LRANGE key 0 -1
        ITERATE SCAN
        CARRY key
        RESTORE key integer value [REPLACE] [ABSTTL]
    """,
    "expiry": """
        SET key value
        SET key value [EX seconds|PX milliseconds|EXAT timestamp|PXAT ms_timestamp|KEEPTTL]
        EXPIRE key seconds [NX|XX|GT|LT]
        PEXPIRE key milliseconds [NX|XX|GT|LT]
        EXPIREAT key timestamp [NX|XX|GT|LT]
        PEXPIREAT key ms_timestamp [NX|XX|GT|LT]
        EXPIRE key seconds (NX|XX|GT|LT) (NX|XX|GT|LT|NO)
        PERSIST key
        TTL key
        TTL key
        PTTL key
        EXPIRETIME key
        PEXPIRETIME key
        GETEX key [EX seconds|PX milliseconds|EXAT timestamp|PXAT ms_timestamp|PERSIST]
        CLOCK 3
        CLOCK 498
        CLOCK 1002
        CLOCK 10002
        GET key
        EXISTS key+
        TYPE key
        INCR key
        APPEND key value
        RENAME key key
        COPY key key [DB database] [REPLACE]
        MOVE key database
        SELECT database
        SELECT 0
        KEYS '~ :unordered
        SCAN 0 COUNT 10000 :scan
        KEYS '~ :unordered; RANDOMKEY :random
        SETNX key value
        SADD key member+
        RPUSH key value
        HSET key member value
        ZADD key score member
        OBJECT ENCODING key
    """,
    "scripts": """
        EVAL script 3 key key key value integer
        EVAL script 3 key key key value integer
        EVAL script 3 key key key value integer
        EVAL_RO script 3 key key key value integer
        EVAL script integer key
        EVAL script garbage
        EVALSHA garbage 0
        SCRIPT EXISTS garbage
        SCRIPT LOAD script
        SCRIPT FLUSH
        GET key
        SET key value
        DEL key
        DEL key
        HGETALL key
        RPUSH key value
        ZADD key score member
    """,
    "transactions": """
        MULTI
        MULTI
        EXEC
        EXEC
        EXEC
        DISCARD
        WATCH key+
        WATCH key
        UNWATCH
        OTHER
        OTHER
        GET key
        SET key value
        SET key value
        INCR key
        DEL key
        MGET key+
        PEXPIRE key milliseconds
        CLOCK 1002
        SELECT 0
        SELECT database
        SWAPDB database database
        FLUSHDB
        NOSUCH key
        GET
        KEYS '~ :unordered
        RENAME key key
        PING
        ECHO value
        RPUSH key value
        SADD key member
        HSET key member value
        ZADD key score member
        LRANGE key 0 -1
        SMEMBERS key :unordered
        RESET; SELECT 0
    """,
    "list": """
        LPUSH key value+
        RPUSH key value+
        RPUSH key value+
        LPUSHX key value+
        RPUSHX key value+
        RPUSH key many*
        RPUSH key text*
        LPOP key [count]
        RPOP key [count]
        LLEN key
        LINDEX key index
        LSET key index value
        LRANGE key index index
        LRANGE key 0 -1
        LINSERT key (BEFORE|AFTER|NO) value value
        LREM key index value
        LREM key index member
        LTRIM key index index
        LPOS key member [RANK index] [COUNT count] [MAXLEN count]
        LPOS key value [COUNT count] [RANK index]
        LMOVE key key (LEFT|RIGHT|NO) (LEFT|RIGHT)
        RPOPLPUSH key key
        LMPOP key# (LEFT|RIGHT|NO) [COUNT count]
        DEL key
        OBJECT ENCODING key
        SORT key [ALPHA] [ASC|DESC]
        COPY key key REPLACE
        RENAME key key
        CARRY key
        SET key value
        EXPIRE key seconds
    """,
    "hash": """
        HSET key (member value)+
        HSET key (member value)+
        HSET key (text value)+
        HSET key (many value)*
        HMSET key (member value)+
        HSETNX key member value
        HGET key member
        HMGET key member+
        HGETALL key :pairs
        HKEYS key :unordered
        HVALS key :unordered
        HDEL key member+
        HDEL key (text|many)+
        HLEN key
        HEXISTS key member
        HSTRLEN key member
        HINCRBY key member integer
        HINCRBYFLOAT key member float; DEL key
        HINCRBYFLOAT key member garbage; DEL key
        HKEYS key :unordered; HRANDFIELD key :random
        HKEYS key :unordered; HRANDFIELD key signed :random
        HGETALL key :pairs; HRANDFIELD key signed WITHVALUES :random-pairs
        HSCAN key 0 COUNT 10000 :scan-pairs
        HSCAN key 0 MATCH pattern COUNT 10000 :scan-pairs
        HSCAN key cursor COUNT count [NOSUCH] :shape
        redis7.4 valkey8.0 @ HSCAN key 0 COUNT 10000 NOVALUES :scan
        redis8.0 valkey9.1 @ HGETDEL key FIELDS member#
        ITERATE HSCAN key
        DEL key
        OBJECT ENCODING key
        COPY key key REPLACE
        CARRY key
        SET key value
        EXPIRE key seconds
    """,
    "fields": """
        HSET key (member value)+
        HSET key (member value)+
        HSET key (many value)*
        HSETNX key member value
        HDEL key member+
        HINCRBY key member integer
        HGET key member
        HMGET key member+
        HGETALL key :pairs
        HVALS key :unordered
        HLEN key :shape
        HEXISTS key member
        HSTRLEN key member
        HKEYS key :unordered; HRANDFIELD key :random
        HGETALL key :pairs; HRANDFIELD key signed WITHVALUES :random-pairs
        HSCAN key 0 COUNT 10000 :scan-pairs
        redis7.4 valkey9.0 @ HEXPIRE key seconds [NX|XX|GT|LT] FIELDS member#
        redis7.4 valkey9.0 @ HPEXPIRE key milliseconds [NX|XX|GT|LT] FIELDS member#
        redis7.4 valkey9.0 @ HPEXPIRE key milliseconds FIELDS many#
        redis7.4 valkey9.0 @ HEXPIREAT key timestamp [NX|XX|GT|LT] FIELDS member#
        redis7.4 valkey9.0 @ HPEXPIREAT key ms_timestamp [NX|XX|GT|LT] FIELDS member#
        redis7.4 valkey9.0 @ HTTL key FIELDS member#
        redis7.4 valkey9.0 @ HPTTL key FIELDS member#
        redis7.4 valkey9.0 @ HEXPIRETIME key FIELDS member#
        redis7.4 valkey9.0 @ HPEXPIRETIME key FIELDS member#
        redis7.4 valkey9.0 @ HPERSIST key FIELDS member#
        redis8.0 valkey9.0 @ HGETEX key [EX seconds|PX milliseconds|EXAT timestamp|PXAT ms_timestamp|PERSIST] FIELDS member#
        redis8.0 valkey9.0 @ HSETEX key [FNX|FXX] [EX seconds|PX milliseconds|EXAT timestamp|PXAT ms_timestamp|KEEPTTL] FIELDS member_value#
        redis8.0 valkey9.1 @ HGETDEL key FIELDS member#
        CLOCK 3
        CLOCK 498
        CLOCK 1002
        EXISTS key
        TYPE key
        COPY key key REPLACE
        RENAME key key
        EXPIRE key seconds
        PERSIST key
        SADD key member
        SET key value
        DEL key
        redis7.4 @ CARRY key
    """,
    "set": """
        SADD key member+
        SADD key member+
        SADD key many+
        SADD key integer+
        SADD key many*
        SADD key text*
        SREM key member+
        SREM key (many|text)+
        SISMEMBER key member
        SMISMEMBER key member+
        SCARD key
        SMEMBERS key :unordered
        SMEMBERS key :unordered; SPOP key :random; DEL key
        SMEMBERS key :unordered; SPOP key count :random; SCARD key; DEL key
        SMEMBERS key :unordered; SRANDMEMBER key :random
        SMEMBERS key :unordered; SRANDMEMBER key signed :random
        SMOVE key key member
        SINTER key+ :unordered
        SUNION key+ :unordered
        SDIFF key+ :unordered
        SINTERSTORE key key+
        SUNIONSTORE key key+
        SDIFFSTORE key key+
        SINTERCARD key# [LIMIT count]
        SSCAN key 0 COUNT 10000 :scan
        SSCAN key 0 MATCH pattern COUNT 10000 :scan
        SSCAN key cursor COUNT count [NOSUCH] :shape
        ITERATE SSCAN key
        SORT key [ALPHA] [ASC|DESC]
        DEL key
        OBJECT ENCODING key
        COPY key key REPLACE
        CARRY key
        SET key value
        EXPIRE key seconds
    """,
    "sorted_set": """
        ZADD key (score member)+
        ZADD key (score member)+
        ZADD key [NX|XX] [GT|LT] [CH] (score member)+
        ZADD key [NX|XX] [GT|LT] [CH] INCR score member
        ZADD key (score text)*
        ZADD key (many many)*
        ZADD lexkey (0 member)+
        ZADD lexkey (0 text)*
        ZREM lexkey member+
        ZRANGE lexkey 0 -1 WITHSCORES
        ZREM key member+
        ZREM key (many|text)+
        ZCARD key
        ZSCORE key member
        ZMSCORE key member+
        ZINCRBY key score member
        ZINCRBY key float member
        ZRANK key member
        ZREVRANK key member
        redis7.2 valkey7.2 @ ZRANK key member WITHSCORE
        redis7.2 valkey7.2 @ ZREVRANK key member WITHSCORE
        ZCOUNT key bound bound
        ZLEXCOUNT lexkey lex lex
        ZRANGE key 0 -1 WITHSCORES
        ZRANGE key index index [REV] [WITHSCORES]
        ZRANGE key bound bound BYSCORE [REV] [LIMIT index index] [WITHSCORES]
        ZRANGE lexkey lex lex BYLEX [REV] [LIMIT index index]
        ZRANGE key index index [BYSCORE|BYLEX] [LIMIT index index] [WITHSCORES]
        ZRANGESTORE key key index index [REV]
        ZRANGESTORE key key bound bound BYSCORE [REV] [LIMIT index index]
        ZRANGESTORE key lexkey lex lex BYLEX [REV] [LIMIT index index]
        ZREVRANGE key index index [WITHSCORES]
        ZRANGEBYSCORE key bound bound [WITHSCORES] [LIMIT index index]
        ZREVRANGEBYSCORE key bound bound [WITHSCORES] [LIMIT index index]
        ZRANGEBYLEX lexkey lex lex [LIMIT index index]
        ZREVRANGEBYLEX lexkey lex lex [LIMIT index index]
        ZREMRANGEBYRANK key index index
        ZREMRANGEBYSCORE key bound bound
        ZREMRANGEBYLEX lexkey lex lex
        ZPOPMIN key [count]
        ZPOPMAX key [count]
        ZMPOP key# (MIN|MAX|NO) [COUNT count]
        ZRANGE key 0 -1; ZRANDMEMBER key :random
        ZRANGE key 0 -1; ZRANDMEMBER key signed :random
        ZRANGE key 0 -1 WITHSCORES; ZRANDMEMBER key signed WITHSCORES :random-pairs
        ZUNION key# [AGGREGATE (SUM|MIN|MAX|NO)] [WITHSCORES]
        ZUNION 2 key key WEIGHTS float float [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]
        ZINTER key# [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]
        ZINTER 2 key key WEIGHTS score score [WITHSCORES]
        ZDIFF key# [WITHSCORES]
        ZUNIONSTORE key key# [AGGREGATE (SUM|MIN|MAX)]
        ZUNIONSTORE key 2 key key WEIGHTS score float [AGGREGATE (SUM|MIN|MAX)]
        ZINTERSTORE key key# [AGGREGATE (SUM|MIN|MAX)]
        ZDIFFSTORE key key#
        ZINTERCARD key# [LIMIT count]
        ZSCAN key 0 COUNT 10000 :scan-pairs
        ZSCAN key 0 MATCH pattern COUNT 10000 :scan-pairs
        ZSCAN key cursor COUNT count [NOSUCH] :shape
        ITERATE ZSCAN key
        SADD key member+
        DEL key
        OBJECT ENCODING key
        COPY key key REPLACE
        CARRY key
        SET key value
        EXPIRE key seconds
    """,
}
