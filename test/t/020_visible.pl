# An objection is in force from the next statement on, wherever that statement
# runs: after a restart and a crash, on a standby and after its promotion, after
# dump and restore into another cluster, with many sessions at once. And without
# the library preloaded there is an error, never rows.

use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $keys = File::Temp::tempdir(CLEANUP => 1);
my $key_file = "$keys/master.key";
open(my $fh, '>', $key_file) or die "$key_file: $!";
print $fh join('', map { sprintf '%02x', ($_ * 73 + 5) % 256 } 0 .. 31);
close($fh) or die "$key_file: $!";
chmod(0600, $key_file) or die "$key_file: $!";

sub new_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'");
	$node->append_conf('postgresql.conf', "caredata.master_key_file = '$key_file'");
	$node->append_conf('postgresql.conf', 'max_connections = 40');
	return $node;
}

# What alice sees: the persons of the release.
my $seen = q{SELECT coalesce(string_agg((birth_year - 1950)::text, ' ' ORDER BY birth_year), 'nobody') FROM north.person};

sub seen
{
	my ($node) = @_;
	return $node->safe_psql('care', $seen, extra_params => [ '-U', 'alice' ]);
}

# SQLSTATE and message of alice's statement that must fail.
sub refused
{
	my ($node, $sql) = @_;
	my ($status, $stdout, $stderr) = $node->psql('care',
		"\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', 'alice' ]);
	return "no error: $stdout" if $stderr !~ /ERROR/;
	return $stderr =~ /ERROR:\s+(\w{5}): ([^\n]*)/ ? "$1 $2" : $stderr;
}

sub problems
{
	my ($node) = @_;
	return $node->safe_psql('care', 'SELECT * FROM caredata.check_visible_sets()');
}

my $primary = new_node('primary');
$primary->start;
$primary->safe_psql('postgres', 'CREATE DATABASE care');
$primary->safe_psql('care', 'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');
$primary->safe_psql(
	'care', q{
	CREATE ROLE alice LOGIN;
	CREATE ROLE guardian LOGIN IN ROLE caredata_guardian;
	CREATE TABLE public.number AS
	SELECT row_number() OVER (ORDER BY n)::integer AS i, n
	FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 3000) g) v
	WHERE n IS NOT NULL;
	INSERT INTO care_identity.person SELECT i FROM generate_series(1, 200) i;
	INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT i, n, 1 FROM public.number WHERE i <= 200;
	INSERT INTO care.person (person_id, birth_year) SELECT i, 1950 + i FROM generate_series(1, 5) i;
	INSERT INTO care.person (person_id) SELECT i FROM generate_series(6, 200) i;
	CREATE FUNCTION public.object(i integer, kind text DEFAULT 'local') RETURNS void LANGUAGE sql AS
		$$ SELECT caredata.record_objection(n::text, kind) FROM public.number r WHERE r.i = object.i $$;
	CREATE FUNCTION public.withdraw(i integer) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM caredata.withdraw_objection(n::text, 'local') FROM public.number r WHERE r.i = withdraw.i;
	EXCEPTION WHEN no_data_found THEN NULL;
	END $$;
	SELECT caredata.create_agreement('R-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31');
	SELECT caredata.create_release(1, 'north', 'Everyone.', 'public_task', 'pseudonymised');
	SELECT caredata.permit_dataset(1, 'person');
	SELECT caredata.permit_dataset(1, 'death');
	INSERT INTO care_landing.national_list SELECT n::text FROM public.number WHERE i <= 200 AND i <> 5;
	SELECT caredata.import_national_list(caredata.request_national_list());
	SET SESSION AUTHORIZATION guardian;
	SELECT caredata.approve_release(1);
	RESET SESSION AUTHORIZATION;
	SELECT caredata.activate_release(1);
	GRANT north_reader TO alice;
});
is(seen($primary), '1 2 3 4', 'alice sees who is on the national list');

# ---------------------------------------------------------------------------
# Restart and crash
# ---------------------------------------------------------------------------

$primary->safe_psql('care', 'SELECT public.object(1)');
is(seen($primary), '2 3 4', 'in force from the next statement on');
$primary->restart;
is(seen($primary), '2 3 4', 'in force after a restart');

