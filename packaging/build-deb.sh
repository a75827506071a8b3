#!/bin/sh
# Builds a Debian package of a binary: packaging/build-deb.sh [BINARY [DIRECTORY]]
#
# BINARY is target/release/kvstore by default, which `cargo build --release` builds. The package is written to DIRECTORY, by
# default the one that it is called from; its path is printed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
binary=${1:-$here/../target/release/kvstore}
out=${2:-.}
version=$("$binary" --version | cut -d ' ' -f 2)
architecture=$(dpkg --print-architecture)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"
install -D -m 0755 "$binary" "$root/usr/bin/kvstore"
install -D -m 0644 "$here/kvstore.service" "$root/lib/systemd/system/kvstore.service"
install -D -m 0640 "$here/kvstore.toml" "$root/etc/kvstore/kvstore.toml"
install -D -m 0644 "$here/../LICENSE" "$root/usr/share/doc/kvstore/copyright"
libc=$(objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -u -V | tail -n 1)
strip --strip-unneeded "$root/usr/bin/kvstore"

mkdir "$root/DEBIAN"
size=$(du -sk --exclude=DEBIAN "$root" | cut -f 1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
    -e "s/@LIBC@/${libc#GLIBC_}/" \
    "$here/debian/control" > "$root/DEBIAN/control"
echo /etc/kvstore/kvstore.toml > "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 0755 "$here/debian/$script" "$root/DEBIAN/$script"
done

package="$out/kvstore_${version}_$architecture.deb"
dpkg-deb --root-owner-group --build "$root" "$package" > /dev/null
echo "$package"
