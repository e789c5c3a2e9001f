# Changing keys over the life of a cluster: generations under load and on a
# standby, a new master key with a crash between any two steps of the ceremony,
# a key that comes from a command, destruction seen by other sessions, dump and
# restore after a rotation, and where key bytes may not be found after it all.

use strict;
use warnings;

use File::Temp ();
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $keys = File::Temp::tempdir(CLEANUP => 1);
my @master = map { my $n = $_; unpack('H*', join('', map { chr(($_ * $n + 7 * $n) % 256) } 1 .. 32)) } (37, 73, 101);

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

sub failure
{
	my ($node, $sql, $database) = @_;
	my ($status, $stdout, $stderr) = $node->psql($database || 'postgres',
		"\\set VERBOSITY verbose\n$sql");
	return "no error: $stdout" if $status == 0 && $stderr !~ /ERROR/;
	return $stderr =~ /ERROR:\s+(\w{5}): ([^\n]*)/ ? "$1 $2" : $stderr;
}

sub set
{
	my ($node, $name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'");
	$node->reload;
	# the postmaster hands the signal on when it gets to it
	$node->poll_query_until('postgres', "SELECT current_setting('$name') = '$value'")
	  or die "setting $name";
	return;
}

write_file("$keys/one", $master[0]);
write_file("$keys/two", $master[1]);
write_file("$keys/three", $master[2]);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'");
$node->append_conf('postgresql.conf', "caredata.master_key_file = '$keys/one'");
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5");
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caredata;
	ALTER DATABASE postgres SET search_path = public, caredata;
	CREATE ROLE one_reader NOLOGIN;
	CREATE ROLE analyst LOGIN IN ROLE one_reader;
	SELECT caredata.create_domain('one', 'one_reader'), caredata.create_domain('two'), caredata.create_domain('three');
	CREATE TABLE kept AS SELECT n, caredata.pid(n, '1') AS one, caredata.pid(n, '2') AS two FROM generate_series(1, 200) n;
	ANALYZE kept;});

# ---------------------------------------------------------------------------
# The key is loaded at the start, and stays when the file goes
# ---------------------------------------------------------------------------

my $same = q{SELECT count(*) FROM kept WHERE caredata.pid(n, '2') = two};
rename "$keys/one", "$keys/away";
is($node->safe_psql('postgres', $same), 200, 'the file is away: a new session inherits the key');
is( $node->safe_psql('postgres', q{SELECT source, usable FROM caredata.key_status() WHERE kind = 'master'}),
	'file, when the server started|t', 'key_status() says since when');
# renamed in 16, and the old name is gone in 18
my $forced = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
$node->safe_psql('postgres', "SET $forced = on; SET parallel_setup_cost = 0; $same");
is($node->safe_psql('postgres', "SET $forced = on; $same"), 200, 'and so does a parallel worker');
is( $node->safe_psql('postgres',
		q{SELECT count(*) FROM caredata.master_key_in_use() WHERE loaded_at BETWEEN pg_postmaster_start_time() - interval '1 minute' AND pg_postmaster_start_time() + interval '1 minute'}),
	1, 'loaded when the server started');
$node->reload;
is($node->safe_psql('postgres', $same), 200, 'a reload does not lose it');
$node->restart;
like(failure($node, $same), qr/^F0000 could not open the master key file/, 'after a restart it is missing');
rename "$keys/away", "$keys/one";
is($node->safe_psql('postgres', $same), 200, 'put back, it is read at the next use');
$node->restart;

# the guarded memory that a session uses is locked again after the fork
SKIP:
{
	skip 'no /proc', 1 unless -r "/proc/$$/status";
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	my $locked = sub {
		my ($kb) = slurp_file("/proc/$pid/status") =~ /VmLck:\s+(\d+)/;
		return $kb;
	};
	my $before = $locked->();
	$session->query_safe(q{SELECT caredata.pid(1, '1')});
	# undumpable processes hide their status from nobody, only their memory
	my $after = $locked->();
	cmp_ok($after, '>', $before, 'guarded memory is locked in the process that uses the key');
	$session->quit;
}

# ---------------------------------------------------------------------------
# Generations under load, on a standby, over a crash
# ---------------------------------------------------------------------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

