# The master key and the domain keys over the life of a cluster: what is asked
# of the key file, restart, crash, a standby, dump and restore with roles, the
# wrong key, and where key bytes may not be found.

use strict;
use warnings;

use Fcntl ':mode';
use File::Temp ();
use MIME::Base64;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The directory of the key files, beside the data directories and not in one.
my $keys = File::Temp::tempdir(CLEANUP => 1);
my $key_file = "$keys/master.key";

# A master key, a domain key and what must come of them, worked out from the
# description in src/keyring.c and src/pseudonym_block.h by other means (BLAKE2b
# of the Python library, XChaCha20-Poly1305 written out and checked against the
# draft's vector, AES of the openssl command).
my $master_hex =
  '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f';
my $domain_key_hex =
  '030a11181f262d343b424950575e656c737a81888f969da4abb2b9c0c7ced5dc';
my $master_fingerprint = '4b6e17483c1ee818';
my $domain_fingerprint = 'c6b2815919d2f33b';
my $wrapped_hex = '01101112131415161718191a1b1c1d1e1f2021222324252627'
  . 'c8c4638b51424d7fffcf3299128508e8da1e55488e34a06a77c815eb9a78d51c'
  . 'b86e6f097d1793f76459c93c4cc50522';
my @vectors = (
	[ 'pid(1, \'1\')', '3d01e8e0adbea0382518abcab71853ba' ],
	[ 'pid(2147483647, \'1\')', '4ab7e1747f96291ed8aaee3ec43a285b' ],
	[ 'pid(-2147483648, \'1\')', '7bf82264442b309ce4dc70d3570cafa5' ],
	[ 'record_pid(1::bigint, \'1\')', 'a7c10ec1078ab0ae137f2aaf039fbfca' ],
	[ 'record_pid((-1)::bigint, \'1\')', 'bbc66432aaa00aadc9d089df65068534' ],
	[ 'record_pid(\'\'::text, \'1\')', '2757fdac20e02fd23aabac2dc8112e61' ],
	[
		'record_pid(\'RX1/12345\'::text, \'1\')',
		'583a485ef21670cf22c6f51d64951ea8'
	]);

sub write_file
{
	my ($path, $contents, $mode) = @_;
	unlink $path;
	open(my $fh, '>:raw', $path) or die "$path: $!";
	print $fh $contents;
	close($fh) or die "$path: $!";
	chmod(defined $mode ? $mode : 0600, $path) or die "$path: $!";
	return;
}

sub new_node
{
	my ($name, $file) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'");
	$node->append_conf('postgresql.conf', "caredata.master_key_file = '$file'")
	  if defined $file;
	$node->start;
	return $node;
}

# SQLSTATE and message of a statement that must fail, in a session of its own.
sub failure
{
	my ($node, $sql, $database) = @_;
	my ($status, $stdout, $stderr) = $node->psql($database || 'postgres',
		"\\set VERBOSITY verbose\n$sql");
	return "no error: $stdout" if $status == 0 && $stderr !~ /ERROR/;
	return $stderr =~ /ERROR:\s+(\w{5}): ([^\n]*)/ ? "$1 $2" : $stderr;
}

sub hint_of
{
	my ($node, $sql) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', $sql);
	return $stderr;
}

# ---------------------------------------------------------------------------
# What is asked of the file
# ---------------------------------------------------------------------------

my $node = new_node('main');
my $data = $node->data_dir;
$node->safe_psql('postgres', 'CREATE EXTENSION caredata');

my $make = 'SELECT caredata.create_domain(\'refused\')';
is(failure($node, $make), 'F0000 no master key is configured',
	'no master key is configured');
like(hint_of($node, $make), qr/HINT:.*openssl rand -hex 32/,
	'the hint says how to make one');

$node->append_conf('postgresql.conf', "caredata.master_key_file = '$key_file'");
$node->reload;

is(failure($node, $make),
	'F0000 could not open the master key file: No such file or directory',
	'missing file');

