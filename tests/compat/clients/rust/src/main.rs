//! What programs do with Redis, through the `redis` crate, in RESP2 and RESP3.

use std::{collections::HashMap, env};

use redis::{Commands, Connection, Direction, RedisResult, pipe};

const SCENARIOS: [(&str, fn(&mut Connection) -> RedisResult<()>); 5] = [
    ("session store", session_store),
    ("cache with tags", cache_with_tags),
    ("rate limiter", rate_limiter),
    ("leaderboard", leaderboard),
    ("work queue", work_queue),
];

fn main() -> RedisResult<()> {
    let port = env::args().nth(1).expect("a port");
    for protocol in ["resp2", "resp3"] {
        let mut client = redis::Client::open(format!("redis://127.0.0.1:{port}/?protocol={protocol}"))?.get_connection()?;
        for (name, scenario) in SCENARIOS {
            let () = redis::cmd("FLUSHALL").query(&mut client)?;
            scenario(&mut client)?;
            println!("redis-rs, {protocol}: {name} passed");
        }
    }
    Ok(())
}

fn session_store(client: &mut Connection) -> RedisResult<()> {
    let fields = [("user", "ada"), ("visits", "0"), ("theme", "dark")];
    let () = pipe()
        .atomic()
        .hset_multiple("session:one", &fields)
        .expire("session:one", 1800)
        .sadd("sessions:ada", "one")
        .query(client)
        .map(|_: (bool, bool, i64)| ())?;
    assert_eq!(client.hincr::<_, _, _, i64>("session:one", "visits", 1)?, 1);
    let session: HashMap<String, String> = client.hgetall("session:one")?;
    assert_eq!(session["visits"], "1");
    assert_eq!(session.len(), 3);
    assert_eq!(client.hget::<_, _, Option<String>>("session:one", "nothing")?, None);
    assert!(client.hgetall::<_, HashMap<String, String>>("session:none")?.is_empty());
    assert!(client.ttl::<_, i64>("session:one")? > 1790);
    assert_eq!(client.hdel::<_, _, i64>("session:one", &["theme", "nothing"])?, 1);
    let found: Vec<String> = client.scan_match("session:*")?.collect::<RedisResult<_>>()?;
    assert_eq!(found, ["session:one"]);
    Ok(())
}

fn cache_with_tags(client: &mut Connection) -> RedisResult<()> {
    let mut pipeline = pipe();
    for number in 0..300 {
        let key = format!("cache:{number}");
        pipeline.set_ex(&key, "x".repeat(number), 60).ignore();
        pipeline.sadd("tag:pages", &key).ignore().sadd(if number % 2 == 0 { "tag:even" } else { "tag:odd" }, &key).ignore();
    }
    let () = pipeline.query(client)?;
    assert_eq!(client.scard::<_, i64>("tag:pages")?, 300);
    assert_eq!(client.sinter::<_, Vec<String>>(&["tag:pages", "tag:odd"])?.len(), 150);
    let members: Vec<String> = client.sscan("tag:pages")?.collect::<RedisResult<_>>()?;
    assert_eq!(members.len(), 300);
    let keys: Vec<String> = client.sunion(&["tag:odd", "tag:none"])?;
    assert_eq!(client.unlink::<_, i64>(&keys)?, 150);
    assert_eq!(client.mget::<_, Vec<Option<String>>>(&["cache:1", "cache:2"])?, [None, Some("xx".to_owned())]);
    Ok(())
}

fn rate_limiter(client: &mut Connection) -> RedisResult<()> {
    let mut allowed = |user: &str, now: f64| -> RedisResult<bool> {
        let key = format!("rate:{user}");
        let (_, count, ..): (i64, i64, i64, bool) = pipe()
            .atomic()
            .zrembyscore(&key, "-inf", now - 10.0)
            .zcard(&key)
            .zadd(&key, now.to_string(), now)
            .expire(&key, 10)
            .query(client)?;
        if count >= 5 {
            let () = client.zrem(&key, now.to_string())?;
        }
        Ok(count < 5)
    };
    for step in 0..7 {
        assert_eq!(allowed("ada", 1000.0 + f64::from(step))?, step < 5);
    }
    assert!(allowed("grace", 1000.5)?);
    assert!(!allowed("ada", 1009.5)?);
    assert!(allowed("ada", 1010.5)?);
    assert_eq!(client.zcount::<_, _, _, i64>("rate:ada", "(1002", "+inf")?, 3);
    Ok(())
}

fn leaderboard(client: &mut Connection) -> RedisResult<()> {
    let players: Vec<(f64, String)> = (0..500).map(|number| (f64::from(number), format!("player:{number}"))).collect();
    assert_eq!(client.zadd_multiple::<_, _, _, i64>("board", &players)?, 500);
    assert_eq!(client.zincr::<_, _, _, f64>("board", "player:7", 1000.5)?, 1007.5);
    let best: Vec<(String, f64)> = client.zrevrange_withscores("board", 0, 1)?;
    assert_eq!(best, [("player:7".to_owned(), 1007.5), ("player:499".to_owned(), 499.0)]);
    assert_eq!(client.zrevrank::<_, _, Option<i64>>("board", "player:7")?, Some(0));
    assert_eq!(client.zscore::<_, _, Option<f64>>("board", "nobody")?, None);
    let page: Vec<String> = client.zrangebyscore_limit("board", 100, "+inf", 1, 2)?;
    assert_eq!(page, ["player:101", "player:102"]);
    let () = client.zadd("week", "player:1", 5000)?;
    assert_eq!(client.zunionstore_weights::<_, _, _, i64>("total", &[("board", 1.0), ("week", 0.5)])?, 500);
    assert_eq!(client.zpopmax::<_, Vec<(String, f64)>>("total", 1)?, [("player:1".to_owned(), 2501.0)]);
    assert_eq!(client.zremrangebyrank::<_, i64>("board", 0, -11)?, 490);
    Ok(())
}

fn work_queue(client: &mut Connection) -> RedisResult<()> {
    for number in 0..100 {
        let () = client.rpush("jobs", format!("job:{number}"))?;
    }
    let mut done = 0;
    while let Some(job) = client.lmove::<_, _, Option<String>>("jobs", "working", Direction::Left, Direction::Right)? {
        if job == "job:50" {
            continue; // The worker crashed.
        }
        assert_eq!(job, format!("job:{}", if done < 50 { done } else { done + 1 }));
        done += 1;
        assert_eq!(client.lrem::<_, _, i64>("working", 1, job)?, 1);
    }
    assert_eq!(client.lrange::<_, Vec<String>>("working", 0, -1)?, ["job:50"]);
    assert_eq!(client.rpoplpush::<_, _, String>("working", "jobs")?, "job:50");
    assert!(!client.exists::<_, bool>("working")?);
    assert_eq!(client.lpop::<_, Vec<String>>("jobs", std::num::NonZeroUsize::new(5))?, ["job:50"]);
    assert_eq!(client.lpop::<_, Option<String>>("jobs", None)?, None);
    Ok(())
}
