# A PostgreSQL server of one's own, for the tests, the demo and the benchmarks.
#
# Sourced by bash scripts.  It installs missing Debian packages, copies the
# installed server's programs into a directory of its own (a copied PostgreSQL
# finds its files relative to its programs), builds the extension from a copy
# of the tree, installs it into the copied server, and runs a cluster as an
# ordinary user.  Nothing but the packages is put into the system; the
# installed server and its clusters are not touched.
#
# The caller sets:
#	source_dir	the tree to build
#	work		a directory of its own, with a short path (a socket stands in it)
#	run_user	the ordinary user to be, where the caller is root

# added to the environment of the server process
server_environment=()

# what pg_ctl starts, if not the server itself
server_program=

say() { printf '%s\n' "== $*"; }
die() { printf '%s\n' "$0: $*" >&2; exit 2; }

# What a caller's shell or make says about other servers must not reach ours.
clean_environment()
{
	local name
	for name in ${!PG@}; do
		case $name in
			PG_CONFIG | PG_MAJOR) ;;
			*) unset "$name" ;;
		esac
	done
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES PERL5OPT
	export LC_ALL=C.UTF-8 TZ=UTC
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root or sudo for: $*"
	fi
}

# Which PostgreSQL major version to use: what the caller says, the newest one
# installed with its development files, or the one that the distribution ships.
choose_server()
{
	local candidate

	if [ -n "${PG_CONFIG:-}" ]; then
		system_pg_config=$(command -v "$PG_CONFIG") ||
			die "PG_CONFIG is $PG_CONFIG, and there is no such program"
		pg_major=$("$system_pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
		return
	fi
	pg_major=${PG_MAJOR:-}
	if [ -z "$pg_major" ]; then
		for candidate in $(ls /usr/lib/postgresql 2>/dev/null | sort -rn); do
			if [ -f "/usr/lib/postgresql/$candidate/lib/pgxs/src/makefiles/pgxs.mk" ] &&
				[ -x "/usr/lib/postgresql/$candidate/bin/postgres" ]; then
				pg_major=$candidate
				break
			fi
		done
	fi
	if [ -z "$pg_major" ]; then
		pg_major=$(apt-cache show postgresql 2>/dev/null |
			sed -n 's/^Depends: postgresql-\([0-9]*\).*/\1/p' | head -n 1)
	fi
	pg_major=${pg_major:-15}
	system_pg_config=/usr/lib/postgresql/$pg_major/bin/pg_config
}

# Install those of the named packages that are missing.
need_packages()
{
	local package said missing=()

	if ! command -v dpkg-query >/dev/null; then
		say "not a Debian system: these packages are taken to be installed: $*"
		return
	fi
	for package; do
		if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
			missing+=("$package")
		fi
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	say "installing packages: ${missing[*]}"
	update_package_lists
	said=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -qq -y \
		--no-install-recommends install "${missing[@]}" </dev/null 2>&1) || {
		tail -n 30 <<<"$said"
		die "could not install packages: ${missing[*]}"
	}
}

update_package_lists()
{
	[ "${lists_updated:-no}" = no ] || return 0
	as_root apt-get -o DPkg::Lock::Timeout=300 -qq update </dev/null 2>&1 ||
		say "apt-get update failed; trying with the lists there are"
	lists_updated=yes
}

# The packages that building and running need, and those named, where MAJOR
# stands for the version.  A PG_CONFIG given by the caller names a server that
# is there already.
need_server_packages()
{
	# apt's lists tell which major the distribution has; a bare machine has none
	if [ -z "${PG_CONFIG:-}${PG_MAJOR:-}" ] && [ ! -d /usr/lib/postgresql ] &&
		command -v apt-get >/dev/null; then
		update_package_lists
	fi
	choose_server
	set -- gcc make libc6-dev libssl-dev libsodium-dev "$@"
	if [ -z "${PG_CONFIG:-}" ]; then
		set -- "$@" postgresql-MAJOR postgresql-server-dev-MAJOR
	fi
	need_packages "${@//MAJOR/$pg_major}"
	[ -x "$system_pg_config" ] || die "no pg_config at $system_pg_config"
	[ "$pg_major" -ge 15 ] || die "PostgreSQL $pg_major is too old; 15 or later is needed"
}

# Who runs the server: the caller, or a user of its own where the caller is
# root, since PostgreSQL refuses to run as root.
choose_user()
{
	if [ "$(id -u)" != 0 ]; then
		run_user=$(id -un)
		return
	fi
	if ! id "$run_user" >/dev/null 2>&1; then
		say "adding the system user $run_user to run the server as"
		useradd --system --no-create-home --home-dir /nonexistent \
			--shell /usr/sbin/nologin "$run_user" || die "could not add user $run_user"
	fi
}

# Run a command as that user, in the work directory.
as_user()
{
	if [ "$(id -u)" = 0 ]; then
		(cd "$work" && exec runuser -u "$run_user" -- env HOME="$work" "$@")
	else
		(cd "$work" && exec env HOME="$work" "$@")
	fi
}

own() { if [ "$(id -u)" = 0 ]; then chown -R "$run_user": "$@"; fi; }