# Within a statement there is one generation: every pseudonym of it is current.
my $script = "$keys/read.sql";
write_file($script, q{
SELECT 1 / (count(*) = 200 AND bool_and(caredata.person_of(p, '1') = n) AND bool_and(caredata.current_pid(p, '1') = p)
	AND bool_and(caredata.current_pid(one, '1') = p))::int
FROM (SELECT n, one, caredata.pid(n, '1') AS p FROM kept OFFSET 0) x;
BEGIN ISOLATION LEVEL REPEATABLE READ;
DO $$
DECLARE
	first text;
	second text;
BEGIN
	SELECT md5(string_agg(caredata.pid(n, '1')::text, ',' ORDER BY n)) INTO first FROM kept;
	PERFORM pg_sleep(0.002);
	SELECT md5(string_agg(caredata.pid(n, '1')::text, ',' ORDER BY n)) INTO second FROM kept;
	ASSERT first = second;
END $$;
COMMIT;
});
chmod 0644, $script;
my ($out, $err) = ('', '');
my $bench = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 3, '-T', 8, '-f', $script, '-d', $node->connstr('postgres') ],
	'>', \$out, '2>', \$err);
foreach my $turn (1 .. 12)
{
	$node->safe_psql('postgres', q{SELECT caredata.rotate_domain_key(1), pg_sleep(0.2)});
}
ok($bench->finish, 'readers while the key is rotated twelve times see one generation at a time') or diag "$out$err";
like($out, qr/number of transactions actually processed: [1-9]/, 'and they did read');
is( $node->safe_psql('postgres', q{SELECT max(generation), count(*) FILTER (WHERE usable) FROM caredata.key_status() WHERE domain_id = 1}),
	'13|13', 'thirteen generations');

$node->wait_for_catchup($standby);
my $digest = q{SELECT md5(string_agg(caredata.pid(n, '1')::text, ',' ORDER BY n)) FROM kept};
my $resolved = q{SELECT count(*) FROM kept WHERE caredata.current_pid(one, '1') = caredata.pid(n, '1')};
my $now = $node->safe_psql('postgres', $digest);
is($standby->safe_psql('postgres', $digest), $now, 'the standby has the new generation');
is($standby->safe_psql('postgres', $resolved), 200, 'and resolves the first');
$node->safe_psql('postgres', q{SELECT caredata.close_domain_generation(1, 1)});
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', $resolved), 0, 'until that is closed');
like(failure($standby, q{SELECT caredata.rotate_domain_key(2)}), qr/^25006 /, 'a standby makes no generation');

# a rotation that crashed before its commit was none
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe(q{BEGIN; SELECT caredata.rotate_domain_key(1)});
$node->stop('immediate');
eval { $session->quit; };
$node->start;
is($node->safe_psql('postgres', $digest), $now, 'a crash before the commit: the same pseudonyms');

# ---------------------------------------------------------------------------
# A new master key; the server crashes after every step
# ---------------------------------------------------------------------------

sub crash
{
	$node->stop('immediate');
	$node->start;
	return;
}

my $check = sub {
	my ($what) = @_;
	is($node->safe_psql('postgres', $digest), $now, "same pseudonyms: $what");
	crash();
	is($node->safe_psql('postgres', $digest), $now, "same pseudonyms after a crash: $what");
	return;
};
my $rotate = q{SELECT caredata.rotate_master_key('drill')};
is(failure($node, $rotate), 'F0000 no next master key is configured', 'no next key');
set($node, 'caredata.master_key_file_next', "$keys/missing");
is(failure($node, $rotate), 'F0000 could not open the next master key file: No such file or directory', 'missing next key');
write_file("$keys/open", $master[1], 0644);
set($node, 'caredata.master_key_file_next', "$keys/open");
like(failure($node, $rotate), qr/^F0000 the next master key file can be read or written by others/, 'next key open to others');
is($node->safe_psql('postgres', q{SELECT problem FROM caredata.key_status() WHERE state = 'next'}),
	'the next master key file can be read or written by others than its owner', 'key_status() says so before');
set($node, 'caredata.master_key_file_next', "$keys/one");
is(failure($node, $rotate), '55000 the next master key is the one in use', 'the same key');
is($node->safe_psql('postgres', $digest), $now, 'nothing has changed');

set($node, 'caredata.master_key_file_next', "$keys/two");
set($standby, 'caredata.master_key_file_next', "$keys/two");
is($node->safe_psql('postgres', q{SELECT usable FROM caredata.key_status() WHERE state = 'next'}), 't', 'the next key can be used');
$check->('the next key is configured');