$primary->safe_psql('care', 'SELECT public.object(2)');
$primary->stop('immediate');
$primary->start;
is(seen($primary), '3 4', 'in force after a crash right behind the commit');

# ---------------------------------------------------------------------------
# Standby
# ---------------------------------------------------------------------------

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is(seen($standby), '3 4', 'in force on a standby');

# One session on the standby that has read the set before: it asks the primary
# to record the objection, waits for the replay, and asks again; then the same
# within one snapshot.
my $on_primary = 'psql -X -q -At -h ' . $primary->host . ' -p ' . $primary->port . ' -U '
  . ($ENV{PGUSER} || getpwuid($<)) . ' -d care';
sub on_primary
{
	my ($sql) = @_;
	return qq{\\! $on_primary -c "$sql" -o /dev/null
SELECT 'lsn' AS name, '' AS value \\gset
\\set target `$on_primary -c "SELECT pg_current_wal_lsn()"`
SELECT set_config('regress.target', :'target', false) IS NULL AS ignored \\gset
DO \$\$ BEGIN
	FOR i IN 1..6000 LOOP
		EXIT WHEN pg_last_wal_replay_lsn() >= current_setting('regress.target')::pg_lsn;
		PERFORM pg_sleep(0.01);
	END LOOP;
END \$\$;
};
}
my $session = $standby->safe_psql(
	'care',
	"$seen;\n" . on_primary('SELECT public.object(3)') . "$seen;\n"
	  . "BEGIN ISOLATION LEVEL REPEATABLE READ;\n$seen;\n"
	  . on_primary('SELECT public.object(4)') . "$seen;\nCOMMIT;\n$seen;\n",
	extra_params => [ '-U', 'alice' ]);
is($session, "3 4\n4\n4\n4\nnobody",
	'a session on the standby sees each objection from its next snapshot on');

$primary->safe_psql('care', q{SELECT caredata.suspend_release(1)});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is(refused($standby, $seen), '55000 release "north" is suspended',
	'a suspended release is refused on the standby');
$primary->safe_psql('care', q{SELECT caredata.resume_release(1)});
$primary->safe_psql('care',
	q{SELECT caredata.withdraw_objection(n::text, 'local') FROM public.number WHERE i IN (1, 4)});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is(seen($standby), '1 4', 'withdrawals come to the standby too');

# the setting of a standby is its own
$standby->append_conf('postgresql.conf', q{caredata.national_list_max_age = '1min'});
$standby->reload;
$primary->safe_psql('care',
	q{UPDATE caredata.visible_set SET national_list_at = national_list_at - interval '1 hour'});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
like(refused($standby, $seen), qr/^55000 the national data opt-out list is 0 days old, more than/,
	'the age limit of the list comes from the server\'s configuration');
$standby->append_conf('postgresql.conf', q{caredata.national_list_max_age = '28d'});
$standby->reload;
$primary->safe_psql('care', 'SELECT caredata.refresh_visible_sets()');

# promotion, with an objection afterwards
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
my $versions = $standby->safe_psql('care', 'SELECT max(version) FROM caredata.visible_set');
$standby->promote;
is(seen($standby), '1 4', 'promoted, the same');
$standby->safe_psql('care', 'SELECT public.object(4)');
is(seen($standby), '1', 'an objection after the promotion');
is($standby->safe_psql('care', "SELECT min(version) > $versions FROM caredata.visible_set"), 't',
	'the promoted server has not given a version twice');
is(problems($standby), '', 'the sets of the promoted server are what they should be');
$standby->stop;

# ---------------------------------------------------------------------------
# Dump and restore
# ---------------------------------------------------------------------------

$primary->safe_psql('care',
	q{SELECT caredata.set_objection_rule('type2', 'registry', NULL, NULL, NULL, false, 'test')});
my $tmp = $PostgreSQL::Test::Utils::tmp_check;
$primary->command_ok([ 'pg_dumpall', '--globals-only', '-f', "$tmp/roles.sql",
		'-d', $primary->connstr('postgres') ], 'dump the roles');
$primary->command_ok([ 'pg_dump', '-f', "$tmp/care.sql", $primary->connstr('care') ],
	'dump the database');
