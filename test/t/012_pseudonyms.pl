# The other pseudonyms over a restart, a change of the master key, dump and
# restore, and a standby; and the salts of partners: under another master key
# they do not open, and their bytes are nowhere but in their file.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $keys = File::Temp::tempdir(CLEANUP => 1);
my @master = map { my $n = $_; unpack('H*', join('', map { chr(($_ * $n + 7 * $n) % 256) } 1 .. 32)) } (37, 73, 101);
my $salt = 'a salt that must not show 7c1e';

sub write_file
{
	my ($path, $contents) = @_;
	open(my $fh, '>:raw', $path) or die "$path: $!";
	print $fh $contents;
	close($fh) or die "$path: $!";
	chmod(0600, $path) or die "$path: $!";
	return;
}

sub failure
{
	my ($node, $sql, $database) = @_;
	my ($status, $stdout, $stderr) = $node->psql($database || 'postgres',
		"\\set VERBOSITY verbose\n$sql");
	return $stderr =~ /ERROR:\s+(\w{5}): ([^\n]*)/ ? "$1 $2" : "no error: $stdout";
}

write_file("$keys/one", $master[0]);
write_file("$keys/two", $master[1]);
write_file("$keys/other", $master[2]);
write_file("$keys/salt", "$salt\n");

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'caredata'
caredata.master_key_file = '$keys/one'
log_statement = all
log_min_messages = debug5
CONF
$node->start;

# the salt first: it binds the database to the master key as a release would
$node->safe_psql('postgres', "CREATE EXTENSION caredata; SELECT caredata.import_compat_secret('partner', '$keys/salt')");
$node->safe_psql(
	'postgres', q{
	SELECT caredata.create_domain('audit', 'audit_reader');
	CREATE TABLE kept AS SELECT n, (9990000000 + n)::text AS digits FROM generate_series(1, 500) n;});
my $digest = q{
	SELECT md5(string_agg(concat_ws(',', caredata.pseudonym_of('audit', 'text', digits), caredata.pid_of(n::bigint, 'audit'),
		caredata.fpe_encrypt(digits, 10, '\x01', 'audit'), caredata.nhs_like('9990000018', 'audit'::name),
		caredata.shifted_date('2020-01-01', n, '1'::caredata.release_ref),
		caredata.salted_sha256(digits, 'partner'), caredata.ndr_pseudo_id1(digits, 'partner')), ',' ORDER BY n))
	FROM kept};
my $now = $node->safe_psql('postgres', $digest);
like($now, qr/^[0-9a-f]{32}$/, 'pseudonyms are made');
is($node->safe_psql('postgres', q{SELECT caredata.salted_sha256('x', 'partner')}),
	sha256_hex("x$salt"), 'with the salt of the file');

unlink "$keys/salt";
is($node->safe_psql('postgres', $digest), $now, 'without the file');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $digest), $now, 'after a crash');

# ---------------------------------------------------------------------------
# Quotas: over sessions and connections that break, until the server restarts
# ---------------------------------------------------------------------------

$node->safe_psql(
	'postgres', q{
	CREATE ROLE caredata_linker; CREATE ROLE linda LOGIN IN ROLE caredata_linker;
	GRANT EXECUTE ON FUNCTION caredata.pid_of(bigint, name) TO caredata_linker;
	SELECT caredata.set_quota('linda', 'pseudonymise', 100);});
my $used_up = '53400 quota "pseudonymise" of role "linda" is used up';

# as linda: the number of pseudonyms made, or the error
sub as_linda
{
	my ($on, $count) = @_;
	my ($status, $stdout, $stderr) = $on->psql('postgres',
		"\\set VERBOSITY verbose\nSELECT count(caredata.pid_of(n::bigint, 'audit')) FROM generate_series(1, $count) n;",
		extra_params => [ '-U', 'linda' ]);
	return $stderr =~ /ERROR:\s+(\w{5}): ([^\n]*)/ ? "$1 $2" : $stdout;
}
is(as_linda($node, 40), 40, 'within the quota');
is(as_linda($node, 61), $used_up, 'and past it, in another session');
is($node->safe_psql('postgres', q{SELECT used, values_per_day FROM caredata.quota_uses() WHERE login = 'linda'}), '100|100', 'used to the last value');
$node->safe_psql('postgres', q{SELECT caredata.set_quota('linda', 'pseudonymise', 150)});
my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'linda' ]);
my $backend = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe(q{BEGIN; SELECT count(caredata.pid_of(n::bigint, 'audit')) FROM generate_series(1, 20) n});
$node->safe_psql('postgres', "SELECT pg_terminate_backend($backend, 10000)");
eval { $session->quit; };
is($node->safe_psql('postgres', q{SELECT used FROM caredata.quota_uses() WHERE login = 'linda'}), 120, 'a connection that was cut has used what it used, and no more');

# ---------------------------------------------------------------------------
# A standby
# ---------------------------------------------------------------------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $digest), $now, 'on a standby');
is(as_linda($standby, 150), 150, 'a standby counts for itself');
is(as_linda($standby, 1), $used_up, 'to the same limit');
$standby->stop;