# a session from before, with open keys and an old snapshot
my $old = $node->background_psql('postgres', on_error_stop => 0);
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($old->query_safe($digest), $now, 'an old snapshot, before');

# crash in the middle
$session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe("BEGIN; $rotate");
is($node->safe_psql('postgres', $digest), $now, 'while it is being changed, others go on');
is($session->query_safe($digest), $now, 'who changes it sees the same pseudonyms');
$session->query_safe('ROLLBACK');
is($old->query_safe($digest), $now, 'an old snapshot, after a change was given up');
$session->query_safe("BEGIN; $rotate");
$node->stop('immediate');
eval { $session->quit; };
eval { $old->quit; };
$node->start;
is($node->safe_psql('postgres', $digest), $now, 'a crash before the commit');

$old = $node->background_psql('postgres', on_error_stop => 0);
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$old->query_safe('SELECT count(*) FROM caredata.domain_key');
is($node->safe_psql('postgres', $rotate), 15, 'fifteen keys were encrypted anew');
# this session opens its first key only now, and its snapshot shows the old one
is($old->query_safe($digest), $now, 'an old snapshot, after');
is($old->query_safe(q{SELECT count(*) FROM kept WHERE caredata.pid(n, '2') = two}), 200, 'of another domain, too');
like(failure($node, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; $rotate"), qr/^55000 the next master key is the one in use/, 'a second time');
$old->query_safe('COMMIT');
is($old->query_safe($digest), $now, 'and that session after its transaction');
$old->quit;
$check->('the keys are encrypted anew');
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', $digest), $now, 'on the standby');
is( $node->safe_psql('postgres', q{SELECT source, usable FROM caredata.key_status() WHERE kind = 'master' AND state = 'current'}),
	'next file|t', 'key_status(): the next file is in use');

# the last step, forgotten: the next file is taken away
set($node, 'caredata.master_key_file_next', '');
like(failure($node, $digest), qr/^F0000 the master key is not the one/, 'the old key alone is refused');
set($node, 'caredata.master_key_file', "$keys/two");
$check->('the new key is the configured one');
set($standby, 'caredata.master_key_file', "$keys/two");
set($standby, 'caredata.master_key_file_next', '');
is($standby->safe_psql('postgres', $digest), $now, 'on the standby, restarted');
$standby->stop;
unlink "$keys/one";
is( $node->safe_psql('postgres', q{SELECT event, reason LIKE 'from ________________ to ________________; drill' FROM caredata.key_history() WHERE domain_id IS NULL}),
	'master key changed|t', 'it is in the history');

# makers of keys and a change of the master key exclude each other
$session = $node->background_psql('postgres', on_error_stop => 0);
set($node, 'caredata.master_key_file_next', "$keys/three");
$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$session->query_safe('SELECT count(*) FROM caredata.domain');
$node->safe_psql('postgres', $rotate);
my ($answer, $failed) = $session->query(q{SELECT caredata.create_domain('late')});
like($session->{stderr}, qr/could not serialize access/, 'a key is not made under the old master key by an old snapshot');
$session->quit;
set($node, 'caredata.master_key_file', "$keys/three");
set($node, 'caredata.master_key_file_next', '');
is($node->safe_psql('postgres', $digest), $now, 'a third master key');

# ---------------------------------------------------------------------------
# Dump and restore after the rotations
# ---------------------------------------------------------------------------

my $dump = "$keys/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restored');
is($node->safe_psql('restored', "SET search_path = public, caredata; $digest"), $now, 'restored: same pseudonyms');
is( $node->safe_psql('restored', q{SELECT count(*) FILTER (WHERE state = 'closed'), count(*) FILTER (WHERE state = 'readable'), bool_and(usable) FROM caredata.key_status()}),
	'1|11|t', 'restored: the same generations');
set($node, 'caredata.master_key_file', "$keys/two");
$node->restart;
like(failure($node, $digest, 'restored'), qr/^F0000 the master key is not the one/, 'restored, under the key from before the rotation: refused');
set($node, 'caredata.master_key_file', "$keys/three");
$node->restart;

# ---------------------------------------------------------------------------
# Destruction, seen by other sessions
# ---------------------------------------------------------------------------

$session = $node->background_psql('postgres', on_error_stop => 0);
is($session->query_safe(q{SELECT count(*) FROM kept WHERE caredata.pid(n, '2') = two}), 200, 'a session has the key open');
$old = $node->background_psql('postgres', on_error_stop => 0);
$old->query_safe(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT caredata.pid(1, '2')});
my $cursor = $node->background_psql('postgres', on_error_stop => 0);
$cursor->query_safe(q{BEGIN; DECLARE c CURSOR FOR SELECT caredata.pid(n, '2') = two FROM kept});
is($cursor->query_safe('FETCH 1 FROM c'), 't', 'another has a cursor open');
$node->safe_psql('postgres', q{
	CREATE ROLE caredata_admin; CREATE ROLE caredata_guardian; CREATE ROLE gail LOGIN IN ROLE caredata_guardian;
	GRANT EXECUTE ON FUNCTION caredata.destroy_domain_key(integer, name) TO caredata_guardian;
	SELECT caredata.request_key_destruction(2, 'drill')});
like(failure($node, q{SELECT caredata.destroy_domain_key(2, 'two')}), qr/^42501 /, 'not by who asked');
$node->safe_psql('postgres', q{SET SESSION AUTHORIZATION gail; SELECT caredata.destroy_domain_key(2, 'two')});
my $destroyed = 'the key of pseudonym domain 2 has been destroyed';
$session->query(q{SELECT caredata.pid(1, '2')});
like($session->{stderr}, qr/$destroyed/, 'the session with the key open is refused');
$old->query(q{SELECT caredata.pid(1, '2')});
like($old->{stderr}, qr/$destroyed/, 'and so is an old snapshot');
is($cursor->query_safe('FETCH 1 FROM c'), 't', 'an open cursor comes to its end');
$cursor->query_safe('COMMIT');
$cursor->query(q{SELECT caredata.pid(1, '2')});
like($cursor->{stderr}, qr/$destroyed/, 'and then no more');
$_->quit foreach ($session, $old, $cursor);
is(failure($node, q{SELECT caredata.pid(1, '2')}), "55000 $destroyed", 'a new session');
crash();
is(failure($node, q{SELECT caredata.pid(1, '2')}), "55000 $destroyed", 'after a crash');
is($node->safe_psql('postgres', $digest), $now, 'other domains are as they were');

# ---------------------------------------------------------------------------
# A command instead of the file
# ---------------------------------------------------------------------------

sub command_script
{
	my ($body) = @_;
	write_file("$keys/command", "#!/bin/sh\n$body\n", 0700);
	return;
}

sub start_with_command
{
	my ($body, @arguments) = @_;
	command_script($body) if defined $body;
	$node->stop;
	my $list = join(', ', map { "\"$_\"" } ("$keys/command", @arguments));
	$node->append_conf('postgresql.auto.conf',
		"caredata.master_key_file = ''\ncaredata.master_key_command = '[$list]'");
	$node->start;
	return;
}
my $no_key = 'F0000 the master key command gave no key when the server started';

my $log_start = -s $node->logfile;
start_with_command("cat $keys/three\necho ERROR-TEXT-$master[2] >&2");
is($node->safe_psql('postgres', $digest), $now, 'a key from a command');
is($node->safe_psql('postgres', q{SELECT source FROM caredata.key_status() WHERE kind = 'master'}),
	'command, when the server started', 'key_status() says so');
unlike(slurp_file($node->logfile, $log_start), qr/ERROR-TEXT/, 'what it says on standard error is not kept');
unlink "$keys/command";
is($node->safe_psql('postgres', $digest), $now, 'it is not run again');
$node->reload;
is($node->safe_psql('postgres', "SET $forced = on; $digest"), $now, 'nor after a reload');

# arguments are arguments, whatever is in them
start_with_command('test "$#" = 3 && test "$1" = "a b" && test "$2" = \'$(touch ' . "$keys/touched" . '); *\' && test "$3" = "" && exec head -c 64 ' . "$keys/three",
	'a b', "\$(touch $keys/touched); *", '');
is($node->safe_psql('postgres', $digest), $now, 'no shell looks at the arguments');
ok(!-e "$keys/touched", 'none at all');

foreach my $case (
	[ 'exits with an error', "cat $keys/three; exit 3", qr/ended with exit status 3/ ],
	[ 'is killed', "cat $keys/three; kill -9 \$\$", qr/was ended by signal 9/ ],
	[ 'prints nothing', 'true', qr/did not print a master key/ ],
	[ 'prints too much', "cat $keys/three $keys/three", qr/did not print a master key/ ],
	[ 'prints without end', 'exec yes', qr/did not print a master key|was stopped|was ended/ ],
	[ 'prints a pass phrase', 'printf "correct horse battery staple 123"', qr/did not print a master key/ ])
{
	$log_start = -s $node->logfile;
	start_with_command($case->[1]);
	is(failure($node, $digest), $no_key, "a command that $case->[0]: no key");
	like(slurp_file($node->logfile, $log_start), $case->[2], "and the log says why: $case->[0]");
}
$log_start = -s $node->logfile;
unlink "$keys/command";
start_with_command(undef);
is(failure($node, $digest), $no_key, 'a command that is missing: no key');
like(slurp_file($node->logfile, $log_start), qr/exit status 127/, 'and the log says so');

# a command that hangs is ended, with what it started
$node->append_conf('postgresql.auto.conf', "caredata.master_key_command_timeout = '500ms'");
$log_start = -s $node->logfile;
my $began = time;
start_with_command("echo \$\$ > $keys/pid; sleep 60 & echo \$! >> $keys/pid; wait");
cmp_ok(time - $began, '<', 30, 'a command that hangs does not hold the server up');
like(slurp_file($node->logfile, $log_start), qr/was stopped after 500 ms/, 'and the log says so');
my @alive = grep { -d "/proc/$_" && slurp_file("/proc/$_/stat") !~ /\) Z / } split(' ', slurp_file("$keys/pid"));
is("@alive", '', 'nothing of it is left');