my $other_hex = unpack('H*', join('', map { chr(($_ * 37 + 11) % 256) } 0 .. 31));
my @bad = (
	[ 'readable by the group', $other_hex, 0640, qr/can be read or written by others/ ],
	[ 'readable by others', $other_hex, 0604, qr/can be read or written by others/ ],
	[ 'writable by others', $other_hex, 0602, qr/can be read or written by others/ ],
	[ 'executable by the group', $other_hex, 0610, qr/can be read or written by others/ ],
	[ 'empty', '', 0600, qr/wrong length/ ],
	[ 'only a line end', "\n", 0600, qr/wrong length/ ],
	[ '31 bytes', "\xff" x 30 . "\x00", 0600, qr/wrong length/ ],
	[ '33 bytes', "\xff\x00" x 16 . "\n", 0600, qr/wrong length/ ],
	[ '63 digits', substr($other_hex, 1), 0600, qr/wrong length/ ],
	[ '65 digits', $other_hex . '0', 0600, qr/wrong length/ ],
	[ 'two line ends', "$other_hex\n\n", 0600, qr/wrong length/ ],
	[ 'a leading space', " $other_hex", 0600, qr/wrong length/ ],
	[ 'a megabyte', 'a' x 1048576, 0600, qr/wrong length/ ],
	[ 'no digits', 'x' x 64, 0600, qr/does not hold 64 hexadecimal digits/ ],
	[ 'one wrong digit', substr($other_hex, 0, 63) . 'g', 0600, qr/does not hold 64 hexadecimal/ ],
	[ 'zeroes', '0' x 64, 0600, qr/is not random/ ],
	[ 'raw zeroes', "\0" x 32, 0600, qr/is not random/ ],
	[ 'a pass phrase of 32 characters', 'correct horse battery staple 123', 0600, qr/is not random/ ],
	[ 'half a key in hexadecimal', substr($other_hex, 0, 32), 0600, qr/is not random/ ]);
foreach my $bad (@bad)
{
	my ($name, $contents, $mode, $message) = @$bad;
	write_file($key_file, $contents, $mode);
	like(failure($node, $make), qr/^F0000 .*$message/, "refused: $name");
}
unlink $key_file;
mkdir $key_file;
like(failure($node, $make), qr/^F0000 .*not a regular file/, 'refused: a directory');
rmdir $key_file;
POSIX::mkfifo($key_file, 0600) or die "mkfifo: $!";
like(failure($node, $make), qr/^F0000 .*not a regular file/,
	'refused, without waiting: a FIFO');
unlink $key_file;

write_file("$data/master.key", $other_hex);
symlink("$data/master.key", $key_file) or die "symlink: $!";
like(failure($node, $make), qr/^F0000 .*inside the data directory/,
	'refused: a link into the data directory');
unlink $key_file;

# The setting itself; a file that root owns.
sub set_key_file
{
	my ($path) = @_;
	$node->adjust_conf('postgresql.conf', 'caredata.master_key_file', "'$path'");
	$node->reload;
	return;
}
set_key_file("$data/master.key");
like(failure($node, $make), qr/^F0000 .*inside the data directory/,
	'refused: inside the data directory');
set_key_file("$data/base/../master.key");
like(failure($node, $make), qr/^F0000 .*inside the data directory/,
	'refused: inside the data directory by a detour');
unlink "$data/master.key";
SKIP:
{
	skip 'no file that belongs to somebody else', 1
	  unless -r '/etc/passwd' && (stat('/etc/passwd'))[4] != $>;
	set_key_file('/etc/passwd');
	like(failure($node, $make), qr/^F0000 .*belongs to another user/,
		'refused: a file of another user');
}
my $log_start = -s $node->logfile;
set_key_file('relative/master.key');
$node->safe_psql('postgres', 'SELECT pg_sleep(0.1)');
like(slurp_file($node->logfile, $log_start),
	qr/invalid value for parameter "caredata.master_key_file"/,
	'refused: a relative path');