$node->restart;
is(as_linda($node, 150), 150, 'after a restart a new day begins');
is(as_linda($node, 1), $used_up, 'and ends');

# ---------------------------------------------------------------------------
# Another master key
# ---------------------------------------------------------------------------

$node->append_conf('postgresql.conf', "caredata.master_key_file_next = '$keys/two'");
$node->restart;
my $before = $node->safe_psql('postgres', 'SELECT wrapped_secret FROM caredata.compat_secret');
$node->safe_psql('postgres', 'SELECT caredata.rotate_master_key()');
isnt($node->safe_psql('postgres', 'SELECT wrapped_secret FROM caredata.compat_secret'), $before, 'the salt is encrypted anew');
is($node->safe_psql('postgres', $digest), $now, 'after a change of the master key');
$node->append_conf('postgresql.conf', "caredata.master_key_file = '$keys/two'\ncaredata.master_key_file_next = ''");
$node->restart;
is($node->safe_psql('postgres', $digest), $now, 'with the new master key alone');

$node->safe_psql('postgres', "UPDATE caredata.compat_secret SET wrapped_secret = '$before'");
is(failure($node, q{SELECT caredata.salted_sha256('x', 'partner')}),
	'XX001 compatibility secret "partner" cannot be decrypted', 'what the old key encrypted does not open');
$node->append_conf('postgresql.conf', "caredata.master_key_file_next = '$keys/other'");
$node->reload;
like(failure($node, 'SELECT caredata.rotate_master_key()'), qr/^XX001 compatibility secret "partner" cannot be decrypted/,
	'and stops a further change');
is($node->safe_psql('postgres', q{SELECT caredata.pid_of(1::bigint, 'audit') IS NOT NULL}), 't', 'which then has not happened');
write_file("$keys/salt", "$salt\n");
$node->safe_psql('postgres', "SELECT caredata.drop_compat_secret('partner'), caredata.import_compat_secret('partner', '$keys/salt')");
unlink "$keys/salt";
is($node->safe_psql('postgres', $digest), $now, 'imported again it is the same');

# ---------------------------------------------------------------------------
# Dump and restore
# ---------------------------------------------------------------------------

$node->command_ok([ 'pg_dump', '-f', "$keys/dump.sql", '-d', $node->connstr('postgres') ], 'dumped');
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init;
$restored->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'\ncaredata.master_key_file = '$keys/two'\n");
$restored->start;
$restored->safe_psql('postgres', 'CREATE ROLE caredata_linker');
$restored->safe_psql('postgres', 'CREATE DATABASE again');
$restored->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$keys/dump.sql", '-d', $restored->connstr('again') ], 'restored');
is($restored->safe_psql('again', $digest), $now, 'in a restored cluster');
is($restored->safe_psql('again', 'SELECT role_name, use, values_per_day FROM caredata.quotas()'), 'linda|pseudonymise|150', 'quotas came with the dump');
$restored->append_conf('postgresql.conf', "caredata.master_key_file = '$keys/other'");
$restored->restart;
like(failure($restored, q{SELECT caredata.salted_sha256('x', 'partner')}, 'again'),
	qr/^F0000 the master key is not the one/, 'not under another master key');
like(failure($restored, q{SELECT caredata.pseudonym_of('audit', 'text', 'x')}, 'again'),
	qr/^F0000 the master key is not the one/, 'nor any pseudonym');
$restored->stop;

# without the library there is nothing
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
for my $call (
	q{pseudonym_of('audit', 'text', 'x')}, q{pid_of(1::bigint, 'audit')}, q{fpe_encrypt('123456', 10, '', 'audit')},
	q{nhs_like('9990000018', 'audit'::name)}, q{shifted_date('2020-01-01', 1, '1'::caredata.release_ref)},
	q{salted_sha256('x', 'partner')}, q{number_of('00000000000000000000000000000000', 'audit')})
{
	like(failure($node, "SET search_path = public, caredata; SELECT $call"), qr/^55000 caredata must be loaded when the server starts/,
		"not preloaded: $call");
}
$node->stop;

# ---------------------------------------------------------------------------
# Where the salt may not be: log, dump, data directory and WAL
# ---------------------------------------------------------------------------

my @forms = ($salt, unpack('H*', $salt), substr(encode_base64($salt, ''), 0, 24));
my $found = '';
my $files = 0;
my @todo = ($node->data_dir, $node->logfile, "$keys/dump.sql");
while (defined(my $path = shift @todo))
{
	if (-d $path)
	{
		opendir(my $dh, $path) or next;
		push @todo, map { "$path/$_" } grep { $_ ne '.' && $_ ne '..' } readdir($dh);
		next;
	}
	next unless -f $path;
	my $contents = slurp_file($path);
	$files++;
	for my $form (@forms)
	{
		$found .= "$path " if index(lc $contents, lc $form) >= 0;
	}
}
cmp_ok($files, '>', 900, 'files were searched');
is($found, '', 'the salt is in no log, dump, table or WAL');

done_testing();
