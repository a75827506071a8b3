//! Commands that search: GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER, and those that do not write.

use kvstore_protocol::{CommandError, Packed};

use super::{
    area::SearchArea,
    found::Found,
    hash::Cell,
    query::{Form, Query},
};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::SortedSet,
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("GEOSEARCH", geosearch),
    Spec::new("GEOSEARCHSTORE", geosearchstore),
    Spec::new("GEORADIUS", georadius),
    Spec::new("GEORADIUS_RO", georadius_ro),
    Spec::new("GEORADIUSBYMEMBER", georadiusbymember),
    Spec::new("GEORADIUSBYMEMBER_RO", georadiusbymember_ro),
];

/// The work of a member that is looked at, beside others: its distance is computed.
const DISTANCE_WORK: usize = 4;

/// How many corners of a polygon are looked at in the time in which an element is visited.
const CORNERS: usize = 8;

/// `GEOSEARCH key [FROMMEMBER member | FROMLONLAT longitude latitude] BYRADIUS radius unit | BYBOX width height unit | BYPOLYGON count
/// longitude latitude … [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]`: the members in a circle, a box or a polygon.
fn geosearch(call: &mut Call<'_>) -> Answer {
    search(call, Form::Search)
}

/// `GEOSEARCHSTORE destination source … [STOREDIST]`: stores the members that GEOSEARCH finds, or their distances. Answers how many there
/// are.
fn geosearchstore(call: &mut Call<'_>) -> Answer {
    search(call, Form::SearchStore)
}

/// `GEORADIUS key longitude latitude radius unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key |
/// STOREDIST key]`: the members in a circle.
fn georadius(call: &mut Call<'_>) -> Answer {
    search(call, Form::Radius { stores: true })
}

/// `GEORADIUS_RO key longitude latitude radius unit …`: the same, without a destination.
fn georadius_ro(call: &mut Call<'_>) -> Answer {
    search(call, Form::Radius { stores: false })
}

/// `GEORADIUSBYMEMBER key member radius unit …`: the members in a circle around one.
fn georadiusbymember(call: &mut Call<'_>) -> Answer {
    search(call, Form::RadiusByMember { stores: true })
}

/// `GEORADIUSBYMEMBER_RO key member radius unit …`: the same, without a destination.
fn georadiusbymember_ro(call: &mut Call<'_>) -> Answer {
    search(call, Form::RadiusByMember { stores: false })
}

fn search(call: &mut Call<'_>, form: Form) -> Answer {
    let has_set = call.get::<SortedSet>(form.source())?.is_some();
    let mut query = Query::parse(call, form, has_set)?;
    let found = match query.take_area() {
        Some(area) => find(call, &query, form.source(), &area)?,
        None => Found::default(),
    };
    let Some(destination) = query.destination else {
        let is_empty = found.len() == 0;
        return Ok(if is_empty { Packed::array().into() } else { found.answer(query.shown, query.unit, call) });
    };
    let limit = call.thresholds().sorted_set();
    let distances_in = query.stores_distances.then_some(query.unit);
    let event = if form == Form::SearchStore { Event::GEOSEARCHSTORE } else { Event::GEORADIUSSTORE };
    let key = (0..call.keys()).find(|key| *key != form.source() && call.key_name(*key) == destination);
    call.put_result(key.ok_or(CommandError::SYNTAX)?, found.to_sorted_set(distances_in, limit), event);
    Ok(found.len().into())
}

