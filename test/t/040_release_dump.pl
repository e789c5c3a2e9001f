# Releases through pg_dump and a new cluster.
#
# What must hold: after pg_dumpall --globals-only and pg_dump are restored
# into a new cluster with the same master key, a reader sees what they saw,
# under the same pseudonyms, and not a row more; an objection is in force; a
# release that is over says so.  With another master key nobody sees anything,
# and is told why.  A dump taken by a reader has nothing.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $keys = PostgreSQL::Test::Utils::tempdir();

sub master_key
{
	my ($name) = @_;
	my $file = "$keys/$name";
	my $digits = join '', map { sprintf '%02x', int(rand(256)) } 1 .. 32;
	open(my $fh, '>', $file) or die "$file: $!";
	print $fh $digits;
	close($fh);
	chmod(0600, $file) or die "$file: $!";
	return $file;
}

sub new_node
{
	my ($name, $key) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'caredata'
caredata.master_key_file = '$key'
CONF
	$node->start;
	return $node;
}

# A statement as a user: its output, or its error.
sub as_user
{
	my ($node, $user, $sql) = @_;
	my ($status, $out, $err) = $node->psql('region', $sql,
		extra_params => [ '-U', $user, '-A', '-t' ]);
	return $status == 0 ? $out : $err;
}

my $first_key = master_key('first');
my $old = new_node('old', $first_key);

# Ten people; 2 has opted out nationally, 3 has no NHS number.
$old->safe_psql('postgres', q(
	CREATE DATABASE region;
	CREATE ROLE guardian LOGIN;
	CREATE ROLE alice LOGIN;
	CREATE ROLE bob LOGIN;));
$old->safe_psql('region', q(
	CREATE EXTENSION caredata;
	SELECT caredata.create_care_database();
	GRANT caredata_guardian TO guardian;
	INSERT INTO care_identity.person SELECT i FROM generate_series(1, 10) i;
	INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
	SELECT i, CASE WHEN i <> 3 THEN n END, 1
	FROM (SELECT row_number() OVER (ORDER BY n) AS i, n
		  FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n
				FROM generate_series(1, 200) g) v
		  WHERE n IS NOT NULL) numbered
	WHERE i <= 10;
	INSERT INTO care.person (person_id, birth_year, sex)
	SELECT i, 1950 + i, 1 + i % 2 FROM generate_series(1, 10) i;
	SELECT caredata.ensure_partitions('apc_episode', '2024-04-01', '2026-03-31');
	INSERT INTO care.apc_episode
		(person_id, fyear, epikey, procode3, admidate, epistart, diag_01)
	SELECT i, '2425', i, 'RZZ', DATE '2024-12-20' + 20 * i, DATE '2024-12-20' + 20 * i, 'X99' || i % 10
	FROM generate_series(1, 10) i;
	INSERT INTO care_landing.national_list
	SELECT nhs_number::text FROM care_identity.identity WHERE person_id NOT IN (2, 3);
	SELECT caredata.import_national_list(caredata.request_national_list());
	SELECT caredata.create_agreement('A-1', 'Commissioning', 'QZZ', 'Made-up ICB', '2024-04-01', '2099-03-31');
	SELECT caredata.create_release(1, name::name, 'Planning', 'public_task')
	FROM unnest('{open,over,stopped}'::text[]) name;
	SELECT caredata.permit_dataset(r, 'person', '{birth_year,sex}'),
		   caredata.permit_dataset(r, 'apc_episode', '{epikey,epistart,diag_01}')
	FROM generate_series(1, 3) r;
	SET SESSION AUTHORIZATION guardian;
	SELECT caredata.approve_release(r) FROM generate_series(1, 3) r;
	RESET SESSION AUTHORIZATION;
	SELECT caredata.activate_release(r) FROM generate_series(1, 3) r;
	SELECT caredata.suspend_release(3, 'for the test');
	UPDATE caredata.release SET ends_on = '2024-04-02' WHERE name = 'over';
	SELECT caredata.record_objection((SELECT nhs_number::text FROM care_identity.identity
									  WHERE person_id = 4), 'local');
	GRANT open_reader, over_reader, stopped_reader TO alice;));

