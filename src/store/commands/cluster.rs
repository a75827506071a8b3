//! CLUSTER and its kin: there is no cluster mode, which clients are told in the words of Redis.

use kvstore_protocol::CommandError;

use crate::store::{
    call::Call,
    spec::{Answer, Spec},
};

pub(super) const SPECS: &[Spec] = &[CLUSTER, off("READONLY"), off("READWRITE"), off("ASKING")];

const DISABLED: CommandError = CommandError::new("ERR", "This instance has cluster support disabled");

const CLUSTER: Spec = Spec::family(
    "CLUSTER",
    &[
        off("ADDSLOTS"),
        off("ADDSLOTSRANGE"),
        off("BUMPEPOCH"),
        off("COUNT-FAILURE-REPORTS"),
        off("COUNTKEYSINSLOT"),
        off("DELSLOTS"),
        off("DELSLOTSRANGE"),
        off("FAILOVER"),
        off("FLUSHSLOTS"),
        off("FORGET"),
        off("GETKEYSINSLOT"),
        off("HELP"),
        off("INFO"),
        off("KEYSLOT"),
        off("LINKS"),
        off("MEET"),
        off("MYID"),
        off("MYSHARDID"),
        off("NODES"),
        off("REPLICAS"),
        off("REPLICATE"),
        off("RESET"),
        off("SAVECONFIG"),
        off("SET-CONFIG-EPOCH"),
        off("SETSLOT"),
        off("SHARDS"),
        off("SLAVES"),
        off("SLOT-STATS"),
        off("SLOTS"),
    ],
);

const fn off(name: &'static str) -> Spec {
    Spec::new(name, refuse).without_data()
}

fn refuse(_: &mut Call<'_>) -> Answer {
    Err(DISABLED)
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn clients_are_told_that_there_is_no_cluster() {
        const DISABLED: &str = "-ERR This instance has cluster support disabled";
        TestStore::new().check([
            ("CLUSTER INFO", DISABLED),
            ("CLUSTER KEYSLOT k", DISABLED),
            ("CLUSTER HELP", DISABLED),
            ("READONLY", DISABLED),
            ("CLUSTER INFO x", "-ERR wrong number of arguments for 'cluster|info' command"),
            ("CLUSTER NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CLUSTER HELP."),
        ]);
    }
}