/// The members of a set in an area, as many as are asked for.
fn find(call: &mut Call<'_>, query: &Query<'_>, key: usize, area: &SearchArea) -> Result<Found, CommandError> {
    /// There is room for so many members at most before they are found.
    const FEW: usize = 128;
    let Some(set) = call.find::<SortedSet>(key)? else { return Ok(Found::default()) };
    let scores = area.cells().map(Cell::scores).map(|scores| scores.start as f64..scores.end as f64);
    let ranges = set.ranks_of(scores);
    let candidates: usize = ranges.iter().map(ExactSizeIterator::len).sum();
    call.afford_elements(candidates.saturating_mul(DISTANCE_WORK + area.corners() / CORNERS))?;
    let mut found = Found::with_capacity(candidates.min(FEW));
    let Some(set) = call.find::<SortedSet>(key)? else { return Ok(found) };
    let most = query.count.filter(|_| query.is_any).unwrap_or(usize::MAX);
    for range in ranges {
        if found.len() >= most {
            break;
        }
        set.visit(range, false, |member, score| {
            found.add(area, member, score);
            found.len() < most
        });
    }
    match (query.order(), query.count) {
        (Some(order), Some(count)) => found.sort_first(order, count),
        (Some(order), None) => found.sort(order),
        (None, Some(count)) => found.truncate(count),
        (None, None) => {}
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::testing::{TestStore, command};

    fn store() -> TestStore {
        let store = TestStore::new();
        store.check([
            ("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2"),
            ("GEOADD g 12.758489 38.788135 edge1 17.241510 38.788135 edge2", ":2"),
        ]);
        store
    }

    #[test]
    fn a_circle_is_searched() {
        store().check([
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC", r#"["Catania", "Palermo"]"#),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km DESC", r#"["Palermo", "Catania"]"#),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200000 m COUNT 1", r#"["Catania"]"#),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 DESC", r#"["Palermo"]"#),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 ANY", r#"["Palermo"]"#),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 0 m", r#"["Palermo"]"#),
            ("GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 1 km", "[]"),
            ("GEOSEARCH missing FROMLONLAT 15 37 BYRADIUS 200 km", "[]"),
            ("GEOSEARCH missing FROMMEMBER a BYRADIUS 200 km", "[]"),
            (
                "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST WITHHASH WITHCOORD",
                r#"[["Catania", "56.4413", :3479447370796909, ["15.087267458438873", "37.50266842333162"]], ["Palermo", "190.4424", :3479099956230698, ["13.361389338970184", "38.1155563954963"]]]"#,
            ),
            ("GEORADIUS g 15 37 200 km ASC WITHDIST", r#"[["Catania", "56.4413"], ["Palermo", "190.4424"]]"#),
            ("GEORADIUS_RO g 15 37 100 km", r#"["Catania"]"#),
            ("GEORADIUSBYMEMBER g Palermo 200 km WITHDIST COUNT 1", r#"[["Palermo", "0.0000"]]"#),
            ("GEORADIUSBYMEMBER_RO g Catania 10 km", r#"["Catania"]"#),
            ("GEORADIUSBYMEMBER missing a 200 parsec", "[]"),
        ]);
    }

    #[test]
    fn a_box_and_a_polygon_are_searched() {
        store().check([
            (
                "GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHDIST",
                r#"[["Catania", "56.4413"], ["Palermo", "190.4424"], ["edge2", "279.7403"], ["edge1", "279.7405"]]"#,
            ),
            ("GEOSEARCH g FROMLONLAT 15 37 BYBOX 100 150 km", r#"["Catania"]"#),
            ("GEOSEARCH g FROMLONLAT 15 37 BYBOX 0 0 km", "[]"),
            (
                "GEOSEARCH g BYPOLYGON 3 10 30 20 30 15 45 ASC WITHDIST",
                r#"[["Catania", "271790.7291"], ["Palermo", "369997.5654"]]"#,
            ),
            ("GEOSEARCH g BYPOLYGON 4 15 37 16 37 16 38 15 38", r#"["Catania"]"#),
        ]);
    }

    #[test]
    fn what_was_found_is_stored() {
        TestStore::new().check([("GEOSEARCHSTORE d missing FROMLONLAT 1 1 BYRADIUS 1 m", ":0")]);
        store().check([
            ("SET d v", "+OK"),
            ("GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km", ":2"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["Palermo", "3479099956230698", "Catania", "3479447370796909"]"#),
            ("GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST COUNT 1", ":1"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["Catania", "56.4412578701582"]"#),
            ("GEOSEARCHSTORE d g BYPOLYGON 4 10 36 18 36 18 40 10 40 STOREDIST ASC COUNT 2", ":2"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["Palermo", "5.615411516106248e+4", "Catania", "1.1439177849936223e+5"]"#),
            ("GEOSEARCHSTORE d g FROMLONLAT 1 1 BYRADIUS 1 km", ":0"),
            ("EXISTS d", ":0"),
            ("GEORADIUS g 15 37 200 km STORE d COUNT 1", ":1"),
            ("ZRANGE d 0 -1", r#"["Catania"]"#),
            ("GEORADIUS g 15 37 200 km STORE a STOREDIST b", ":2"),
            ("EXISTS a b", ":1"),
            ("ZRANGE b 0 -1 WITHSCORES", r#"["Catania", "56.4412578701582", "Palermo", "190.44242984775784"]"#),
            ("GEORADIUSBYMEMBER g Palermo 1 m STOREDIST a STORE g", ":1"),
            ("ZRANGE g 0 -1", r#"["Palermo"]"#),
            ("GEORADIUSBYMEMBER missing x 1 m STORE g", ":0"),
            ("EXISTS g", ":0"),
        ]);
    }

    #[test]
    fn many_members_in_a_polygon_of_many_corners_are_searched_where_no_connection_waits() {
        let store = TestStore::new();
        let members = (0..6000).flat_map(|number| ["1.5".to_owned(), "1.5".to_owned(), number.to_string()]);
        store.answer_to(Command::new("GEOADD").arg("g").with_args(members));
        let polygon = |corners: usize| {
            let corner = |number: usize| ["1", "2"].map(|side| if number.is_multiple_of(2) { side } else { "1.5" });
            let points = (0..corners).flat_map(corner);
            command(&format!("GEOSEARCH g BYPOLYGON {corners}")).with_args(points)
        };
        assert!(!store.postpones(&polygon(4)));
        assert!(store.postpones(&polygon(400)));
    }

    #[test]
    fn bad_arguments_are_refused() {
        const SYNTAX: &str = "-ERR syntax error";
        const NO_MEMBER: &str = "-ERR could not decode requested zset member";
        const CORNERS: &str = "-ERR GEOSEARCH BYPOLYGON must have at least 3 vertices";
        let store = store();
        for (line, expected) in [
            ("FROMLONLAT 15 37 BYRADIUS 200 km BYBOX 1 1 km", SYNTAX),
            ("FROMLONLAT 15 37 BYRADIUS 200 km FROMMEMBER Palermo", SYNTAX),
            ("FROMLONLAT 15 37 BYRADIUS 200 km STORE a", SYNTAX),
            ("FROMLONLAT 15 37 BYRADIUS 200 km COUNT", SYNTAX),
            ("FROMLONLAT 15 37 BYPOLYGON 3 10 30 20 30 15 45", SYNTAX),
            ("BYPOLYGON 3 10 30 20 30 15 45 FROMLONLAT 15 37", SYNTAX),
            ("BYPOLYGON 2 10 30 20 30", CORNERS),
            ("BYPOLYGON 4 10 30 20 30 15 45", CORNERS),
            ("BYPOLYGON -1 10 30 20 30 15 45", CORNERS),
            ("BYPOLYGON x 10 30 20 30 15 45", "-ERR invalid number of vertices"),
            ("BYPOLYGON 2147483648 10 30 20 30 15 45", "-ERR invalid number of vertices"),
            ("BYPOLYGON 3 10 30 20 30 15 95", "-ERR invalid longitude,latitude pair 15.000000,95.000000"),
            ("FROMMEMBER x BYRADIUS 200 km", NO_MEMBER),
            ("FROMLONLAT 190 37 BYRADIUS 200 km", "-ERR invalid longitude,latitude pair 190.000000,37.000000"),
            ("FROMLONLAT 15 37 BYRADIUS 200 parsec", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
            ("FROMLONLAT 15 37 BYRADIUS -1 km", "-ERR radius cannot be negative"),
            ("FROMLONLAT 15 37 BYRADIUS x km", "-ERR need numeric radius"),
            ("FROMLONLAT 15 37 BYRADIUS nan km", "-ERR need numeric radius"),
            ("FROMLONLAT 15 37 BYBOX x 1 km", "-ERR need numeric width"),
            ("FROMLONLAT 15 37 BYBOX 1 x km", "-ERR need numeric height"),
            ("FROMLONLAT 15 37 BYBOX 1 -1 km", "-ERR height or width cannot be negative"),
            ("FROMLONLAT 15 37 BYRADIUS 200 km COUNT 0", "-ERR COUNT must be > 0"),
            ("FROMLONLAT 15 37 BYRADIUS 200 km COUNT x", "-ERR value is not an integer or out of range"),
            ("FROMLONLAT 15 37 BYRADIUS 200 km ANY", "-ERR the ANY argument requires COUNT argument"),
            ("FROMLONLAT 15 37 ASC COUNT 2", "-ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH"),
            ("BYRADIUS 200 km ASC ASC", "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH"),
        ] {
            store.check([(&*format!("GEOSEARCH g {line}"), expected)]);
        }
        store.check([
            (
                "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST",
                "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
            (
                "GEORADIUS g 15 37 200 km STORE a WITHHASH",
                "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
            ("GEORADIUS_RO g 15 37 200 km STORE a", SYNTAX),
            ("GEORADIUS g 15 37 200 km STORE", SYNTAX),
            ("GEORADIUSBYMEMBER g x 200 km", NO_MEMBER),
            ("GEOSEARCH d FROMLONLAT 15 37 BYRADIUS 200 km x", SYNTAX),
            ("SET s v", "+OK"),
            (
                "GEOSEARCH s FROMLONLAT 15 37 BYRADIUS x km",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }

    #[test]
    fn a_large_set_is_searched_as_a_small_one() {
        let store = TestStore::new();
        let mut add = Command::new("GEOADD").arg("g");
        for number in 0..2000 {
            let (longitude, latitude) = (f64::from(number % 50) / 10.0, f64::from(number / 50) / 10.0);
            add = add.with_args([longitude.to_string(), latitude.to_string(), number.to_string()]);
        }
        assert_eq!(store.answer_to(add).to_string(), ":2000");
        store.check([
            ("GEOSEARCH g FROMLONLAT 2.5 2 BYRADIUS 12 km ASC", r#"["1025", "1024", "1026", "975", "1075"]"#),
            ("GEOSEARCHSTORE d g FROMLONLAT 2.5 2 BYBOX 300 300 km", ":729"),
            ("OBJECT ENCODING d", r#""skiplist""#),
        ]);
        assert!(!store.postpones(&command("GEOSEARCH g FROMLONLAT 2.5 2 BYRADIUS 12 km")));
    }

    #[test]
    fn members_at_one_distance_come_in_the_order_of_redis() {
        let store = TestStore::new();
        store.check([
            ("GEOADD g 1 1 a 1 1 b 1 1 c 1 1 d 1 1 e 1 1 f 2 2 g 2 2 h 2 2 i", ":9"),
            ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 500 km ASC", r#"["a", "b", "c", "d", "e", "f", "g", "h", "i"]"#),
            ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 500 km COUNT 4", r#"["a", "b", "c", "d"]"#),
            ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 500 km COUNT 4 DESC", r#"["g", "h", "i", "d"]"#),
        ]);
    }

    #[test]
    fn many_members_are_looked_at_where_nobody_waits() {
        let store = TestStore::new();
        for start in (0..10_000).step_by(500) {
            let members = (start..start + 500).flat_map(|number| ["1".to_owned(), "1".to_owned(), number.to_string()]);
            store.answer_to(Command::new("GEOADD").arg("g").with_args(members));
        }
        assert!(store.postpones(&command("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 km COUNT 1")));
        assert!(!store.postpones(&command("GEOSEARCH g FROMLONLAT 9 9 BYRADIUS 1 km COUNT 1")));
    }
}
