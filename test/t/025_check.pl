# caredata.check(): what belongs to the server as a whole. Each is provoked by a
# changed configuration, found, mended, and found no more.

use strict;
use warnings;

use File::Temp ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $keys = File::Temp::tempdir(CLEANUP => 1);
my $key_file = "$keys/master.key";
open(my $fh, '>', $key_file) or die "$key_file: $!";
print $fh join('', map { sprintf '%02x', ($_ * 91 + 7) % 256 } 0 .. 31);
close($fh) or die "$key_file: $!";
chmod(0600, $key_file) or die "$key_file: $!";

my $node = PostgreSQL::Test::Cluster->new('checked');
$node->init;
# what the test framework sets is not what a server should have
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'caredata'
caredata.master_key_file = '$key_file'
fsync = on
max_prepared_transactions = 0
idle_in_transaction_session_timeout = '10min'
log_statement = 'none'
log_file_mode = 0600
log_error_verbosity = terse
log_min_error_statement = panic
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE care');
$node->safe_psql('care', 'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');
$node->safe_psql(
	'care', q{
	CREATE ROLE guardian LOGIN IN ROLE caredata_guardian;
	SELECT caredata.create_agreement('R-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31');
	SELECT caredata.create_release(1, 'north', 'Everyone.', 'public_task', 'anonymised');
	SELECT caredata.permit_dataset(1, 'person');
	SET SESSION AUTHORIZATION guardian;
	SELECT caredata.approve_release(1);
	RESET SESSION AUTHORIZATION;
	SELECT caredata.activate_release(1);
	SELECT caredata.mark_key_backup('test');
});

sub found
{
	my ($pattern) = @_;
	return $node->safe_psql('care',
		"SELECT severity, subject, finding FROM caredata.check() WHERE subject ~ '$pattern'");
}

# configure(settings): add lines, restart; the lines are taken back by mend()
my $configuration = PostgreSQL::Test::Utils::slurp_file($node->data_dir . '/postgresql.conf');

sub configure
{
	$node->append_conf('postgresql.conf', join("\n", @_));
	$node->restart;
}

sub mend
{
	open(my $conf, '>', $node->data_dir . '/postgresql.conf') or die $!;
	print $conf $configuration;
	close($conf);
	$node->restart;
}

is(found('^(setting (?!data_checksums)|extension|master key|keys)'), '', 'nothing to begin with');

# the library
configure(q{shared_preload_libraries = ''});
like(found('^setting shared_preload'), qr/^warning\|.*every release refuses$/, 'library not preloaded');
mend();
is(found('^setting shared_preload'), '', 'preloaded again');
configure(q{shared_preload_libraries = 'auto_explain,caredata'}, 'auto_explain.log_analyze = on');
is(found('^setting (shared_preload|auto_explain)'),
	'warning|setting auto_explain.log_analyze|a reader who sets client_min_messages to log is shown how many rows were withheld',
	'auto_explain shows counts of rows; the library is found in a list');
mend();

# durability
configure('fsync = off', 'synchronous_commit = off');
like(found('^setting (fsync|synchronous_commit)'),
	qr/^danger\|setting fsync\|after a crash an objection.*\nwarning\|setting synchronous_commit\|after a crash an agreement/, 'what a crash may undo');
mend();

# logs
configure(q{log_statement = 'all'}, 'log_file_mode = 0640', 'log_parameter_max_length_on_error = -1');
is(found('^setting log_'), join("\n",
		'warning|setting log_file_mode|log files can be read by others than the server\'s user',
		'warning|setting log_parameter_max_length|parameters of logged statements are logged, NHS numbers among them',
		'warning|setting log_parameter_max_length_on_error|parameters of failed statements are logged, NHS numbers among them',
		'warning|setting log_statement|statements are logged, with the NHS numbers written in them'),
	'identifiers in the log');
mend();
configure(q{log_min_duration_statement = '1s'}, 'log_parameter_max_length = 0');
is(found('^setting log_'),
	'warning|setting log_min_duration_statement|statements are logged, with the NHS numbers written in them',
	'long statements, without their parameters');