set_key_file($key_file);

is($node->safe_psql('postgres', 'SELECT count(*) FROM caredata.domain'), 0,
	'no domain was made without a key');
is( $node->safe_psql('postgres', q{SELECT usable, problem FROM caredata.key_status()}),
	'f|could not open the master key file: No such file or directory',
	'key_status() says what is wrong');
unlike(hint_of($node, $make), qr/\Q$keys\E/,
	'an error does not tell the client where the key is');
like(slurp_file($node->logfile), qr/The file is "\Q$key_file\E"/,
	'the server log does');

# The same key in each form that is allowed.
my $raw = pack('H*', $master_hex);
foreach my $form ([ 'hexadecimal', $master_hex ], [ 'with a line end', "$master_hex\n" ],
	[ 'with a DOS line end', "$master_hex\r\n" ], [ 'capitals', uc $master_hex ],
	[ 'raw', $raw ])
{
	write_file($key_file, $form->[1]);
	is( $node->safe_psql('postgres',
			q{SELECT encode(caredata.master_key_fingerprint(), 'hex')}),
		$master_fingerprint, "accepted: $form->[0]");
}
write_file($key_file, $master_hex, 0400);
is( $node->safe_psql('postgres',
		q{SELECT encode(caredata.master_key_fingerprint(), 'hex')}),
	$master_fingerprint, 'accepted: read-only to its owner');

# ---------------------------------------------------------------------------
# Known answers, through the whole hierarchy
# ---------------------------------------------------------------------------

$node->safe_psql(
	'postgres', qq{
	INSERT INTO caredata.master_key_check (fingerprint) VALUES ('\\x$master_fingerprint');
	INSERT INTO caredata.domain (domain_id, name, reader_role) VALUES (1, 'known', 'known_reader');
	INSERT INTO caredata.domain_key (domain_id, generation, wrapped_key, fingerprint)
		VALUES (1, 1, '\\x$wrapped_hex', '\\x$domain_fingerprint');
	SELECT setval('caredata.domain_domain_id_seq', 1);});
foreach my $vector (@vectors)
{
	is($node->safe_psql('postgres', "SELECT caredata.$vector->[0]"),
		$vector->[1], "known answer of $vector->[0]");
}
is( $node->safe_psql('postgres', "SELECT caredata.person_of('$vectors[0][1]', '1')"),
	1, 'known answer of person_of()');

# ---------------------------------------------------------------------------
# A small release; restart, crash, standby
# ---------------------------------------------------------------------------

$node->safe_psql(
	'postgres', q{
	CREATE ROLE known_reader NOLOGIN;
	CREATE ROLE known_definer NOLOGIN;
	CREATE ROLE analyst LOGIN IN ROLE known_reader;
	CREATE ROLE stranger LOGIN;
	CREATE SCHEMA care;
	CREATE TABLE care.person AS SELECT i AS person_id, i % 7 AS group_number FROM generate_series(1, 1000) i;
	ALTER TABLE care.person ADD PRIMARY KEY (person_id);
	ALTER TABLE care.person ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	CREATE POLICY known ON care.person TO known_definer USING (person_id > 10);
	GRANT USAGE ON SCHEMA care TO known_definer;
	GRANT SELECT ON care.person TO known_definer;
	CREATE SCHEMA known;
	CREATE VIEW known.person AS
		SELECT caredata.pid(person_id, '1'::caredata.release_ref) AS pid, group_number FROM care.person;
	ALTER VIEW known.person OWNER TO known_definer;
	GRANT USAGE ON SCHEMA known TO known_reader, stranger;
	GRANT SELECT ON known.person TO known_reader, stranger;
	GRANT EXECUTE ON FUNCTION caredata.pid(integer, caredata.release_ref),
		caredata.person_of(caredata.pseudonym, caredata.release_ref) TO known_reader, stranger;
	ALTER DATABASE postgres SET search_path = public, caredata;
	SELECT caredata.create_domain('second', 'known_reader');});