# What people decided: rules, a cohort, purposes, the roll-out, amendments, a
# bar, an accepted risk.
$old->safe_psql('region', q(
	SELECT caredata.set_objection_rule('local', NULL, 'anonymised', NULL, NULL, true, 'Board');
	SELECT caredata.define_purpose('insurance', 'Pricing', 'local policy');
	SELECT caredata.record_objection('9990000999', 'purpose', purpose => 'insurance', proxy => 'parent');
	INSERT INTO care.practice (practice_code, name) VALUES ('Y90001', 'One');
	SELECT caredata.pause_rollout('{Y90001}', 'complaint');
	INSERT INTO care_landing.cohort VALUES ('9990000999');
	SELECT caredata.import_cohort('clinic', 'A clinic');
	SELECT caredata.request_national_list();
	SELECT caredata.bar_organisation('QYY', 'sold the data on');
	SELECT caredata.create_release(1, 'other', 'Planning', 'public_task', 'anonymised', purpose_code => 'insurance');
	SELECT caredata.permit_dataset(4, 'person', '{sex}');
	SELECT caredata.permit_column(1, 'person', 'death_year', 'keep');
	SET SESSION AUTHORIZATION guardian;
	SELECT caredata.approve_release(4, accept_differencing => 'visit');
	SELECT caredata.approve_amendment(1, accept_differencing => 'visit');
	RESET SESSION AUTHORIZATION;
	SELECT caredata.permit_column(1, 'person', 'death_month', 'keep');));
my $decided = q(
	SELECT 'rule', to_jsonb(t) FROM caredata.objection_rule t WHERE origin = 'local'
	UNION ALL SELECT 'rule change', to_jsonb(t) FROM caredata.objection_rule_change t
	UNION ALL SELECT 'purpose', to_jsonb(t) FROM caredata.purpose t
	UNION ALL SELECT 'objection', to_jsonb(t) FROM care_identity.objection t
	UNION ALL SELECT 'roll-out', to_jsonb(t) FROM caredata.rollout_event t
	UNION ALL SELECT 'cohort', to_jsonb(t) FROM caredata.cohort t
	UNION ALL SELECT 'member', to_jsonb(t) FROM care_identity.cohort_member t
	UNION ALL SELECT 'request', to_jsonb(t) FROM caredata.national_list_request t
	UNION ALL SELECT 'sent', to_jsonb(t) FROM care_identity.national_list_sent t
	UNION ALL SELECT 'bar', to_jsonb(t) FROM caredata.barred_organisation t
	UNION ALL SELECT 'accepted', to_jsonb(t) FROM caredata.differencing_acceptance t
	UNION ALL SELECT 'amendment', to_jsonb(t) FROM caredata.release_amendment t
	UNION ALL SELECT 'amended', to_jsonb(t) FROM caredata.release_amendment_column t
	UNION ALL SELECT 'register', to_jsonb(t) FROM caredata.release_register() t
	ORDER BY 1, 2);

my $query = q(SELECT pid, birth_year, sex, epikey, epistart, diag_01
			  FROM open.person JOIN open.apc_episode USING (pid) ORDER BY diag_01);
my $before = as_user($old, 'alice', $query);
is(scalar(split /\n/, $before), 7, 'alice sees seven of ten people');
like(as_user($old, 'alice', 'SELECT * FROM over.person'),
	qr/release "over" has expired/, 'an expired release refuses');
like(as_user($old, 'alice', 'SELECT * FROM stopped.person'),
	qr/release "stopped" is suspended/, 'a suspended release refuses');

# ---- a reader's dump -------------------------------------------------------
# Settings that pg_dump makes are no way around the policies.

foreach my $case (
	[ [ '-t', 'care.person' ], 'of a care table' ],
	[ [ '-t', 'open.person', '--enable-row-security' ], 'of a view, of which it has no rows' ],
	[ [ '-n', 'care_identity' ], 'of the identities' ])
{
	my ($options, $what) = @$case;
	my ($out, $err) = run_command(
		[ 'pg_dump', '-h', $old->host, '-p', $old->port, '-U', 'alice', @$options, 'region' ]);
	ok($err =~ /permission denied/ || $out !~ /^(COPY|INSERT)/m, "a reader's dump $what");
	unlike($out, qr/X99|195\d\t/, 'has no record');
}

# ---- dump and restore ------------------------------------------------------

my $globals = $old->backup_dir . '_globals.sql';
my $dump = $old->backup_dir . '_region.sql';
command_ok([ 'pg_dumpall', '-h', $old->host, '-p', $old->port, '-U', $old->safe_psql('postgres', 'SELECT current_user'),
		'--globals-only', '-f', $globals ], 'dump of the roles');
command_ok([ 'pg_dump', '-h', $old->host, '-p', $old->port, '-U', $old->safe_psql('postgres', 'SELECT current_user'),
		'--create', '-f', $dump, 'region' ], 'dump of the database');