# Copy the server's programs, libraries, headers and shared files under
# $work/pg, each at its own path, and check that the copy finds its own files.
copy_server()
{
	local directory
	local directories

	directories=$("$system_pg_config" --bindir --pkglibdir --sharedir \
		--includedir-server)
	mkdir -p "$work/pg"
	for directory in $directories; do
		mkdir -p "$work/pg$directory"
		cp -a "$directory/." "$work/pg$directory/" ||
			die "could not copy $directory"
	done
	# bitcode is of no use here, and large
	rm -rf "$work/pg$("$system_pg_config" --pkglibdir)/bitcode"

	pg_bin=$work/pg$("$system_pg_config" --bindir)
	pg_config=$pg_bin/pg_config
	if [ "$("$pg_config" --sharedir)" != "$work/pg$("$system_pg_config" --sharedir)" ] ||
		[ "$("$pg_config" --pkglibdir)" != "$work/pg$("$system_pg_config" --pkglibdir)" ]; then
		die "a copy of this PostgreSQL does not find its own files; name a relocatable one with PG_CONFIG"
	fi
	pgxs_dir=$(dirname "$(dirname "$(dirname "$("$pg_config" --pgxs)")")")
	own "$work/pg"
}

# Copy the tree to $work/src, without what a build leaves.
copy_tree()
{
	mkdir -p "$work/src"
	tar -C "$source_dir" --exclude=./.git --exclude='*.o' --exclude='*.so' \
		--exclude='*.bc' --exclude=./tmp_check --exclude=./output_iso \
		--exclude=./results --exclude='./caredata--*.sql' -cf - . |
		tar -C "$work/src" -xf - || die "could not copy the tree"
	# real input is read from beside the tree
	if [ -d "$source_dir/../shared" ]; then
		ln -sfn "$(cd "$source_dir/../shared" && pwd)" "$work/shared"
	fi
	own "$work/src"
}

# Build and install; warnings are shown and stop nothing.
#
# CAREDATA_SANITIZE names gcc sanitizers to build with: undefined, or
# address,undefined.  A finding ends the server process; it is in the server
# log ("runtime error") or in $work/sanitizer.*.  PostgreSQL's -fwrapv would
# hide signed overflow, so it is taken back.
build()
{
	local settings=(with_llvm=no PG_CONFIG="$pg_config")

	if [ -n "${CAREDATA_SANITIZE:-}" ]; then
		settings+=(PG_CFLAGS="${PG_CFLAGS:-} -fsanitize=$CAREDATA_SANITIZE -fno-sanitize-recover=all -fno-wrapv -fno-omit-frame-pointer -U_FORTIFY_SOURCE -O1 -g"
			SHLIB_LINK="-lcrypto -lsodium -fsanitize=$CAREDATA_SANITIZE")
	else
		settings+=(PG_CFLAGS="${PG_CFLAGS:-}")
	fi
	as_user make -C "$work/src" -s -j"$(nproc)" "${settings[@]}" || return 1
	as_user make -C "$work/src" -s "${settings[@]}" install >/dev/null || return 1
	sanitizer_environment
}

# Run the server under valgrind.  --quiet: a process writes findings to
# $work/valgrind.PID, and nothing else.
use_valgrind()
{
	server_program=$work/postgres-valgrind
	as_user sh -c 'cat >"$0" && chmod 755 "$0"' "$server_program" <<-SH
		#!/bin/sh
		exec valgrind --quiet --trace-children=no --leak-check=no \
			--track-origins=${CAREDATA_VALGRIND_ORIGINS:-no} --num-callers=30 \
			--suppressions="$source_dir/test/valgrind/postgres.supp" \
			--log-file="$work/valgrind.%p" "$pg_bin/postgres" "\$@"
	SH
}

# What the server's environment needs for the address sanitizer, which must
# come before every other library.
sanitizer_environment()
{
	server_environment=()
	case ${CAREDATA_SANITIZE:-} in
		*address*)
			as_user gcc -shared -fPIC -o "$work/sanitizer_shim.so" \
				"$work/src/test/sanitizer_shim.c" || die "could not build sanitizer_shim"
			server_environment=(
				LD_PRELOAD="$(gcc -print-file-name=libasan.so) $work/sanitizer_shim.so"
				ASAN_OPTIONS="detect_leaks=0:exitcode=97:log_path=$work/sanitizer")
			;;
	esac
}

# Make and start the cluster; lines of standard input are added to its
# configuration.
start_server()
{
	mkdir -p "$work/tmp"
	chmod 700 "$work/tmp"
	own "$work/tmp"
	as_user "$pg_bin/initdb" -D "$work/data" -E UTF8 --locale=C.UTF-8 \
		-A trust -N -U postgres >"$work/initdb.log" 2>&1 ||
		{ cat "$work/initdb.log"; die "initdb failed"; }
	as_user sh -c 'umask 077 && od -An -v -tx1 -N32 /dev/urandom | tr -d " \n" >"$0"' \
		"$work/master.key"
	{
		cat <<-CONF
			listen_addresses = ''
			unix_socket_directories = '$work'
			unix_socket_permissions = 0700
			shared_preload_libraries = 'caredata'
			caredata.master_key_file = '$work/master.key'
			log_line_prefix = '%m [%p] %q%u@%d '
			timezone = 'UTC'
			log_timezone = 'UTC'
		CONF
		cat
	} | as_user sh -c 'cat >>"$0"' "$work/data/postgresql.conf"
	as_user env "${server_environment[@]}" timeout 120 \
		"$pg_bin/pg_ctl" ${server_program:+-p "$server_program"} \
		-D "$work/data" -l "$work/server.log" -w -s start ||
		{ tail -n 20 "$work/server.log"; return 1; }
}

stop_server()
{
	if [ -f "$work/data/postmaster.pid" ]; then
		as_user "$pg_bin/pg_ctl" -D "$work/data" -m fast -w -s stop
	fi
}