my $digest =
  q{SELECT count(*), md5(string_agg(pid::text, ',' ORDER BY pid)) FROM known.person};

sub as_analyst
{
	my ($on, $sql) = @_;
	return $on->safe_psql('postgres', "SET ROLE analyst;\n$sql");
}
my $before = as_analyst($node, $digest);
like($before, qr/^990\|/, 'the analyst sees the release');
is( failure($node, "SET ROLE stranger; SELECT pid FROM known.person"),
	'42501 permission denied for release "known"',
	'who was given the view by mistake, and is no member, is refused');

my $second = $node->safe_psql('postgres', q{SELECT caredata.pid(1, '2')});
$node->restart;
is(as_analyst($node, $digest), $before, 'same pseudonyms after a restart');
is($node->safe_psql('postgres', q{SELECT caredata.pid(1, '2')}),
	$second, 'of a key made here too');
$node->stop('immediate');
$node->start;
is(as_analyst($node, $digest), $before, 'same pseudonyms after a crash');

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is(as_analyst($standby, $digest), $before, 'same pseudonyms on a standby');
is( $standby->safe_psql('postgres',
		q{SELECT count(*) FROM caredata.key_status() WHERE usable}),
	3, 'key_status() works on a standby');
$standby->stop;

# ---------------------------------------------------------------------------
# The wrong key
# ---------------------------------------------------------------------------

write_file($key_file, $other_hex);
is(as_analyst($node, $digest), $before, 'a server that runs goes on with the key that it started with');
$node->restart;
my $wrong = 'F0000 the master key is not the one that this database\'s keys are encrypted under';
is(failure($node, "SET ROLE analyst; $digest"), $wrong, 'wrong master key: the release');
is(failure($node, q{SELECT caredata.pid(1, '1')}), $wrong, 'wrong master key: pid()');
is( failure($node, "SELECT caredata.person_of('$vectors[0][1]', '1')"),
	$wrong, 'wrong master key: person_of()');
is( failure($node, q{SET ROLE analyst; SELECT * FROM known.person WHERE pid = '3d01e8e0adbea0382518abcab71853ba'}),
	$wrong, 'wrong master key: a lookup');
is(failure($node, q{SELECT caredata.record_pid(1::bigint, '1')}), $wrong, 'wrong master key: record_pid()');
is(failure($node, $make), $wrong, 'wrong master key: a new domain');
my $other_fingerprint = $node->safe_psql('postgres',
	q{SELECT encode(caredata.master_key_fingerprint(), 'hex')});
like(hint_of($node, q{SELECT caredata.pid(1, '1')}),
	qr/asks for the key with fingerprint $master_fingerprint; the file holds $other_fingerprint/,
	'both fingerprints are told');
is( $node->safe_psql('postgres',
		q{SELECT string_agg(usable::text, ',' ORDER BY domain_id NULLS FIRST) FROM caredata.key_status()}),
	'false,false,false', 'key_status(): nothing is usable');
# corrected in the same session: the next statement reads the file again
write_file("$keys/right.key", $master_hex);
my ($status, $out, $err) = $node->psql(
	'postgres', qq{SELECT caredata.pid(1, '1');
\\! cp '$keys/right.key' '$key_file'
SELECT caredata.pid(1, '1');}, on_error_stop => 0);
like($err, qr/the master key is not the one/, 'the wrong key, in a session');
is($out, $vectors[0][1], 'the right one, in the same session');

# ---------------------------------------------------------------------------
# Without preloading
# ---------------------------------------------------------------------------

$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
is( failure($node, "SET ROLE analyst; $digest"),
	'55000 caredata must be loaded when the server starts',
	'not preloaded: an error, no pseudonym');
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'caredata'");
$node->restart;
is(as_analyst($node, $digest), $before, 'preloaded again');