mend();

configure('log_error_verbosity = default', 'log_min_error_statement = error');
is(found('^setting log_'), join("\n",
		'advice|setting log_error_verbosity|a line that COPY cannot read is logged as it is',
		'advice|setting log_min_error_statement|a statement that fails is logged, with the NHS numbers written in it'),
	'what PostgreSQL logs of errors by itself');
$node->safe_psql('care', q{ALTER DATABASE care SET log_error_verbosity = terse; ALTER ROLE guardian SET log_min_error_statement = panic});
is(found('^setting log_'), '', 'set for the database, or the logins concerned');
$node->safe_psql('care', q{ALTER DATABASE care RESET log_error_verbosity; ALTER ROLE guardian RESET log_min_error_statement});
mend();

# transactions and system tables
configure('max_prepared_transactions = 5', 'idle_in_transaction_session_timeout = 0', 'allow_system_table_mods = on');
like(found('^setting (max_prepared|idle_in|allow_system)'),
	qr/^warning\|setting allow_system_table_mods\|.*\nadvice\|setting idle_in_transaction_session_timeout\|.*\nadvice\|setting max_prepared_transactions\|/,
	'settings that hold others up');
mend();

# connections
my $hba = PostgreSQL::Test::Utils::slurp_file($node->data_dir . '/pg_hba.conf');
my $hba_lines = ($hba =~ tr/\n//);
open(my $fh_hba, '>>', $node->data_dir . '/pg_hba.conf') or die $!;
print $fh_hba "host all all 192.0.2.0/24 trust\nhost other all 192.0.2.0/24 trust\nlocal all all trust\n";
close($fh_hba);
$node->reload;
like(found('^pg_hba'), qr/^danger\|pg_hba.conf line @{[ $hba_lines + 1 ]}\|a login needs no password/,
	'a network address without a password');
unlike(found('^pg_hba'), qr/line @{[ $hba_lines + 2 ]}\b/, 'a line for another database is none of ours');
like(found('^pg_hba'), qr/^warning\|pg_hba.conf line @{[ $hba_lines + 3 ]}\|/m, 'the local socket without a password');
my $listen = $node->safe_psql('care', 'SHOW listen_addresses');
configure(q{listen_addresses = '*'});
like(found('^setting ssl'), qr/^warning\|setting ssl\|/, 'a network without encryption');
mend();

# the master key's file
sub with_mode
{
	my ($mode, $path) = @_;
	my $before = (stat $path)[2] & 07777;
	chmod($mode, $path) or die "$path: $!";
	my $result = found('^(master key$|keys of)');
	chmod($before, $path) or die "$path: $!";
	return $result;
}
is(with_mode(0640, $key_file),
	'danger|master key|the master key file can be read or written by others than its owner', 'key file open to a group');
is(with_mode(0777, $keys),
	'danger|master key|the directory of the master key file can be written by others than its owner', 'its directory open to all');
is(found('^(master key$|keys of)'), '', 'closed again');
rename($key_file, "$key_file.away") or die $!;
like(found('^(master key$|keys of)'), qr/^danger\|master key\|could not open the master key file: /, 'key file gone');
rename("$key_file.away", $key_file) or die $!;
configure("caredata.master_key_file_next = '$keys/next.key'");
like(found('^master key$'), qr/^danger\|master key\|could not open the next master key file: /, 'and the next one');
mend();
open($fh, '>', $key_file) or die $!;
print $fh join('', map { sprintf '%02x', ($_ * 53 + 29) % 256 } 0 .. 31);
close($fh);
$node->restart;
like(found('^(master key$|keys of)'), qr/^warning\|keys of the releases\|the master key is not the one/, 'another key in its place');

# who asks is told nothing, unless they may
my ($status, undef, $stderr) = $node->psql('care', 'SET ROLE north_reader; SELECT * FROM caredata.check()');
isnt($status, 0, 'a reader may not check');
like($stderr, qr/permission denied for function check/, 'and is told so');
$node->stop;

done_testing();