# the wrong key from a command; both settings at once
start_with_command("cat $keys/two");
like(failure($node, $digest), qr/^F0000 the master key is not the one/, 'the wrong key from a command');
$node->stop;
$node->append_conf('postgresql.auto.conf', "caredata.master_key_file = '$keys/three'");
is($node->start(fail_ok => 1), 0, 'file and command at once: the server does not start');
like(slurp_file($node->logfile), qr/master_key_file and caredata.master_key_command are both set/, 'and says why');
$node->append_conf('postgresql.auto.conf', "caredata.master_key_command = ''");
$node->start;
is($node->safe_psql('postgres', $digest), $now, 'the file again');

# ---------------------------------------------------------------------------
# Where key bytes may not be found, after all that
# ---------------------------------------------------------------------------

$node->append_conf('postgresql.conf', "log_statement = 'all'\nlog_min_messages = 'debug5'");
set($node, 'caredata.master_key_file_next', "$keys/two");
$node->restart;
$node->safe_psql('postgres', "$rotate; SELECT caredata.rotate_domain_key(1); SELECT * FROM caredata.key_status(); SELECT * FROM caredata.key_history(); $digest; $resolved");
$node->psql('postgres', q{SELECT caredata.rewrap_domain_key(1, 1, '\x00', '\x00'); SELECT caredata.rewrap_domain_key(1, 2, wrapped_key, fingerprint) FROM caredata.domain_key WHERE domain_id = 1});
my $catalogues = $node->safe_psql('postgres',
	q{SELECT t::text FROM caredata.domain_key t; SELECT t::text FROM caredata.key_event t; SELECT t::text FROM caredata.master_key_check t; SELECT t::text FROM pg_settings t; SELECT t::text FROM pg_file_settings t; SELECT t::text FROM pg_stat_activity t});
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;
my %places = ('the server log' => slurp_file($node->logfile), 'the catalogues' => $catalogues, 'the dump' => slurp_file($dump));
my $bytes = '';
my @directories = ($node->data_dir);
while (my $directory = shift @directories)
{
	foreach my $path (glob("$directory/*"))
	{
		-d $path ? push(@directories, $path) : ($bytes .= slurp_file($path));
	}
}
$places{'the data directory'} = $bytes;
foreach my $place (sort keys %places)
{
	my @found;
	foreach my $hex (@master)
	{
		my $raw = pack('H*', $hex);
		my $base64 = encode_base64($raw, '');
		$base64 =~ s/=+$//;
		push @found, grep { index($places{$place}, $_) >= 0 } ($raw, $hex, uc $hex, $base64,
			substr(encode_base64("\0$raw", ''), 2, 40), substr(encode_base64("\0\0$raw", ''), 3, 40));
	}
	is(scalar(@found), 0, "$place: nothing of the master keys");
}

done_testing();