# ---------------------------------------------------------------------------
# Dump and restore into a new cluster
# ---------------------------------------------------------------------------

my $globals = "$keys/globals.sql";
my $dump = "$keys/dump.sql";
$node->command_ok([ 'pg_dumpall', '-g', '-f', $globals, '-d', $node->connstr('postgres') ],
	'pg_dumpall -g');
$node->command_ok([ 'pg_dump', '-C', '-f', $dump, '-d', $node->connstr('postgres') ],
	'pg_dump');

sub restored
{
	my ($name, $file) = @_;
	my $copy = new_node($name, $file);
	# the bootstrap superuser is there already, by the same name
	$copy->psql('postgres', slurp_file($globals), on_error_stop => 0);
	$copy->safe_psql('postgres', 'CREATE DATABASE restored');
	my $text = slurp_file($dump);
	$text =~ s/^(?:CREATE|ALTER) DATABASE postgres[^;]*;$//mg;
	$text =~ s/^\\connect postgres$//mg;
	write_file("$keys/restore.sql", $text);
	$copy->command_ok(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$keys/restore.sql", '-d', $copy->connstr('restored') ],
		"$name: restored without an error");
	return $copy;
}

sub in_restored
{
	my ($on, $sql) = @_;
	return $on->safe_psql('restored', $sql);
}
my $copy = restored('copy', "$keys/right.key");
is(in_restored($copy, "SET search_path = public, caredata; SET ROLE analyst; $digest"),
	$before, 'restored: same pseudonyms, as the analyst');
is(in_restored($copy, q{SELECT caredata.pid(1, '2')}),
	$second, 'restored: same pseudonyms of the second domain');
