//! The commands on positions on a sphere.

use super::{CommandDocs, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("GEOADD", "3.2.0", "O(log(N)) for each member added to N", "Adds members with their coordinates.")
        .takes("key [condition<NX | XX>] [change=CH] data(longitude latitude member)..."),
    row("GEODIST", "3.2.0", "O(1)", "Returns the distance between two members.")
        .takes("key member1 member2 [unit<M | KM | FT | MI>]"),
    row("GEOHASH", "3.2.0", "O(1) for each member", "Returns the positions of members as geohashes.")
        .takes("key [member...]"),
    row("GEOPOS", "3.2.0", "O(1) for each member", "Returns the coordinates of members.").takes("key [member...]"),
    row(
        "GEORADIUS",
        "3.2.0",
        "O(N+log(M)) for N members around and M within",
        "Finds members within a distance of coordinates, and can store them.",
    )
    .takes(
        "key longitude latitude radius unit<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [count-block(COUNT count [ANY])] [order<ASC | DESC>] [store<STORE storekey | STOREDIST \
             storedistkey>]",
    )
    .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS`"),
    row(
        "GEORADIUSBYMEMBER",
        "3.2.0",
        "O(N+log(M)) for N members around and M within",
        "Finds members within a distance of a member, and can store them.",
    )
    .takes(
        "key member radius unit<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [count-block(COUNT count \
             [ANY])] [order<ASC | DESC>] [store<STORE storekey | STOREDIST storedistkey>]",
    )
    .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS` and `FROMMEMBER`"),
    row(
        "GEORADIUSBYMEMBER_RO",
        "3.2.10",
        "O(N+log(M)) for N members around and M within",
        "Finds members within a distance of a member.",
    )
    .takes(
        "key member radius unit<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [count-block(COUNT count \
             [ANY])] [order<ASC | DESC>]",
    )
    .deprecated("6.2.0", "`GEOSEARCH` with `BYRADIUS` and `FROMMEMBER`"),
    row(
        "GEORADIUS_RO",
        "3.2.10",
        "O(N+log(M)) for N members around and M within",
        "Finds members within a distance of coordinates.",
    )
    .takes(
        "key longitude latitude radius unit<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [count-block(COUNT count [ANY])] [order<ASC | DESC>]",
    )
    .deprecated("6.2.0", "`GEOSEARCH` with `BYRADIUS`"),
    row(
        "GEOSEARCH",
        "6.2.0",
        "O(N+log(M)) for N members around and M within",
        "Finds members inside of a circle, a box or a polygon.",
    )
    .takes(
        "key [from<FROMMEMBER member | FROMLONLAT fromlonlat(longitude latitude)>] by<circle(BYRADIUS radius \
             unit<M | KM | FT | MI>) | box(BYBOX width height unit<M | KM | FT | MI>) | polygon(BYPOLYGON \
             num-vertices vertices(longitude latitude)...)> [order<ASC | DESC>] [count-block(COUNT count [ANY])] \
             [WITHCOORD] [WITHDIST] [WITHHASH]",
    ),
    row(
        "GEOSEARCHSTORE",
        "6.2.0",
        "O(N+log(M)) for N members around and M within",
        "Stores the members inside of a circle, a box or a polygon.",
    )
    .takes(
        "destination source [from<FROMMEMBER member | FROMLONLAT fromlonlat(longitude latitude)>] \
             by<circle(BYRADIUS radius unit<M | KM | FT | MI>) | box(BYBOX width height unit<M | KM | FT | MI>) | \
             polygon(BYPOLYGON num-vertices vertices(longitude latitude)...)> [order<ASC | DESC>] \
             [count-block(COUNT count [ANY])] [STOREDIST]",
    ),
];