my $text = slurp_file($dump);
my $digits = slurp_file($first_key);
unlike($text, qr/$digits/i, 'the dump does not have the master key');

sub restore
{
	my ($name, $key) = @_;
	my $node = new_node($name, $key);

	# the role that initdb made is in the dump of the roles, too
	my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
	my $roles = slurp_file($globals);
	$roles =~ s/^CREATE ROLE "?\Q$superuser\E"?;$//m;
	append_to_file("$globals.$name", $roles);
	command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port,
			'-d', 'postgres', '-f', "$globals.$name" ], "$name: roles are restored");
	command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port,
			'-d', 'postgres', '-f', $dump ], "$name: database is restored without an error");
	return $node;
}

my $new = restore('new', $first_key);

is(as_user($new, 'alice', $query), $before,
	'the same reader sees the same rows under the same pseudonyms');
is(as_user($new, 'alice', q(SELECT count(*) FROM open.person p JOIN open.apc_episode a ON a.pid = p.pid)),
	'7', 'equality of pseudonyms is found by the restored search path');
like(as_user($new, 'alice', 'SELECT * FROM over.person'),
	qr/release "over" has expired/, 'the expired release still refuses');
like(as_user($new, 'alice', 'SELECT count(*) FROM over.person WHERE false'),
	qr/release "over" has expired/, 'even where there is no row to see');
like(as_user($new, 'alice', 'SELECT * FROM stopped.person'),
	qr/release "stopped" is suspended/, 'the suspended release still refuses');
like(as_user($new, 'alice', 'SELECT count(*) FROM care.person'),
	qr/permission denied/, 'the base table is refused');
like(as_user($new, 'alice', 'SELECT count(*) FROM care.apc_episode_2024_25'),
	qr/permission denied/, 'so is a partition');
like(as_user($new, 'bob', 'SELECT count(*) FROM open.person'),
	qr/permission denied/, 'another login gets nothing');
like(as_user($new, 'alice', q(SELECT caredata.pid(1, '1'))),
	qr/permission denied/, 'the handle cannot be made');
is($new->safe_psql('region', q(
		SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE n.nspname = 'care' AND relkind IN ('r', 'p') AND EXISTS (
			SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'person_id')
		AND NOT (relrowsecurity AND relforcerowsecurity))),
	'0', 'every care table is protected again');
is($new->safe_psql('region', 'SELECT count(*) FROM caredata.check_visible_sets()'),
	'0', 'the restored sets are what they would be if they were built anew');

is($new->safe_psql('region', $decided), $old->safe_psql('region', $decided),
	'all that people decided has travelled');
is(scalar(grep { /^accepted/ } split /\n/, $old->safe_psql('region', $decided)), 3, 'three accepted risks among it');
is($new->safe_psql('region', q(
		SET SESSION AUTHORIZATION guardian;
		SELECT caredata.approve_amendment(1))), '3', 'a proposed amendment can be approved');
like(as_user($new, 'alice', 'SELECT death_month FROM open.person LIMIT 1'), qr/^$/, 'and shows its column');
like(($new->psql('region', q(SELECT caredata.create_agreement('A-2', 'x', 'QYY', 'x', '2024-04-01', '2099-03-31'))))[2],
	qr/organisation "QYY" is barred/, 'a barred organisation is barred');

# the lifecycle goes on
$new->safe_psql('region', q(
	SELECT caredata.record_objection((SELECT nhs_number::text FROM care_identity.identity
									  WHERE person_id = 5), 'local');));
is(as_user($new, 'alice', 'SELECT count(*) FROM open.person'), '6',
	'an objection after the restore is in force');
$new->safe_psql('region', q(SELECT caredata.resume_release(3);));
is(as_user($new, 'alice', 'SELECT count(*) FROM stopped.person'), '6',
	'the suspended release can be resumed');
is($new->safe_psql('region', q(
		SELECT caredata.create_release(1, 'another', 'Planning', 'public_task'))),
	'5', 'a new release gets a number that was never used');
is($new->safe_psql('region', q(SELECT string_agg(state, ' ') FROM caredata.release_history(3))),
	'draft approved active suspended active', 'the history travelled');

# ---- another master key ----------------------------------------------------

my $wrong = restore('wrong', master_key('second'));
my $answer = as_user($wrong, 'alice', $query);
like($answer, qr/master key/, 'under another master key the reader is told so');
unlike($answer, qr/X99/, 'and sees no record');
my ($status, $out, $err) = $wrong->psql('region', 'SELECT pid FROM open.person');
isnt($status, 0, 'nor does a superuser get a pseudonym');
is($out, '', 'not one');

done_testing();