is( in_restored($copy, "SET search_path = public, caredata; SET ROLE analyst;
		SELECT group_number FROM known.person WHERE pid = caredata.pid(17, NULL) OR pid = (SELECT pid FROM known.person ORDER BY pid LIMIT 1)") ne '',
	1, 'restored: lookups work');
cmp_ok(in_restored($copy, q{SELECT caredata.create_domain('third')}),
	'>', 2, 'restored: numbering goes on');
is( failure($copy, 'SET ROLE analyst; SELECT * FROM care.person', 'restored'),
	'42501 permission denied for schema care',
	'restored: the base table is still closed');
is( failure($copy, q{SET ROLE analyst; SELECT '1'::caredata.release_ref}, 'restored'),
	'42501 permission denied to make a release handle',
	'restored: the handle is still closed');
is( in_restored($copy,
		q{SELECT has_type_privilege('public', 'caredata.release_ref', 'USAGE')
			OR has_function_privilege('public', 'caredata.pid(integer, caredata.release_ref)', 'EXECUTE')}),
	'f', 'restored: type and functions are still not for everybody');
$copy->stop;

write_file("$keys/other.key", $other_hex);
$copy = restored('other_key', "$keys/other.key");
is( failure($copy, "SET search_path = public, caredata; SET ROLE analyst; $digest", 'restored'),
	$wrong, 'restored under another key: an error, no pseudonym');
$copy->stop;

$copy = restored('no_key');
is( failure($copy, "SET search_path = public, caredata; SET ROLE analyst; $digest", 'restored'),
	'F0000 no master key is configured', 'restored without a key: an error');
$copy->stop;

# ---------------------------------------------------------------------------
# Where key bytes may not be found
# ---------------------------------------------------------------------------

$node->append_conf('postgresql.conf', "log_statement = 'all'");
$node->append_conf('postgresql.conf', "log_min_messages = 'debug5'");
$node->append_conf('postgresql.conf', "debug_print_plan = on");
$node->append_conf('postgresql.conf', "debug_print_rewritten = on");
$node->restart;
as_analyst($node, $digest);
as_analyst($node, "EXPLAIN (VERBOSE, ANALYZE) SELECT * FROM known.person WHERE pid = '$vectors[0][1]'");
$node->safe_psql('postgres', q{SELECT * FROM caredata.key_status()});
$node->safe_psql('postgres', q{SELECT caredata.create_domain('fourth')});
$node->psql('postgres', q{SELECT caredata.pid(1, '99')});
$node->psql('postgres', q{SELECT * FROM caredata.new_domain_key(9, 9)});
failure($node, 'SELECT caredata.pid(1, NULL), 1/0');

# every row of every relation of the server's catalogues and of the extension
my $relations = $node->safe_psql('postgres', q{
	SELECT format('SELECT %L, t::text FROM %I.%I t;', relname, nspname, relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
	WHERE relkind IN ('r', 'v', 'm') AND nspname IN ('pg_catalog', 'caredata', 'known', 'information_schema')
	  AND relname NOT IN ('pg_hba_file_rules', 'pg_ident_file_mappings')});
my ($rc, $catalogues, $catalogue_errors) =
  $node->psql('postgres', "SET client_min_messages = warning;\nSET log_min_messages = warning;\nSET log_statement = 'none';\n$relations");
ok(length($catalogues) > 1_000_000, 'the catalogues were read');

$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;

my %places = (
	'the server log' => slurp_file($node->logfile),
	'the catalogues' => $catalogues,
	'the dump' => slurp_file($dump),
	'the dump of the roles' => slurp_file($globals));
my $bytes = '';
my @directories = ($data);
while (my $directory = shift @directories)
{
	foreach my $path (glob("$directory/*"))
	{
		if (-d $path)
		{
			push @directories, $path;
			next;
		}
		$bytes .= slurp_file($path);
	}
}
$places{'the data directory'} = $bytes;

sub forms
{
	my ($hex) = @_;
	my $secret = pack('H*', $hex);
	my $base64 = encode_base64($secret, '');
	$base64 =~ s/=+$//;
	# base64 of a part of a longer string: the two other alignments
	my $second = substr(encode_base64("\0$secret", ''), 2, 40);
	my $third = substr(encode_base64("\0\0$secret", ''), 3, 40);
	return ([ 'raw', $secret ], [ 'hexadecimal', $hex ], [ 'capital hexadecimal', uc $hex ],
		[ 'base64', $base64 ], [ 'base64, shifted', $second ], [ 'base64, shifted twice', $third ],
		[ 'the first half, raw', substr($secret, 0, 16) ],
		[ 'the second half in hexadecimal', substr($hex, 32) ]);
}
my %secrets = (
	'master key' => $master_hex,
	'domain key' => $domain_key_hex);
foreach my $place (sort keys %places)
{
	foreach my $secret (sort keys %secrets)
	{
		my @found = map { $_->[0] }
		  grep { index($places{$place}, $_->[1]) >= 0 } forms($secrets{$secret});
		is("@found", '', "$place: nothing of the $secret");
	}
}
# the search would find something: the wrapped key is there
foreach my $place ('the catalogues', 'the dump')
{
	ok(index($places{$place}, $wrapped_hex) >= 0, "$place: the wrapped key is found");
}
ok(index($places{'the data directory'}, pack('H*', $wrapped_hex)) >= 0,
	'the data directory: the wrapped key is found');

# ---------------------------------------------------------------------------
# No core file of a process that holds a key
# ---------------------------------------------------------------------------

$node->start;
SKIP:
{
	skip 'needs Linux and an ordinary user', 2 unless -d "/proc/$$" && $> != 0;
	# the kernel gives the files of an undumpable process to root
	my $owners = $node->safe_psql(
		'postgres', q{SELECT pg_backend_pid() AS pid \gset
\setenv BACKEND :pid
\! stat -c %u /proc/$BACKEND/environ
SELECT caredata.pid(1, '1') IS NOT NULL;
\! stat -c %u /proc/$BACKEND/environ});
	is((split /\n/, $owners)[0], $>, 'before its first key a process can be dumped');
	is((split /\n/, $owners)[2], 0, 'after it, no core file is written');
}
$node->stop;

done_testing();
