# Debian chroots with the PostgreSQL versions that Debian has.
#
# Sourced, after test/private_server.sh, by what runs in them.  The caller has a
# directory of its own in $work, and needs root or sudo.

chroots=${CAREDATA_CHROOTS:-/var/tmp/caredata-chroots}

# Debian suite and the PostgreSQL major that it ships
suites="trixie:17 sid:18"

# mirror LABEL: the mirror that apt uses, of the Debian archive ("Debian") or of
# its security updates ("Debian-Security").
mirror()
{
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' \
		'Identifier: Packages' 2>/dev/null |
		sed -n "s/^Debian|$1|//p" | head -n 1
}

# make_chroot SUITE MAJOR DIRECTORY
make_chroot()
{
	local suite=$1 major=$2 directory=$3 uri security

	need_packages debootstrap
	uri=$(mirror Debian)
	security=$(mirror Debian-Security)
	[ -n "$uri" ] || die "apt names no Debian mirror; run apt-get update"
	say "making $directory (several minutes)"
	as_root mkdir -p "$chroots"
	as_root rm -rf "$directory.partial"
	as_root debootstrap --variant=minbase --include="postgresql-$major,$(
		)postgresql-server-dev-$major,postgresql-$major-pgtap,$(
		)libtap-parser-sourcehandler-pgtap-perl,libipc-run-perl,$(
		)libsodium-dev,libssl-dev,build-essential,perl,diffutils,procps" \
		"$suite" "$directory.partial" "$uri" >"$work/debootstrap.log" 2>&1 ||
		{ tail -n 20 "$work/debootstrap.log"; return 1; }
	# a released suite has newer minor releases there; sid has them itself
	if [ "$suite" != sid ] && [ -n "$security" ]; then
		as_root sh -c 'echo "deb $1 $2-security main" >"$0/etc/apt/sources.list.d/security.list"
			chroot "$0" apt-get -qq update &&
			DEBIAN_FRONTEND=noninteractive chroot "$0" apt-get -qq -y --no-install-recommends upgrade' \
			"$directory.partial" "$security" "$suite" >>"$work/debootstrap.log" 2>&1 ||
			{ tail -n 20 "$work/debootstrap.log"; return 1; }
	fi
	as_root sh -c 'rm -f "$0"/var/cache/apt/archives/*.deb' "$directory.partial"
	as_root mv "$directory.partial" "$directory"
}

# need_chroot SUITE MAJOR: make it unless it is there.
need_chroot()
{
	[ -x "$chroots/$1/usr/lib/postgresql/$2/bin/postgres" ] ||
		make_chroot "$1" "$2" "$chroots/$1"
}

# tree_into_chroot CHROOT NAME: the tree, without what a build leaves, as
# /NAME/src.
tree_into_chroot()
{
	as_root rm -rf "${1:?}/${2:?}"
	as_root mkdir -p "$1/$2/src" "$1/$2/shared"
	tar -C "$source_dir" --exclude=./.git --exclude='*.o' --exclude='*.so' \
		--exclude='*.bc' --exclude=./tmp_check --exclude=./output_iso \
		--exclude=./results --exclude='./caredata--*.sql' -cf - . |
		as_root tar -C "$1/$2/src" -xf -
}
