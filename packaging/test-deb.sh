#!/bin/sh
# Builds the Debian package of a binary, installs it, runs it as its user, removes it and purges it:
# packaging/test-deb.sh [BINARY]
#
# It changes the machine, so it needs root, and refuses where the package is installed already. The unit is started where
# systemd runs; elsewhere the program is started without it.
set -eu

skip() {
    echo "skipped: $1"
    exit 0
}
fail() {
    echo "failed: $1" >&2
    exit 1
}

as_kvstore() {
    exec setpriv --reuid kvstore --regid kvstore --init-groups "$@"
}

[ "$(id -u)" = 0 ] || skip "this needs root"
for tool in dpkg-deb dpkg adduser setpriv; do
    command -v $tool > /dev/null || skip "there is no $tool"
done
! dpkg -s kvstore > /dev/null 2>&1 || skip "the package is installed here"
[ ! -e /usr/bin/kvstore ] && [ ! -e /var/lib/kvstore ] || skip "there are files of kvstore here"

here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
chmod 0755 "$scratch"
trap 'dpkg --purge kvstore > /dev/null 2>&1 || true; rm -rf "$scratch"' EXIT

package=$("$here/build-deb.sh" "${1:-$here/../target/release/kvstore}" "$scratch")
dpkg -i "$package" > /dev/null
[ "$(stat -c %U:%a /var/lib/kvstore)" = kvstore:750 ] || fail "the directory of the data is not as it should be"
[ "$(stat -c %U:%a /etc/kvstore/kvstore.toml)" = kvstore:640 ] || fail "the file of settings is not as it should be"
# The unit may run already, with its port and its directory.
as_kvstore kvstore --check --port 0 --appendonly no -c /etc/kvstore/kvstore.toml | grep -q '^all is well$' || fail "the settings are wrong"

if [ -d /run/systemd/system ]; then
    systemctl is-active --quiet kvstore.service || fail "the unit does not run"
else
    echo "systemd does not run here: the unit is not started"
    as_kvstore kvstore -c /etc/kvstore/kvstore.toml --port 0 2> "$scratch/log" &
    server=$!
    until grep -q 'has loaded its data' "$scratch/log"; do
        kill -0 $server 2> /dev/null || fail "it has ended: $(cat "$scratch/log")"
        sleep 0.1
    done
    kill $server
    wait $server || fail "it has not stopped in order: $(cat "$scratch/log")"
    [ -n "$(ls -A /var/lib/kvstore)" ] || fail "there is no data"
fi

dpkg --remove kvstore > /dev/null
[ ! -e /usr/bin/kvstore ] && [ -e /etc/kvstore/kvstore.toml ] && [ -e /var/lib/kvstore ] || fail "it is not removed as it should be"
dpkg --purge kvstore > /dev/null
[ ! -e /etc/kvstore ] && [ ! -e /var/lib/kvstore ] || fail "it is not purged"
echo "passed: $(basename "$package") was installed, has run, and is gone"