my $copy = new_node('copy');
$copy->start;
# the role that runs the test exists in the new cluster already
$copy->psql('postgres', "\\i $tmp/roles.sql", on_error_stop => 0);
$copy->safe_psql('postgres', 'CREATE DATABASE care');
my ($restored, undef, $restore_errors) = $copy->psql('care', "\\i $tmp/care.sql", on_error_stop => 1);
is($restored, 0, 'restore') or diag($restore_errors);
is(seen($copy), '1 4', 'the restored copy withholds the same persons');
is(problems($copy), '', 'the restored sets are what they should be');
is($copy->safe_psql('care', q{SELECT caredata.objection_applies('type2', 'registry', 'identifiable', 'x', NULL)}),
	'f', 'a local rule is restored');
is( $copy->safe_psql('care', 'SELECT count(*) FROM caredata.objection_rule'),
	$primary->safe_psql('care', 'SELECT count(*) FROM caredata.objection_rule'),
	'shipped rules are there once');
$copy->safe_psql('care', 'SELECT public.object(1)');
is(seen($copy), '4', 'an objection in the restored copy');
is( $copy->safe_psql('care',
		'SELECT min(s.version) > max(p.version) FROM caredata.visible_set s, (SELECT '
		  . $primary->safe_psql('care', 'SELECT max(version) FROM caredata.visible_set')
		  . ' AS version) p'),
	't', 'the restored sequence goes on where the dumped one was');

# sets that did not come back are an error, and one call makes them again
$copy->safe_psql('care', 'TRUNCATE caredata.visible_set, caredata.visible_setting, caredata.visible_chunk');
like(refused($copy, $seen), qr/^55000 release "north" has no visible set/, 'sets that are gone');
$copy->safe_psql('care', 'SELECT caredata.refresh_visible_sets()');
is(seen($copy), '4', 'and built again');
$copy->stop;

# ---------------------------------------------------------------------------
# Not preloaded
# ---------------------------------------------------------------------------

$primary->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$primary->restart;
my $must = '55000 caredata must be loaded when the server starts';
is(refused($primary, $seen), $must, 'not preloaded: an error');
is(refused($primary, 'SELECT count(*) FROM north.death'), $must,
	'not preloaded: an error though the table is empty');
is(refused($primary, 'SELECT count(*) FROM north.person WHERE false'), $must,
	'not preloaded: an error though no row would be read');
$primary->append_conf('postgresql.conf', q{shared_preload_libraries = 'caredata'});
$primary->restart;
is(seen($primary), '1 4', 'preloaded again');

# ---------------------------------------------------------------------------
# Many at once, and killed among it
# ---------------------------------------------------------------------------

PostgreSQL::Test::Utils::append_to_file("$tmp/mixed.sql", q{\set p random(6, 200)
SELECT public.object(:p);
\set q random(6, 200)
SELECT public.withdraw(:q);
SELECT count(*) FROM north.person;
});
my @pgbench = ('pgbench', '-n', '-c', '16', '-j', '2', '-f', "$tmp/mixed.sql",
	'-h', $primary->host, '-p', $primary->port, '--max-tries=1');
my $ended = IPC::Run::run([ @pgbench, '-t', '20', 'care' ], '>', \my $out, '2>', \my $err);
ok($ended, '16 sessions at once, no deadlock') or diag($err);
like($out, qr{actually processed: 320/320}, 'all of them did all');
cmp_ok($primary->safe_psql('care', 'SELECT count(*) FROM care_identity.objection WHERE withdrawn_from IS NULL'),
	'>', 50, 'and there is something to see');
is(problems($primary), '', 'and the sets are what they should be');

foreach my $round (1 .. 5)
{
	my $last = $primary->safe_psql('care', 'SELECT max(objection_id) FROM care_identity.objection');
	my $run = IPC::Run::start([ @pgbench, '-T', '60', 'care' ], '>', \my $o, '2>', \my $e);
	select(undef, undef, undef, 0.2 * $round);
	$primary->stop('immediate');
	$run->finish;
	$primary->start;
	cmp_ok($primary->safe_psql('care', 'SELECT max(objection_id) FROM care_identity.objection'), '>', $last,
		"objections were recorded in round $round");
	is(problems($primary), '', "killed among objections, round $round");
}
is(seen($primary), '1 4', 'and who has nothing to do with it is as before');
$primary->stop;

done_testing();
